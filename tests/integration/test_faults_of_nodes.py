"""Faults of what runs on nodes, with a real sandbox: agents, sessions and AllegroGraph, and that it all comes back."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import BIN, Sandbox

MANAGER, MEMBER = "f-manager", "f-member-0"
SERVER = "http://test:xyzzy@127.0.0.1:10035"
QUERY = "query=select%20?o%20%7B%20?s%20?p%20?o%20%7D"
STATUS = "curl -s -m 10 -o /dev/null -w '%{http_code}' "


def eventually[Answer](attempt: Callable[[], Answer], seconds: float = 20.0) -> Answer:
    """What the attempt answers, once it is something and not an error of IAM's being slow."""
    end = time.monotonic() + seconds
    while True:
        try:
            if answer := attempt():
                return answer
        except ClientError:
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.1)


@dataclass
class Nodes:
    """A network with a way out, and the instances in it by their names."""

    sandbox: Sandbox
    subnet: str
    ids: dict[str, str]

    def launch(self, name: str, image: str = "ami-0a12023000000002") -> str:
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
        launched = eventually(
            lambda: self.sandbox.client("ec2").run_instances(
                **{"ImageId": image, "InstanceType": "t3.medium", "MinCount": 1, "MaxCount": 1},
                NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": self.subnet, "AssociatePublicIpAddress": True}],
                IamInstanceProfile={"Name": "node"},
                TagSpecifications=tags,
            )
        )
        self.ids[name] = str(launched["Instances"][0]["InstanceId"])
        return self.ids[name]

    def described(self, name: str) -> dict[str, Any]:
        found = self.sandbox.client("ec2").describe_instances(InstanceIds=[self.ids[name]])
        return dict(found["Reservations"][0]["Instances"][0])

    def pings(self) -> dict[str, str]:
        """The state of each agent that ever registered, by the name of its instance."""
        names = {each: name for name, each in self.ids.items()}
        found = self.sandbox.client("ssm").describe_instance_information()["InstanceInformationList"]
        return {names[each["InstanceId"]]: each["PingStatus"] for each in found}

    def on(self, name: str, command: str) -> str:
        return self.sandbox.on_node(self.ids[name], command).strip()


