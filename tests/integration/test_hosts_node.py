"""A node is a machine of its own: identity, disk, services, metadata."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hosts_bench import Node, boot, eventually, federation, machine, open_world

from sandbox.hosts import HostsError, NamespaceWorld

NUMBER = 120
USER_DATA = "#!/bin/bash\necho once >> /root/ran\nid -un\necho $PPID > /root/parent\n"
MANAGER = machine("manager", "10.0.0.5", USER_DATA, image="al2023-agraph")
METADATA = {"/latest/meta-data/instance-id": "i-manager", "/latest/user-data": USER_DATA}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NamespaceWorld]:
    world = open_world(NUMBER, tmp_path_factory.mktemp("world"))
    world.arrange({"vpc-1": federation(NUMBER)})
    yield world
    world.close()


@pytest.fixture(scope="module")
def manager(world: NamespaceWorld) -> Node:
    node = boot(world, MANAGER, METADATA)
    eventually(lambda: node.run("cloud-init status").stdout == "status: done\n")
    return node


def test_identity(manager: Node) -> None:
    assert manager.out("hostname") == "ip-10-0-0-5\n"
    assert manager.out("ip -4 -brief address show eth0").split()[2] == "10.0.0.5/32"
    quick = "import socket, time; t = time.time(); print(socket.getfqdn()); assert time.time() - t < 0.5"
    assert manager.out(f"python3 -c '{quick}'") == "ip-10-0-0-5.us-west-2.compute.internal\n"
    assert manager.run("getent hosts nobody.example").returncode == 2
    assert "Amazon Linux 2023" in manager.out("cat /etc/os-release")


def test_users_and_sudo(manager: Node) -> None:
    assert "ec2-user:x:1000:" in manager.out("getent passwd ec2-user")
    assert manager.out("sudo -H -S -n -u root /bin/sh -c 'echo BECOME-SUCCESS ; id -u; echo $HOME'") == (
        "BECOME-SUCCESS\n0\n/root\n"
    )
    assert (
        manager.out("cd /; sudo -u ec2-user -i bash -c 'id -un; pwd; echo $HOME'")
        == "ec2-user\n/home/ec2-user\n/home/ec2-user\n"
    )
    assert manager.out("sudo A=1 bash -c 'echo $A'") == "1\n"
    assert manager.run("sudo -u nobody-here id").returncode == 1


def test_sudo_of_a_user_who_is_not_root(manager: Node) -> None:
    as_ssm_user = "setpriv --reuid ssm-user --regid ssm-user --clear-groups"
    report = "id -un; id -Gn; echo $HOME $USER $SUDO_USER $SUDO_UID $PATH $KEPT $LC_ALL"
    root = manager.out(f"KEPT=kept LC_ALL=C {as_ssm_user} sudo -n /bin/sh -c '{report}'").splitlines()
    assert root == ["root", "root", "/root root ssm-user 1001 /sbin:/bin:/usr/sbin:/usr/bin C"]
    assert manager.out(f"KEPT=kept {as_ssm_user} sudo -E sh -c 'echo $KEPT $USER'") == "kept root\n"
    assert manager.out(f"{as_ssm_user} sudo -Hu ec2-user --prompt=x SET='a b' sh -c 'echo $SET; id -un; id -Gn'") == (
        "a b\nec2-user\nec2-user\n"
    )
    assert manager.out(f"{as_ssm_user} sudo -i echo 'a  b;' '$HOME'") == "a  b; /root\n"
    assert manager.out(f"{as_ssm_user} sudo --user '#1000' -D / -- pwd") == "/\n"
    assert manager.out(f"{as_ssm_user} sudo -v; sudo -k") == ""
    assert manager.run(f"{as_ssm_user} sudo -n nothing-here").stderr == "sudo: nothing-here: command not found\n"
    assert manager.run(f"{as_ssm_user} sudo sh -c 'exit 7'").returncode == 7
    assert manager.run("sudo -u nobody sudo id").stderr == "sudo: nobody is not in the sudoers file.\n"


def test_a_user_who_is_not_root_may_look_at_services_only(manager: Node) -> None:
    eventually(lambda: manager.run("sudo -u ssm-user systemctl is-active amazon-ssm-agent").stdout == "active\n")
    refused = manager.run("sudo -u ssm-user systemctl restart agraph")
    assert (refused.returncode, refused.stderr) == (
        1,
        "Failed to restart units: Interactive authentication required.\n",
    )


def test_sudo_takes_next_to_no_time(manager: Node) -> None:
    many = "time for i in 1 2 3 4 5 6 7 8 9 10; do {} true; done"
    with_sudo, without = (
        float(manager.run("TIMEFORMAT=%R; " + many.format(command)).stderr)
        for command in ("sudo -H -S -n -u root /bin/sh -c", "/bin/sh -c")
    )
    assert (with_sudo - without) / 10 < 0.02


def test_a_python_that_ansible_can_use_and_the_sandboxs_own(manager: Node) -> None:
    manager.out("/usr/bin/python3 -c 'import sys, json, urllib.request; assert sys.version_info >= (3, 9)'")
    manager.out("/usr/lib/sandbox/run sandbox.hosts.errors")


def test_private_directories(manager: Node) -> None:
    assert manager.out("ls /home") == "ec2-user\nssm-user\n"
    manager.out("touch /tmp/here /home/here /root/here /run/here /dev/shm/here /srv/here /usr/local/bin/here /etc/here")
    for path in ("/tmp", "/home", "/root", "/run", "/dev/shm", "/srv", "/usr/local/bin", "/etc"):
        assert not (Path(path) / "here").exists()
    manager.out("script -qc 'tty' /dev/null | grep -q /dev/pts/0")


def test_user_data_once_and_the_disk_kept(world: NamespaceWorld, manager: Node) -> None:
    assert manager.out("cat /root/ran") == "once\n"
    assert "root\n" in manager.out("cat /var/log/cloud-init-output.log")
    manager.out("echo kept > /var/lib/kept; echo gone > /tmp/gone")
    world.halt("i-manager")
    again = boot(world, MANAGER, METADATA)
    manager.process = again.process
    eventually(lambda: again.run("cloud-init status --wait").stdout == "status: done\n")
    assert again.out("cat /root/ran /var/lib/kept; [ ! -e /tmp/gone ]") == "once\nkept\n"


def test_a_discarded_disk_is_gone(world: NamespaceWorld) -> None:
    member = machine("member1", "10.0.1.6")
    boot(world, member).out("touch /var/lib/kept")
    world.discard("i-member1")
    assert boot(world, member).run("ls /var/lib/kept").returncode == 2
    world.discard("i-member1")


def test_services(manager: Node) -> None:
    unit = "[Service]\\nExecStart=/bin/sleep 1000\\nRestart=always\\nRestartSec=0\\n"
    unit += "[Install]\\nWantedBy=multi-user.target\\n"
    manager.out(f"printf '{unit}' > /etc/systemd/system/napper.service")
    manager.out("systemctl enable napper; systemctl start napper")
    assert "active (running)" in manager.out("systemctl status napper")
    first = manager.out("systemctl show -p MainPID napper")
    manager.out("systemctl restart napper")
    assert manager.out("systemctl show -p MainPID napper") != first
    manager.out("systemctl stop napper")
    assert manager.run("systemctl is-active napper").stdout == "inactive\n"
    assert manager.run("pgrep -f 'sleep 1000$'").stdout == ""


def test_what_a_service_has_said(manager: Node) -> None:
    unit = '[Service]\\nExecStart=/bin/sh -c "echo one; echo two; sleep 1000"\\n'
    manager.out(f"printf '{unit}' > /etc/systemd/system/sayer.service")
    assert manager.out("journalctl -u sayer") == "-- No entries --\n"
    manager.out("systemctl start sayer; until grep -q two /var/log/journal/sayer*; do sleep 0.05; done")
    assert manager.out("journalctl -u sayer.service --no-pager").endswith("one\ntwo\n")
    assert manager.out("journalctl -xe -n 1 --unit=sayer") == "two\n"
    assert manager.run("journalctl").returncode == 1
    manager.out("systemctl stop sayer")


def test_a_service_that_dies_comes_back(world: NamespaceWorld, manager: Node) -> None:
    """A unit that was enabled at boot and says Restart=always."""
    world.halt("i-manager")
    manager.process = boot(world, MANAGER, METADATA).process
    eventually(lambda: manager.run("pgrep -f 'sleep 1000$'").returncode == 0)
    first = manager.out("pgrep -f 'sleep 1000$'")
    manager.out("kill -9 $(pgrep -f 'sleep 1000$')")
    eventually(lambda: manager.run("pgrep -f 'sleep 1000$'").stdout.strip() not in ("", first.strip()))


def test_metadata_without_a_token(manager: Node) -> None:
    assert manager.out("curl -sf http://169.254.169.254/latest/meta-data/instance-id") == "i-manager"
    assert manager.run("curl -sf http://169.254.169.254/latest/meta-data/nothing").returncode == 22


def test_metadata_with_a_token(world: NamespaceWorld) -> None:
    member = machine("member0", "10.0.1.5", http_tokens="required")
    node = boot(world, member, {"/latest/meta-data/instance-id": "i-member0"})
    base = "http://169.254.169.254/latest"
    assert "401 - Unauthorized" in node.out(f"curl -s {base}/meta-data/instance-id")
    command = (
        f"TOKEN=$(curl -sf -X PUT {base}/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60');"
        f'curl -sf -H "X-aws-ec2-metadata-token: $TOKEN" {base}/meta-data/instance-id'
    )
    assert node.out(command) == "i-member0"
    world.discard("i-member0")


def test_a_boot_that_fails_leaves_nothing(world: NamespaceWorld) -> None:
    """No disk that counts as used, no link in the way of the next try."""
    once = machine("member1", "10.0.1.6", "#!/bin/bash\necho ran > /root/ran\n")
    with pytest.raises(HostsError, match="A node could not start"):
        world.boot(replace(once, host_name="x" * 100), lambda path: None)
    node = boot(world, once)
    eventually(lambda: node.run("cat /root/ran").stdout == "ran\n")
    world.discard("i-member1")


def test_an_unknown_image_is_refused(world: NamespaceWorld) -> None:
    with pytest.raises(HostsError, match="There is no image nothing; the images are al2023, al2023-agraph, tutorial"):
        world.boot(machine("x", "10.0.1.9", image="nothing"), lambda path: None)
