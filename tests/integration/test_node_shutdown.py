"""A node that shuts itself down, in each isolation: its instance stops, or terminates where that was asked for."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Sandbox
from hosts_bench import Node, eventually, federation, machine, open_world

NUMBER = 118
WAYS = ("root", "user", "none") if os.geteuid() == 0 else ("user", "none")
# What is run at first boot, and what becomes of the instance.
ENDS = {
    "shutdown -h now": "terminated",
    "shutdown -P +0 goodbye": "stopped",
    "poweroff": "stopped",
    "halt -p": "terminated",
    "systemctl --no-wall poweroff": "terminated",
    "shutdown -h +1 && shutdown -c": "running",
}
BEHAVIOR = {"terminated": "terminate", "stopped": "stop", "running": "terminate"}


@pytest.fixture(params=WAYS)
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    own = Sandbox(tmp_path / "home")
    started = own.command("start", "--isolation", request.param)
    assert started.returncode == 0, str(started)
    yield own
    own.stop()


def launch(sandbox: Sandbox, commands: dict[str, str]) -> dict[str, str]:
    """Instances that each run a command at first boot, by that command."""
    ec2 = sandbox.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = until(lambda: ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24"))["Subnet"]["SubnetId"]
    wanted: dict[str, Any] = {"ImageId": "ami-0a12023000000002", "InstanceType": "t3.medium"}
    return {
        command: until(
            lambda: ec2.run_instances(
                MinCount=1,
                MaxCount=1,
                SubnetId=subnet,
                InstanceInitiatedShutdownBehavior=BEHAVIOR[end],  # noqa: B023
                UserData=f"#!/bin/bash\n{command}\n",  # noqa: B023
                **wanted,
            )
        )["Instances"][0]["InstanceId"]
        for command, end in commands.items()
    }


def until[Answer](attempt: Callable[[], Answer], seconds: float = 20.0) -> Answer:
    """What the attempt answers, once it is something and no error."""
    end = time.monotonic() + seconds
    while True:
        try:
            if answer := attempt():
                return answer
        except Exception:
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.1)


def test_the_instance_follows_its_node(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instances = launch(sandbox, ENDS)

    def shown() -> dict[str, dict[str, Any]]:
        pages = ec2.describe_instances(InstanceIds=list(instances.values()))["Reservations"]
        found = {each["InstanceId"]: each for page in pages for each in page["Instances"]}
        return {command: found[instance] for command, instance in instances.items()}

    def states() -> dict[str, str]:
        return {command: each["State"]["Name"] for command, each in shown().items()}

    until(lambda: states() == ENDS, 30)
    for command, each in shown().items():
        if ENDS[command] != "running":
            assert each["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown", command
    # Its disk was kept, and it runs user data the first time only.
    stopped = instances["poweroff"]
    ec2.start_instances(InstanceIds=[stopped])
    until(lambda: states()["poweroff"] == "running")
    ec2.terminate_instances(InstanceIds=[stopped])
    until(lambda: states()["poweroff"] == "terminated")
    assert shown()["poweroff"]["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's nodes have no users but root")
def test_only_root_may_and_a_world_tells_of_it_once(tmp_path: Path) -> None:
    world = open_world(NUMBER, tmp_path)
    told: list[str] = []
    try:
        world.arrange({"vpc-1": federation(NUMBER)})
        wanted = machine("manager", "10.0.0.5")
        world.boot(wanted, lambda path: None, lambda: told.append("first"))
        node = Node(world, wanted)
        eventually(lambda: node.run("cloud-init status --wait").returncode == 0)
        for command in ("shutdown now", "poweroff", "systemctl halt", "shutdown -c"):
            refused = node.run(f"sudo -u ec2-user {command}")
            assert refused.returncode == 1, refused
            assert refused.stderr.endswith("Interactive authentication required.\n"), refused
        later = node.run(
            "shutdown +2; systemctl is-active cloud-init amazon-ssm-agent; shutdown -c; pgrep -fx 'sleep 120'"
        )
        assert later.stderr.startswith("Shutdown scheduled for "), later
        assert later.returncode == 1, later
        # What is asked for is not told.
        world.halt(wanted.instance_id)
        world.boot(wanted, lambda path: None, lambda: told.append("second"))
        again = Node(world, wanted)
        eventually(lambda: again.run("cloud-init status --wait").returncode == 0)
        again.run("shutdown now")
        eventually(lambda: told)
        world.discard(wanted.instance_id)
    finally:
        world.close()
    assert told == ["second"]
    assert subprocess.run(["pgrep", "-fx", "sleep 120"], check=False).returncode == 1