@pytest.fixture(scope="module")
def nodes(sandbox: Sandbox) -> Nodes:
    """A manager and a member with AllegroGraph, the member with a triple."""
    ec2, iam = sandbox.client("ec2"), sandbox.client("iam")
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
    made = Nodes(sandbox, ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"], {})
    for name in (MANAGER, MEMBER):
        made.launch(name, "ami-0a96aafe00000001")
    eventually(lambda: made.pings() == {MANAGER: "Online", MEMBER: "Online"})
    made.on(MEMBER, f"until curl -sf {SERVER}/version; do sleep 0.1; done")
    made.on(
        MEMBER,
        f"curl -sf -X PUT {SERVER}/repositories/r && "
        f"curl -sf {SERVER}/repositories/r/statements -H 'Content-Type: text/turtle' -d '<ex:s> <ex:p> <ex:o> .'",
    )
    return made


@pytest.fixture(autouse=True)
def no_faults(sandbox: Sandbox) -> Iterator[None]:
    """Let nothing go wrong after a test."""
    yield
    sandbox.clear_faults()


def struck(sandbox: Sandbox) -> list[int]:
    return [each["struck"] for each in sandbox.listed_faults()]


def test_a_server_answers_with_errors_at_once_and_not_any_more(sandbox: Sandbox, nodes: Nodes) -> None:
    status = f"{STATUS} {SERVER}/version"
    sandbox.faults([{"allegrograph": "error", "name": "f-member-*", "status": 503}])
    assert [nodes.on(name, status) for name in (MANAGER, MEMBER)] == ["200", "503"]
    assert struck(sandbox) == [1]
    sandbox.faults([{"allegrograph": "error", "name": "f-member-*", "after": 1, "times": 1}])
    assert nodes.on(MEMBER, f"for i in 1 2 3; do {status}; done") == "200500200"
    sandbox.clear_faults()
    assert nodes.on(MEMBER, status) == "200"


def test_a_member_dies_in_the_query_of_the_manager_that_reads_it(sandbox: Sandbox, nodes: Nodes) -> None:
    label = f"http://{nodes.described(MEMBER)['PrivateIpAddress']}:10035/repositories/r"
    store = label.replace("//", "//test:xyzzy@")
    manager = SERVER.replace("127.0.0.1", nodes.described(MANAGER)["PrivateIpAddress"])
    session = nodes.on(MANAGER, f"curl -sf -G -X POST {manager}/session --data-urlencode 'store=<{store}>'")
    accept = "-H 'Accept: application/json'"
    query = f"curl -s -m 20 -w ' %{{http_code}}' {accept} -u test:xyzzy {session}?{QUERY}"
    assert '"values":[["<ex:o>"]]' in nodes.on(MANAGER, query)
    server = nodes.on(MEMBER, "pgrep -f sandbox.allegrograph")
    sandbox.faults([{"allegrograph": "dies_in_query", "name": MEMBER}])
    assert nodes.on(MANAGER, query) == f"The federation's member {label} does not answer: it broke off. 500"
    assert struck(sandbox) == [1]
    # Its service is started again, with all that it had.
    nodes.on(MEMBER, f"until curl -sf {SERVER}/version; do sleep 0.1; done")
    assert nodes.on(MEMBER, "pgrep -f sandbox.allegrograph") != server
    assert '"values":[["<ex:o>"]]' in nodes.on(MANAGER, query)


def test_a_query_on_the_node_itself_breaks_off(sandbox: Sandbox, nodes: Nodes) -> None:
    sandbox.faults([{"allegrograph": "dies_in_query", "name": MEMBER, "after": 1}])
    query = f"curl -s -m 10 -H 'Accept: text/csv' '{SERVER}/repositories/r?{QUERY}'; echo -n _$?"
    assert nodes.on(MEMBER, query).replace("\r", "") == 'o\n"ex:o"\n_0'
    # 18: curl has got a part of the answer.
    assert re.fullmatch(r"o\n.*_18", nodes.on(MEMBER, query).replace("\r", ""))
    nodes.on(MEMBER, f"until curl -sf {SERVER}/version; do sleep 0.1; done")


def test_a_server_does_not_start_at_boot(sandbox: Sandbox, nodes: Nodes) -> None:
    sandbox.faults([{"allegrograph": "never_starts", "name": MEMBER}])
    sandbox.client("ec2").reboot_instances(InstanceIds=[nodes.ids[MEMBER]])
    eventually(lambda: struck(sandbox)[0] >= 1)
    eventually(lambda: nodes.on(MEMBER, "uptime -p") and nodes.pings()[MEMBER] == "Online")
    assert nodes.on(MEMBER, f"{STATUS} {SERVER}/version || true") == "000"
    assert "a fault of the sandbox keeps the server from starting" in nodes.on(MEMBER, "cat /var/log/agraph/agraph.log")
    sandbox.clear_faults()
    nodes.on(MEMBER, "systemctl restart agraph")
    nodes.on(MEMBER, f"until curl -sf {SERVER}/version; do sleep 0.1; done")
    assert nodes.on(MEMBER, f"curl -sf {SERVER}/repositories/r/size") == "1"


def test_a_node_shows_nothing_of_the_rules(sandbox: Sandbox, nodes: Nodes) -> None:
    look = "cat /proc/mounts; find /etc /run /tmp | sort; pgrep -af sandbox.allegrograph"
    before = nodes.on(MEMBER, look)
    sandbox.faults([{"allegrograph": "error", "name": MEMBER, "status": 503}])
    assert nodes.on(MEMBER, f"{STATUS} {SERVER}/version") == "503"
    assert nodes.on(MEMBER, look) == before


def test_an_agent_is_lost_and_comes_back(sandbox: Sandbox, nodes: Nodes) -> None:
    sandbox.faults([{"agent": "lost", "name": MEMBER}])
    ssm = sandbox.client("ssm")
    with pytest.raises(ClientError, match="TargetNotConnected"):
        ssm.start_session(Target=nodes.ids[MEMBER])
    eventually(lambda: nodes.pings() == {MANAGER: "Online", MEMBER: "ConnectionLost"})
    assert struck(sandbox) == [1]
    sandbox.clear_faults()
    eventually(lambda: nodes.pings()[MEMBER] == "Online" and ssm.start_session(Target=nodes.ids[MEMBER]))
    assert nodes.on(MEMBER, "echo here") == "here"


def test_an_agent_never_comes_online_and_an_instance_dies(sandbox: Sandbox, nodes: Nodes) -> None:
    sandbox.faults([{"agent": "never_online", "name": "*-silent"}, {"instance": "dies", "name": "*-mortal"}])
    for name in ("f-silent", "f-mortal", "f-other"):
        nodes.launch(name)
    eventually(lambda: nodes.pings().get("f-other") == "Online")
    dead = eventually(lambda: (each := nodes.described("f-mortal"))["State"]["Name"] == "terminated" and each)
    assert dead and dead["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert nodes.described("f-silent")["State"]["Name"] == "running"
    assert struck(sandbox) == [1, 1]
    sandbox.clear_faults()
    assert set(nodes.pings()) == {MANAGER, MEMBER, "f-other"}
    sandbox.client("ec2").reboot_instances(InstanceIds=[nodes.ids["f-silent"]])
    eventually(lambda: nodes.pings().get("f-silent") == "Online")


def conversation(sandbox: Sandbox, instance_id: str, command: str) -> tuple[str, str]:
    """Have the plugin say a command in a session of its own; returns all that it showed, and the session's id."""
    answer = sandbox.client("ssm").start_session(Target=instance_id)
    answer.pop("ResponseMetadata")
    state, target = sandbox.state, json.dumps({"Target": instance_id})
    words = [str(BIN / "session-manager-plugin"), json.dumps(answer), state["region"], "StartSession", "", target]
    keys = {
        "AWS_ACCESS_KEY_ID": state["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": state["secret_access_key"],
        "AWS_REGION": state["region"],
        "AWS_DEFAULT_REGION": state["region"],
    }
    controller, terminal = pty.openpty()
    plugin = subprocess.Popen(
        [*words, state["endpoint"]],
        env=sandbox.environment | keys,
        stdin=subprocess.PIPE,
        stdout=terminal,
        stderr=subprocess.STDOUT,
    )
    os.close(terminal)
    assert plugin.stdin is not None
    plugin.stdin.write(f"{command}; exit\n".encode())
    plugin.stdin.flush()
    shown, end = b"", time.monotonic() + 20
    while time.monotonic() < end and select.select([controller], [], [], 20)[0]:
        try:
            shown += os.read(controller, 65536)
        except OSError:
            break  # the plugin has left
    os.close(controller)
    plugin.stdin.close()
    plugin.wait(10)
    return shown.decode(), answer["SessionId"]


COUNTING = "stty -echo; for i in $(seq 1 200); do echo n$i; sleep 0.002; done"


def test_a_session_that_is_interrupted_goes_on(sandbox: Sandbox, nodes: Nodes) -> None:
    sandbox.faults([{"session": "interrupted", "name": MANAGER, "bytes": 300}])
    shown, _ = conversation(sandbox, nodes.ids[MANAGER], COUNTING)
    assert re.findall(r"n(\d+)\r", shown) == [str(number) for number in range(1, 201)]
    assert struck(sandbox) == [1]
    assert "ResumeSession" in [each["operation"] for each in sandbox.journal()[-5:]]


def test_a_session_that_is_cut_is_over(sandbox: Sandbox, nodes: Nodes) -> None:
    sandbox.faults([{"session": "cut", "name": MANAGER, "bytes": 300}])
    shown, session = conversation(sandbox, nodes.ids[MANAGER], COUNTING)
    found = re.findall(r"n(\d+)\r", shown)
    assert found == [str(number) for number in range(1, len(found) + 1)]
    assert 0 < len(found) < 200
    assert struck(sandbox) == [1]
    ssm = sandbox.client("ssm")
    assert ssm.resume_session(SessionId=session)["TokenValue"] == ""
    ended = [each["SessionId"] for each in ssm.describe_sessions(State="History")["Sessions"]]
    assert session in ended
    whole, _ = conversation(sandbox, nodes.ids[MANAGER], COUNTING)
    assert len(re.findall(r"n(\d+)\r", whole)) == 200
