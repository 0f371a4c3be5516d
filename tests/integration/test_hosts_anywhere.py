"""The sandbox in each of its isolations: two nodes with agents and AllegroGraph, and nothing left afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import ROOT, Sandbox, account

from sandbox.hosts.volumes import volumes_of_user

ORDINARY_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""As somebody who has no power over the machine: in a user namespace whose one user is not root.

The files of whoever runs the tests are that user's, so the interpreter can be read wherever it lies.
"""
FORBIDDEN: tuple[str, ...] = ("unshare", "--user", "--map-root-user", "sh", "-c")
FORBIDDEN += ('echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all "$@"', "sh")
"""As root of a container that may make no namespaces."""
WAYS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "root": ((), (), "root"),
    "user, forced": ((), ("--isolation", "user"), "user"),
    "user, ordinary": (ORDINARY_USER, (), "user"),
    "none, forced": ((), ("--isolation", "none"), "none"),
    "none, for want of namespaces": (FORBIDDEN, (), "none"),
    "none, ordinary": (ORDINARY_USER, ("--isolation", "none"), "none"),
}

if os.geteuid() != 0:
    WAYS = {name: way for name, way in WAYS.items() if name.endswith("forced")}


def eventually[Answer](attempt: Callable[[], Answer], seconds: float = 30.0) -> Answer:
    """What the attempt answers, once it is something and no error."""
    end = time.monotonic() + seconds
    while True:
        try:
            if answer := attempt():
                return answer
        except (ClientError, urllib.error.URLError, OSError):
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.1)


def machine() -> dict[str, str]:
    """What must be the same before and after."""
    commands = (["ip", "-o", "link"], ["ip", "-o", "address"], ["ip", "route", "show", "table", "all"])
    seen = {
        " ".join(words): subprocess.run(words, capture_output=True, text=True, check=False).stdout for words in commands
    }
    return seen | {"mounts": Path("/proc/mounts").read_text()}


