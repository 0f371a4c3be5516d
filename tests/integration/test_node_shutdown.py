"""A node that shuts itself down: its instance stops, or terminates where that was asked for.

Nodes without namespaces share a port of the machine, so test_hosts_anywhere.py, which has it, sees to them.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from harness import ROOT, Sandbox
from hosts_bench import Node, eventually, federation, machine, open_world

NUMBER = 118
WAYS = ("root", "user") if os.geteuid() == 0 else ("user",)
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


class Account:
    """A subnet to launch into."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.ec2 = sandbox.client("ec2")
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = until(lambda: self.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24"))["Subnet"]["SubnetId"]
        self.wanted: dict[str, Any] = {"ImageId": "ami-0a12023000000002", "InstanceType": "t3.medium"}
        self.wanted |= {"SubnetId": subnet, "MinCount": 1, "MaxCount": 1}

    def launch(self, user_data: str, behavior: str) -> str:
        """Launch an instance."""
        more = {"UserData": user_data, "InstanceInitiatedShutdownBehavior": behavior}
        return str(until(lambda: self.ec2.run_instances(**self.wanted, **more))["Instances"][0]["InstanceId"])

    def shown(self, instances: list[str]) -> list[dict[str, Any]]:
        """What EC2 shows of instances, in their order."""
        pages = self.ec2.describe_instances(InstanceIds=instances)["Reservations"]
        found = {each["InstanceId"]: each for page in pages for each in page["Instances"]}
        return [found[each] for each in instances]

    def states(self, *instances: str) -> list[str]:
        """The states of instances."""
        return [each["State"]["Name"] for each in self.shown(list(instances))]


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


def user_data_that_ends(moment: float) -> str:
    """The user data that the project's instances have."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "roles/instances/templates"), keep_trailing_newline=True, autoescape=True
    )
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
    nowhere = "http://127.0.0.1:9/"
    return templates.get_template("user_data.mime.j2").render(instances_ends=ends, instances_way_out_url=nowhere)


def test_the_instance_follows_its_node(sandbox: Sandbox) -> None:
    account = Account(sandbox)
    ends = time.time() + 8
    stays, rests = (account.launch(user_data_that_ends(ends), "terminate") for _ in range(2))
    instances = [account.launch(f"#!/bin/bash\n{command}\n", BEHAVIOR[end]) for command, end in ENDS.items()]
    until(lambda: account.states(rests) == ["running"])
    account.ec2.stop_instances(InstanceIds=[rests])
    until(lambda: account.states(*instances) == list(ENDS.values()), 30)
    for each, end in zip(account.shown(instances), ENDS.values(), strict=True):
        if end != "running":
            assert each["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown", each
    # Its disk was kept, and it runs scripts the first time only.
    stopped = instances[list(ENDS).index("poweroff")]
    account.ec2.start_instances(InstanceIds=[stopped])
    until(lambda: account.states(stopped) == ["running"])
    account.ec2.terminate_instances(InstanceIds=[stopped])
    until(lambda: account.states(stopped) == ["terminated"])
    assert account.shown([stopped])[0]["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    # At its time, and not before.
    while time.time() < int(ends):
        (state,) = account.states(stays)
        assert state in ("pending", "running") or time.time() > int(ends)
        time.sleep(0.2)
    until(lambda: account.states(stays) == ["terminated"])
    # And what was stopped then, as soon as it is started.
    assert account.states(rests) == ["stopped"]
    account.ec2.start_instances(InstanceIds=[rests])
    until(lambda: account.states(rests) == ["terminated"])
    assert account.shown([rests])[0]["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's nodes have no users but root")
def test_only_root_may_and_a_world_tells_of_it_once(tmp_path: Path) -> None:
    world = open_world(NUMBER, tmp_path)
    told: list[str] = []
    try:
        world.arrange({"vpc-1": federation(NUMBER)})
        wanted = machine("manager", "10.0.0.5")
        world.boot(wanted, lambda path: None, ended=lambda: told.append("first"))
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
        world.boot(wanted, lambda path: None, ended=lambda: told.append("second"))
        again = Node(world, wanted)
        eventually(lambda: again.run("cloud-init status --wait").returncode == 0)
        again.run("shutdown now")
        eventually(lambda: told)
        world.discard(wanted.instance_id)
    finally:
        world.close()
    assert told == ["second"]
    assert subprocess.run(["pgrep", "-fx", "sleep 120"], check=False).returncode == 1
