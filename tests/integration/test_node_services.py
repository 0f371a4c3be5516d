"""A service that is installed on a node, and a disk beside the root disk: as with systemd, across boots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hosts_bench import Node, boot, eventually, federation, machine, open_world

from sandbox.allegrograph import distribution
from sandbox.hosts import NamespaceWorld

NUMBER = 118
MACHINE = replace(machine("manager", "10.0.0.5"), disks=(("/dev/sdf", 20),))
CONFIGURATION = """\
Port 10035
SessionPorts 16000-16010
RunAs agraph
SettingsDirectory /var/lib/agraph/settings
LogDir /var/lib/agraph/log
PidFile /run/agraph/agraph.pid
SuperUser somebody:secret-word
<RootCatalog>
  Main /var/lib/agraph/rootcatalog
</RootCatalog>
"""
UNIT = """\
[Unit]
Description=AllegroGraph
[Service]
Type=forking
PIDFile=/run/agraph/agraph.pid
ExecStartPre=/bin/sh -c 'echo never > /sys/kernel/mm/transparent_hugepage/enabled'
ExecStartPre=/usr/bin/install -d -o agraph -g agraph /run/agraph
ExecStart=/opt/agraph/bin/agraph-control --config /etc/agraph.cfg start
ExecStop=/opt/agraph/bin/agraph-control --config /etc/agraph.cfg stop
Restart=on-failure
RestartSec=1
LimitNOFILE=1234
[Install]
WantedBy=multi-user.target
"""
VERSION = "curl -s -m 1 http://127.0.0.1:10035/version"
LOGIN = "-u somebody:secret-word"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NamespaceWorld]:
    world = open_world(NUMBER, tmp_path_factory.mktemp("world"))
    world.arrange({"vpc-1": federation(NUMBER)})
    yield world
    world.close()


def rebooted(world: NamespaceWorld) -> Node:
    world.halt(MACHINE.instance_id)
    return boot(world, MACHINE, {})


def write(node: Node, path: str, content: bytes) -> None:
    """Write a file on the node."""
    target = Path(f"/proc/{node.process}/root{path}")
    target.write_bytes(content)


@pytest.fixture(scope="module")
def node(world: NamespaceWorld) -> Node:
    """A node on whose disk the server is installed, but not started."""
    node = boot(world, MACHINE, {})
    assert node.run("systemctl is-active agraph").returncode != 0
    write(node, "/root/agraph.tar.gz", distribution.contents("8.5.2"))
    write(node, "/etc/agraph.cfg", CONFIGURATION.encode())
    node.out("cd /root && tar xf agraph.tar.gz && agraph-8.5.2/install-agraph /opt/agraph --no-configure")
    node.out("useradd --system --user-group --no-create-home agraph")
    write(node, "/etc/systemd/system/agraph.service", UNIT.encode())
    return node


def test_a_disk_gets_a_file_system_once_and_is_mounted_by_its_uuid(node: Node, world: NamespaceWorld) -> None:
    assert node.out("readlink /dev/sdf; stat -L -c %s /dev/sdf") == f"nvme1n1\n{20 << 30}\n"
    assert node.run("blkid --probe --output export /dev/sdf").returncode == 2
    node.out("mkfs.xfs -q /dev/sdf")
    refused = node.run("mkfs.xfs -q /dev/sdf")
    assert refused.returncode == 1
    assert "appears to contain an existing filesystem (xfs)" in refused.stderr
    known = dict(line.split("=", 1) for line in node.out("blkid --probe --output export /dev/sdf").splitlines())
    assert known["TYPE"] == "xfs"
    node.out("mkdir -p /var/lib/agraph; touch /var/lib/agraph/below")
    node.out(f"echo 'UUID={known['UUID']} /var/lib/agraph xfs defaults 0 2' >> /etc/fstab")
    assert node.run("findmnt --noheadings --output UUID --mountpoint /var/lib/agraph").returncode == 1
    node.out("mount /var/lib/agraph && touch /var/lib/agraph/on-the-disk")
    found = node.out("findmnt --noheadings --output UUID --mountpoint /var/lib/agraph; ls /var/lib/agraph")
    assert found == f"{known['UUID']}\non-the-disk\n"
    node.out("umount /var/lib/agraph")
    assert node.out("ls /var/lib/agraph") == "below\n"
    # What /etc/fstab names is mounted at boot.
    again = rebooted(world)
    eventually(lambda: again.out("ls /var/lib/agraph") == "on-the-disk\n")


def test_a_service_is_started_and_enabled_and_its_limits_hold(node: Node, world: NamespaceWorld) -> None:
    node = Node(world, MACHINE)
    node.out("systemctl daemon-reload && systemctl enable agraph && systemctl start agraph")
    assert node.out(VERSION) == '"8.5.2"'
    assert node.out(f"curl -sf {LOGIN} http://127.0.0.1:10035/users") == '["somebody"]'
    process = node.out("cat /run/agraph/agraph.pid").strip()
    assert node.out(
        f"stat -c %U /proc/{process}; ulimit -n > /dev/null; grep 'open files' /proc/{process}/limits"
    ).split()[:5] == ["agraph", "Max", "open", "files", "1234"]
    # On a command line the password would be everyone's to see.
    assert "secret-word" not in node.out("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    # The setting is the node's own, and not the machine's.
    assert node.out("cat /sys/kernel/mm/transparent_hugepage/enabled") == "never\n"
    assert "[" in Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()


def test_it_is_started_again_after_it_was_killed_and_after_a_boot(node: Node, world: NamespaceWorld) -> None:
    node = Node(world, MACHINE)
    node.out("curl -sf -X PUT " + LOGIN + " http://127.0.0.1:10035/repositories/kept")
    node.out("kill -9 $(cat /run/agraph/agraph.pid)")
    eventually(lambda: node.run(VERSION).stdout == '"8.5.2"', 20)
    again = rebooted(world)
    eventually(lambda: again.run(VERSION).stdout == '"8.5.2"', 20)
    assert '"kept"' in again.out(f"curl -sf {LOGIN} http://127.0.0.1:10035/repositories")
    # What is stopped stays so.
    again.out("systemctl stop agraph")
    assert again.run(VERSION).returncode != 0
    assert again.run("systemctl is-active agraph").stdout == "inactive\n"


def test_what_is_configured_wrong_does_not_start_and_says_why(node: Node, world: NamespaceWorld) -> None:
    node = Node(world, MACHINE)
    write(node, "/etc/agraph.cfg", CONFIGURATION.replace("LogDir", "LogDirectory").encode())
    refused = node.run("/opt/agraph/bin/agraph-control --config /etc/agraph.cfg start")
    assert refused.returncode == 1
    assert refused.stderr == "agraph-control: Line 5 is no directive that is known here: LogDirectory.\n"