def processes(home: Path) -> list[str]:
    """The processes that have to do with a sandbox: by what they were called with or write to."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and int(each.name) != os.getpid():
            try:
                told = (each / "cmdline").read_bytes() + (each / "environ").read_bytes()
                if str(home).encode() in told or str((each / "fd/2").readlink()).startswith(str(home)):
                    found.append((each / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return found


class Anywhere(Sandbox):
    """A sandbox that is started and stopped by somebody."""

    def __init__(self, home: Path, somebody: tuple[str, ...]) -> None:
        super().__init__(home)
        self.somebody = somebody
        self.environment["PYTHONDONTWRITEBYTECODE"] = "1"

    def say(self, *arguments: str) -> str:
        """What `python -m sandbox ARGUMENTS` prints."""
        command = [*self.somebody, sys.executable, "-m", "sandbox", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done
        return done.stdout

    def launch(self) -> dict[str, str]:
        """Two instances that SSM knows, each with its Elastic IP, in the smallest network that lets them out."""
        ec2, iam = self.client("ec2"), self.client("iam")
        statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(RoleName="node", AssumeRolePolicyDocument=trust)
        iam.attach_role_policy(RoleName="node", PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
        iam.create_instance_profile(InstanceProfileName="node")
        iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        way_out = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=way_out)
        of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
        (table,) = eventually(lambda: ec2.describe_route_tables(Filters=of_vpc)["RouteTables"])
        ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=way_out)
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        (group,) = eventually(lambda: ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"])
        everyone = {"IpProtocol": "tcp", "FromPort": 10035, "ToPort": 10035, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[everyone])
        launched = eventually(
            lambda: ec2.run_instances(
                **{"ImageId": "ami-0a96aafe00000001", "InstanceType": "t3.medium", "MinCount": 2, "MaxCount": 2},
                NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet}],
                IamInstanceProfile={"Name": "node"},
                UserData="#!/bin/bash\necho user data\n",
            )["Instances"]
        )
        ids = [each["InstanceId"] for each in launched]
        ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        addresses = {each: ec2.allocate_address(Domain="vpc") for each in ids}
        for each, address in addresses.items():
            eventually(lambda: ec2.associate_address(InstanceId=each, AllocationId=address["AllocationId"]))  # noqa: B023
        ssm = self.client("ssm")
        eventually(lambda: len(ssm.describe_instance_information()["InstanceInformationList"]) == 2)
        return {each: address["PublicIp"] for each, address in addresses.items()}

    def on(self, instance: str, script: str) -> list[str]:
        """The lines that a script prints on an instance, by Run Command."""
        ssm = self.client("ssm")
        parameters = {"commands": [script]}
        sent = ssm.send_command(InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters=parameters)

        def ended() -> Any:
            details = {"CommandId": sent["Command"]["CommandId"], "Details": True}
            (answer,) = ssm.list_command_invocations(**details)["CommandInvocations"]
            return answer if answer["Status"] not in {"Pending", "InProgress"} else None

        answer = eventually(ended)
        assert answer["Status"] == "Success", str(answer)
        return str(answer["CommandPlugins"][0]["Output"]).splitlines()


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Anywhere, tuple[str, ...], str]]:
    somebody, options, isolation = WAYS[request.param]
    sandbox = Anywhere(tmp_path / "home", somebody)
    yield sandbox, options, isolation
    sandbox.say("stop")


def version(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}:10035/version", timeout=5) as answer:
        return str(answer.read().decode())


def test_two_nodes_anywhere(way: tuple[Anywhere, tuple[str, ...], str]) -> None:
    sandbox, options, isolation = way
    before = machine()
    line, *remarks = sandbox.say("start", *options).splitlines()
    assert line.endswith(f" isolation={isolation}")
    assert ["nodes are processes of this machine" in each.lower() for each in remarks] == [True] * (isolation == "none")
    assert f" isolation={isolation} " in sandbox.say("status")
    assert sandbox.state["isolation"] == isolation
    empty = account(sandbox)["instances"]

    addresses = sandbox.launch()
    ids = list(addresses)
    ec2 = sandbox.client("ec2")
    shown = {
        each["InstanceId"]: each
        for reservation in ec2.describe_instances(InstanceIds=ids)["Reservations"]
        for each in reservation["Instances"]
    }
    for address in addresses.values():
        assert eventually(lambda: version(address)) == '"8.5.2"'  # noqa: B023
    secure = f"{sandbox.state['endpoint_s3']}/.address"
    for this, other in (ids, ids[::-1]):
        there = shown[other]["PrivateIpAddress"]
        assert there.startswith(
            "10.0.0." if isolation != "none" else f"127.{sandbox.state['endpoint'].split('.')[1]}.2."
        )
        said = sandbox.on(
            this,
            f"sudo id -u; curl -s 169.254.169.254/latest/meta-data/instance-id; echo; systemctl is-active agraph\n"
            f"curl -s -u test:xyzzy -X PUT http://127.0.0.1:10035/repositories/of-{this}; echo $?\n"
            f"curl -s http://{there}:10035/version; echo; cloud-init status\n"
            f"curl -sf {secure} > /dev/null; echo $?; sudo curl -sf {secure} > /dev/null; echo $?\n"
            f"python3 -c \"import urllib.request as request; print(request.urlopen('{secure}').status)\"",
        )
        root = "1000" if sandbox.somebody == ORDINARY_USER and isolation == "none" else "0"
        assert said == [root, this, "active", "0", '"8.5.2"', "status: done", "0", "0", "200"]
    # Each server asks what is to go wrong with it.
    sandbox.faults([{"allegrograph": "error", "status": 503, "times": 2}])
    for count, address in enumerate(addresses.values(), 1):
        with pytest.raises(urllib.error.HTTPError, match="503"):
            version(address)
        assert sandbox.listed_faults()[0]["struck"] == count
    sandbox.clear_faults()
    # Each repository is on the node that made it.
    for this in ids:
        (made,) = sandbox.on(
            this, "curl -s -u test:xyzzy -H 'Accept: application/json' http://127.0.0.1:10035/repositories"
        )
        assert [each["id"].strip('"') for each in json.loads(made)] == [f"of-{this}"]
    ec2.stop_instances(InstanceIds=ids[1:])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=ids[1:], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    ec2.start_instances(InstanceIds=ids[1:])
    process = "systemctl show -p MainPID agraph"
    first, again, active = eventually(
        lambda: sandbox.on(ids[1], f"{process}; systemctl restart agraph; {process}; systemctl is-active agraph")
    )
    assert (first != again, active) == (True, "active")
    sandbox.on(ids[1], "(sleep 0.5; sudo shutdown -h now) < /dev/null > /dev/null 2>&1 & echo soon")
    ec2.get_waiter("instance_stopped").wait(InstanceIds=ids[1:], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    ec2.terminate_instances(InstanceIds=ids[:1])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids[:1], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert empty == []

    assert sandbox.say("stop") == "sandbox: stopped\n"
    assert not sandbox.home.exists()
    if sandbox.somebody:
        # Each command has a user namespace of its own here, and cannot look into another's processes to wait for them.
        eventually(lambda: not processes(sandbox.home), seconds=5)
    assert processes(sandbox.home) == []
    assert machine() == before


def test_a_killed_one_leaves_nothing_either(tmp_path: Path) -> None:
    sandbox = Anywhere(tmp_path / "home", ())
    sandbox.say("start", "--isolation", "none")
    eventually(lambda: sandbox.on(next(iter(sandbox.launch())), "setsid sleep 1000 > /dev/null 2>&1 & echo begun"))
    killed = sandbox.state["pid"]
    os.kill(killed, 9)
    # The kernel takes a moment to end it.
    eventually(lambda: not Path(f"/proc/{killed}/exe").exists())
    assert sandbox.say("stop") == "sandbox: was not running\n"
    assert processes(sandbox.home) == []
    assert not sandbox.home.exists()


def test_another_isolation_while_it_runs_is_refused(tmp_path: Path) -> None:
    sandbox = Anywhere(tmp_path / "home", ())
    sandbox.say("start", "--isolation", "user")
    try:
        refused = sandbox.command("start", "--isolation", "none")
        assert refused.returncode == 1
        assert "already running with isolation 'user'" in refused.stderr
    finally:
        sandbox.say("stop")


def test_root_is_refused_to_an_ordinary_user(tmp_path: Path) -> None:
    command = [*ORDINARY_USER, sys.executable, "-m", "sandbox", "start", "--isolation", "root"]
    environment = {**os.environ, "SANDBOX_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ERROR: The sandbox needs root")


def test_what_is_mounted_inside_a_system_directory(tmp_path: Path) -> None:
    mounts = ["22 27 0:21 / /usr/share rw - ext4 /dev/x rw", "23 27 0:21 / /home rw - ext4 /dev/y rw"]
    paths = [volume.path for volume in volumes_of_user(mounts)]
    assert "/usr" not in paths
    assert {"/", "/usr/share", "/usr/bin", "/var"} <= set(paths)
