"""Twenty nodes at once, and a hundred when asked for (`pytest -m slow`): their agents, their commands, their memory."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import Sandbox

pytestmark = pytest.mark.timeout(600)

IMAGE = "ami-0a96aafe00000001"
PROFILE = "node"
AT_MOST = 50  # instances that one SendCommand takes
GIBIBYTE = 1 << 30


def eventually(attempt: Callable[[], Any], seconds: float, passing: str = "") -> Any:
    """What the attempt answers, once that is something; an error with the code `passing` passes."""
    end = time.monotonic() + seconds
    while True:
        try:
            if answer := attempt():
                return answer
        except ClientError as error:
            if error.response["Error"]["Code"] != passing:
                raise
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.2)


@dataclass(frozen=True)
class Site:
    """A sandbox with nodes in a private subnet."""

    sandbox: Sandbox
    ec2: Any
    ssm: Any
    nodes: list[str]

    def online(self) -> set[str]:
        """The nodes whose agents are connected."""
        filters = [{"Key": "PingStatus", "Values": ["Online"]}]
        pages = self.ssm.get_paginator("describe_instance_information").paginate(Filters=filters)
        return {each["InstanceId"] for page in pages for each in page["InstanceInformationList"]}

    def run(self, nodes: list[str], *lines: str, seconds: float = 60) -> dict[str, str]:
        """Run a script on nodes; what each of them printed."""
        ids = [
            self.ssm.send_command(
                InstanceIds=nodes[start : start + AT_MOST],
                DocumentName="AWS-RunShellScript",
                Parameters={"commands": list(lines)},
            )["Command"]["CommandId"]
            for start in range(0, len(nodes), AT_MOST)
        ]

        def ended() -> bool:
            commands = [self.ssm.list_commands(CommandId=each)["Commands"][0] for each in ids]
            return all(each["Status"] not in {"Pending", "InProgress"} for each in commands)

        eventually(ended, seconds)
        said = {}
        for command in ids:
            pages = self.ssm.get_paginator("list_command_invocations").paginate(CommandId=command, Details=True)
            for each in (invocation for page in pages for invocation in page["CommandInvocations"]):
                assert each["Status"] == "Success", each
                said[each["InstanceId"]] = each["CommandPlugins"][0]["Output"]
        return said


@pytest.fixture(scope="module", params=[20, pytest.param(100, marks=pytest.mark.slow)], ids="{} nodes".format)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """All nodes of one RunInstances, with their agents online."""
    sandbox = Sandbox(tmp_path_factory.mktemp("many"))
    sandbox.start()
    try:
        launched = launch(sandbox, request.param)
        eventually(lambda: launched.online() >= set(launched.nodes), 15 + 3 * request.param)
        yield launched
    finally:
        sandbox.stop()


def launch(sandbox: Sandbox, count: int) -> Site:
    """Instances behind a NAT gateway, which they need to reach Systems Manager."""
    ec2, iam = sandbox.client("ec2"), sandbox.client("iam")
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName=PROFILE, AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName=PROFILE, PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
    iam.create_instance_profile(InstanceProfileName=PROFILE)
    iam.add_role_to_instance_profile(InstanceProfileName=PROFILE, RoleName=PROFILE)

    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"] for cidr in ("10.0.0.0/24", "10.0.1.0/24")
    ]
    way_out = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=way_out)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
    for subnet, target in zip(subnets, ({"GatewayId": way_out}, {"NatGatewayId": nat}), strict=True):
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)

    wanted = {"ImageId": IMAGE, "InstanceType": "t3.medium", "MinCount": count, "MaxCount": count}
    wanted |= {"SubnetId": subnets[1], "IamInstanceProfile": {"Name": PROFILE}}
    launched = eventually(lambda: ec2.run_instances(**wanted), 20, passing="InvalidParameterValue")
    return Site(sandbox, ec2, sandbox.client("ssm"), [each["InstanceId"] for each in launched["Instances"]])


def test_each_takes_a_command_and_answers_with_what_is_its_own(site: Site) -> None:
    described = site.ec2.get_paginator("describe_instances").paginate(InstanceIds=site.nodes)
    addresses = {
        each["InstanceId"]: each["PrivateIpAddress"]
        for page in described
        for reservation in page["Reservations"]
        for each in reservation["Instances"]
    }
    token = "$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)"
    said = site.run(
        site.nodes,
        f'number=$(curl -s -H "X-aws-ec2-metadata-token: {token}" '
        "http://169.254.169.254/latest/meta-data/ami-launch-index)",
        "until curl -sf -o /dev/null http://127.0.0.1:10035/version; do sleep 0.5; done",
        "curl -sf -o /dev/null -u test:xyzzy -X PUT http://127.0.0.1:10035/repositories/r",
        "echo $number $(hostname -I) $(curl -sf -u test:xyzzy http://127.0.0.1:10035/repositories/r/size)",
    )
    assert said == {node: f"{index} {addresses[node]} 0\n" for index, node in enumerate(site.nodes)}


def test_one_command_takes_fifty_at_most(site: Site) -> None:
    made_up = [f"i-{number:017x}" for number in range(AT_MOST + 1 - min(len(site.nodes), AT_MOST))]
    with pytest.raises(ClientError) as refused:
        site.ssm.send_command(
            InstanceIds=[*site.nodes[:AT_MOST], *made_up],
            DocumentName="AWS-RunShellScript",
            Parameters={"commands": ["true"]},
        )
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert "less than or equal to 50" in str(refused.value)


def test_an_agent_that_is_stopped_is_lost_and_comes_back(site: Site) -> None:
    node, other = site.nodes[:2]

    def status() -> str:
        filters = [{"Key": "InstanceIds", "Values": [node]}]
        (known,) = site.ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
        return str(known["PingStatus"])

    # Whatever goes on on the node while its agent is away must not be the agent's own child.
    away = "sleep 0.5; systemctl stop amazon-ssm-agent; sleep 5; systemctl start amazon-ssm-agent"
    site.run([node], f"setsid --fork bash -c '{away}' > /dev/null 2>&1 < /dev/null")

    def refused() -> str:
        try:
            site.ssm.terminate_session(SessionId=site.ssm.start_session(Target=node)["SessionId"])
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    assert eventually(refused, 10) == "TargetNotConnected"
    eventually(lambda: status() == "ConnectionLost", 10)
    assert site.ssm.get_connection_status(Target=node)["Status"] == "notconnected"
    assert site.ssm.get_connection_status(Target=other)["Status"] == "connected"
    eventually(lambda: status() == "Online", 20)
    assert site.run([node], "echo back") == {node: "back\n"}
    assert refused() == ""


def test_several_sessions_at_once_on_each_of_three_nodes(site: Site) -> None:
    conversations = []
    for node in site.nodes[:3]:
        for number in range(3):
            started = site.ssm.start_session(Target=node)
            access = {name: started[name] for name in ("SessionId", "TokenValue", "StreamUrl")}
            conversations.append((node, number, converse(site.sandbox, node, access)))
    for node, number, conversation in conversations:
        assert conversation.stdin
        conversation.stdin.write(f"echo here-$(hostname)-$(({number} * 7)); exit\n")
        conversation.stdin.flush()
        name = site.run([node], "hostname")[node].strip()
        said = conversation.communicate(timeout=30)[0]
        assert f"here-{name}-{number * 7}" in said


def converse(sandbox: Sandbox, node: str, access: dict[str, str]) -> subprocess.Popen[str]:
    """The client's end of a session, with pipes where a person has a terminal."""
    state = sandbox.state
    arguments = [json.dumps(access), state["region"], "StartSession", "", json.dumps({"Target": node})]
    return subprocess.Popen(
        ["session-manager-plugin", *arguments, state["endpoint"]],
        env=sandbox.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_all_of_it_fits_into_the_memory(site: Site, notice: Callable[[str], None]) -> None:
    """The limit is for twenty nodes; more of them may take as much more."""
    family = descendants(site.sandbox.state["pid"])
    used = sum(proportional_set(each) for each in family)
    notice(f"{len(site.nodes)} nodes: {len(family)} processes, {used / GIBIBYTE:.2f} GiB")
    assert len(family) > 3 * len(site.nodes)
    assert used < 4 * GIBIBYTE * max(1, len(site.nodes) / 20)


def descendants(process: int) -> list[int]:
    """A process and all that it started, as long as they are its."""
    children: dict[int, list[int]] = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            with contextlib.suppress(OSError):
                parent = (each / "stat").read_text().rpartition(")")[2].split()[1]
                children.setdefault(int(parent), []).append(int(each.name))
    found = [process]
    for each_found in found:
        found += children.get(each_found, [])
    return found


def proportional_set(process: int) -> int:
    """Bytes of memory, with what is shared by n processes counted as an nth."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has just ended
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
