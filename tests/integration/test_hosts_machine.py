"""The machine is untouched: before, during and after a sandbox, whatever its nodes do and however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts_bench import boot, eventually, federation, machine, open_world

NUMBER = 122
ROOT = Path(__file__).resolve().parents[2]
LOOKS = (
    "ip link",
    "ip -4 address",
    "ip route show table all",
    "ip netns",
    "ip rule",
    "nft list ruleset",
    "cat /proc/self/mountinfo",
    "hostname",
    "sysctl net.ipv4.ip_forward net.ipv4.conf.all.route_localnet net.ipv4.conf.lo.route_localnet kernel.panic",
    "find /etc /home /mnt /media /opt /srv /usr /dev -xdev -path /dev/shm -prune -o -newer {stamp} -not -type c -print",
)


def look(stamp: Path) -> dict[str, str]:
    """What commands say about the machine."""
    said = {}
    for command in LOOKS:
        words = command.format(stamp=stamp).split()
        said[command] = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return said


@pytest.fixture
def stamp(tmp_path: Path) -> Path:
    stamp = tmp_path / "stamp"
    stamp.touch()
    time.sleep(0.05)
    return stamp


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "world"
    directory.mkdir()
    yield directory
    assert list(directory.iterdir()) == []


def test_nothing_shows_on_the_machine(stamp: Path, directory: Path) -> None:
    before = look(stamp)
    world = open_world(NUMBER, directory)
    try:
        world.arrange({"vpc-1": federation(NUMBER)})
        boot(world, machine("manager", "10.0.0.5"))
        assert look(stamp) == before
    finally:
        world.close()
    assert look(stamp) == before


OWNER = f"""
import sys, time
sys.path.insert(0, {str(ROOT / "tests")!r})
from hosts_bench import *
world = open_world({NUMBER}, Path(sys.argv[1]))
world.arrange({{"vpc-1": federation({NUMBER})}})
node = boot(world, machine("manager", "10.0.0.5"))
node.run("nohup setsid sleep 98765 > /dev/null 2>&1 &")
print(world._process.pid, *processes(world), flush=True)
time.sleep(60)
"""


def test_killing_the_main_process_ends_everything(stamp: Path, directory: Path) -> None:
    before = look(stamp)
    command = [sys.executable, "-c", OWNER, str(directory)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as owner:
        assert owner.stdout is not None
        numbers = [int(word) for word in owner.stdout.readline().split()]
        assert len(numbers) == 2
        eventually(lambda: sleepers() != "")
        owner.send_signal(signal.SIGKILL)
    eventually(lambda: not any(Path(f"/proc/{number}").exists() for number in numbers))
    eventually(lambda: sleepers() == "")
    assert look(stamp) == before


def sleepers() -> str:
    return subprocess.run(["pgrep", "-f", "^sleep 98765"], capture_output=True, text=True, check=False).stdout


ATTACKS = r"""#!/bin/bash
exec > /root/attacks 2>&1
mount -t tmpfs none /mnt && echo ESCAPED mount
mount -t devtmpfs none /mnt && echo ESCAPED devtmpfs
mount -o remount,rw /proc/sys && echo ESCAPED remount
umount /proc/sys && echo ESCAPED umount
mknod /root/disk b 254 0 && echo ESCAPED mknod
unshare --mount true && echo ESCAPED unshare
(echo 7 > /proc/sys/kernel/panic) && echo ESCAPED panic
sysctl -w kernel.panic=7 && echo ESCAPED sysctl
sysctl -w net.ipv4.ip_forward=1 > /dev/null && echo own network may be set
(echo b > /proc/sysrq-trigger) && echo ESCAPED sysrq
(echo 1 > /sys/kernel/mm/ksm/run) && echo ESCAPED sysfs
hostname stolen && echo ESCAPED hostname
date -s '2001-01-01' && echo ESCAPED clock
nsenter -t 1 --mount --root=/proc/1/root true && echo ESCAPED nsenter
chmod 000 /dev/null && chmod 666 /dev/null
echo written > /etc/escaped; echo written > /usr/escaped; echo written > /var/lib/escaped; echo written > /opt/escaped
ip link add trial type dummy; ip link del eth0
echo finished
sleep 0.2
"""


def test_a_node_cannot_change_the_machine(stamp: Path, directory: Path) -> None:
    null = Path("/dev/null").stat()
    before = look(stamp)
    world = open_world(NUMBER, directory)
    try:
        world.arrange({"vpc-1": federation(NUMBER)})
        node = boot(world, machine("manager", "10.0.0.5", ATTACKS))
        eventually(lambda: "finished" in node.run("cat /root/attacks").stdout)
        said = node.out("cat /root/attacks")
        assert "ESCAPED" not in said
        assert "own network may be set" in said
        assert look(stamp) == before
        assert Path("/dev/null").stat().st_mode == null.st_mode
    finally:
        world.close()
    assert look(stamp) == before


def test_a_node_that_destroys_itself(stamp: Path, directory: Path) -> None:
    before = look(stamp)
    world = open_world(NUMBER, directory)
    attack = "#!/bin/bash\nkill -9 -1\nrm -rf --no-preserve-root / \nkill -9 -1\n"
    try:
        world.arrange({"vpc-1": federation(NUMBER)})
        node = boot(world, machine("manager", "10.0.0.5", "#!/bin/bash\nkill -9 -1\n"))
        other = boot(world, machine("member0", "10.0.1.5", attack.replace("kill -9 -1\n", "", 1)))
        eventually(lambda: other.run("true").returncode != 0)
        # Process 1 survives, and brings the services back that want it.
        eventually(lambda: node.run("systemctl is-active amazon-ssm-agent").stdout == "active\n")
        assert look(stamp) == before
        world.discard("i-member0")
        assert boot(world, machine("member0", "10.0.1.5")).out("hostname") == "ip-10-0-1-5\n"
    finally:
        world.close()
    assert look(stamp) == before
    assert Path(sys.base_prefix, "bin").is_dir()
    assert Path(sys.prefix, "bin").is_dir()
