"""Start, stop and everything between, with real hosts: once only, cleanly, and after a crash too."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Command:
    """The command line, in a directory of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "SANDBOX_HOME": str(home)}

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "sandbox", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, code: int = 0) -> str:
        process = self.begin(*arguments)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == code, errors
        return output + errors

    def status(self) -> dict[str, Any]:
        process = self.begin("status", "--json")
        return dict(json.loads(process.communicate(timeout=30)[0]))


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    each = Command(tmp_path / "home")
    yield each
    each("stop")


def machine() -> dict[str, str]:
    """Return what must be the same before and after."""
    seen = {}
    for name, words in {
        "links": ["ip", "-o", "link"],
        "routes": ["ip", "route", "show", "table", "all"],
        "namespaces": ["ip", "netns"],
        "rules": ["nft", "list", "ruleset"],
    }.items():
        seen[name] = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    seen["mounts"] = Path("/proc/mounts").read_text()
    return seen


def of_sandbox(home: Path) -> list[int]:
    """Return the processes that write to this sandbox's log."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                if str((each / "fd" / "2").readlink()).startswith(str(home)):
                    found.append(int(each.name))
            except OSError:
                continue
    return found


INSTANCE = """
import boto3, time
ec2 = boto3.client("ec2")
vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
launch = dict(ImageId="ami-0a96aafe00000001", InstanceType="t3.medium", MinCount=1, MaxCount=1, SubnetId=subnet)
instance = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
while ec2.describe_instances()["Reservations"][0]["Instances"][0]["State"]["Name"] != "running":
    time.sleep(0.1)
time.sleep(1)
print(boto3.client("sts").get_caller_identity()["Arn"])
"""


@pytest.mark.parametrize("killed", [False, True])
def test_nothing_is_left(command: Command, killed: bool) -> None:
    before = machine()
    assert command("start").startswith("sandbox: started endpoint=http://127.")
    assert command("start").startswith("sandbox: already running")
    state = command.status()
    assert state["running"]
    assert "secret_access_key" not in state
    assert command("run", "--", sys.executable, "-c", INSTANCE).endswith(":root\n")
    assert command("status").startswith("sandbox: running")
    if killed:
        os.kill(state["pid"], signal.SIGKILL)
        deadline = time.monotonic() + 5
        while command.status()["running"]:
            assert time.monotonic() < deadline
        assert command("stop") == "sandbox: was not running\n"
    else:
        assert command("stop") == "sandbox: stopped\n"
    assert not command.home.exists()
    assert of_sandbox(command.home) == []
    assert machine() == before
    assert command("status", code=3) == "sandbox: not running\n"


def test_two_that_start_at_once_find_one(command: Command) -> None:
    started = [command.begin("start") for _ in range(3)]
    lines = [each.communicate(timeout=60)[0] for each in started]
    assert sorted(line.split()[1] for line in lines) == ["already", "already", "started"]
    assert len({line.split("endpoint=")[1].split()[0] for line in lines}) == 1


def test_it_starts_again_after_a_crash(command: Command) -> None:
    command("start")
    killed = os.pidfd_open(command.status()["pid"])
    try:
        signal.pidfd_send_signal(killed, signal.SIGKILL)
        # It holds its locks until the kernel has ended it, which takes as long as the machine is busy.
        assert select.select([killed], [], [], 30)[0]
    finally:
        os.close(killed)
    assert command("start").startswith("sandbox: started")
    assert "already running with the latency table 'fast'" in command("start", "--latency", "aws", code=1)


def test_two_sandboxes_live_side_by_side(command: Command, tmp_path: Path) -> None:
    other = Command(tmp_path / "other")
    try:
        command("start")
        other("start")
        assert command.status()["endpoint"] != other.status()["endpoint"]
    finally:
        other("stop")


def test_it_ends_by_itself_when_nobody_uses_it(command: Command) -> None:
    command("start", "--idle-minutes", "0.02")
    deadline = time.monotonic() + 10
    while command.home.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_it_ends_with_a_signal(command: Command) -> None:
    command("start")
    os.kill(command.status()["pid"], signal.SIGTERM)
    deadline = time.monotonic() + 10
    while command.home.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_environment_is_for_any_shell(command: Command) -> None:
    command("start")
    command.environment |= {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL": "https://elsewhere"}
    script = f'eval "$({sys.executable} -m sandbox env)"; echo "$AWS_ENDPOINT_URL" "${{AWS_PROFILE-none}}"'
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=command.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{command.status()['endpoint']} none\n"
    assert "cannot be run" in command("run", "--", "no-such-command", code=1)
    command("run", "--", "false", code=1)
