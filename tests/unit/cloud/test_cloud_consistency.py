"""What was just created is unknown for a while."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cloud_box import QUICK, Box, code

from sandbox.latency import TABLES, latency

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
HOUR = 3600.0


@pytest.fixture
def slow(box: Box) -> Iterator[Box]:
    """A box in which things show a while after they were made; what is made before a test does is there."""
    yield box
    box.cloud.context.latency = QUICK


def from_now_on(box: Box, seconds: float = HOUR) -> None:
    box.cloud.context.latency = dataclasses.replace(QUICK, creation_visible=seconds)


def later(box: Box) -> None:
    """Let an hour pass."""
    box.cloud.context.fresh.clock = lambda: time.monotonic() + HOUR


def test_everything_is_late_where_times_are_as_on_aws_and_a_few_things_where_they_are_not() -> None:
    aws, fast = TABLES["aws"], TABLES["fast"]
    assert (aws.creation_visible, aws.creation_late_each) == (1, 1)
    assert 0 < fast.creation_visible < 1 < fast.creation_late_each
    assert latency("fast,creation_late_each=1,creation_visible=1").creation_late_each == 1


def test_one_in_so_many_creations_is_late(slow: Box) -> None:
    slow.cloud.context.latency = dataclasses.replace(QUICK, creation_visible=HOUR, creation_late_each=3)
    made = [slow.address() for _ in range(4)]
    slow.iam.create_group(GroupName="fifth")
    slow.iam.create_group(GroupName="sixth")

    def describe(address: str) -> Any:
        return slow.ec2.describe_addresses(AllocationIds=[address])

    assert code(lambda: describe(made.pop(2))) == "InvalidAllocationID.NotFound"
    for each in made:
        describe(each)
    assert [each["GroupName"] for each in slow.iam.list_groups()["Groups"]] == ["fifth"]


def test_a_vpc_is_unknown_and_missing_for_a_while(slow: Box) -> None:
    before = slow.ec2.describe_vpcs()["Vpcs"]
    from_now_on(slow)
    vpc = slow.vpc()

    def describe() -> Any:
        return slow.ec2.describe_vpcs(VpcIds=[vpc])

    assert code(describe) == "InvalidVpcID.NotFound"
    assert slow.ec2.describe_vpcs()["Vpcs"] == before
    assert slow.ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Vpcs"] == []
    slow.subnet(vpc)  # what changes it finds it: only what describes is late
    later(slow)
    describe()
    assert len(slow.ec2.describe_vpcs()["Vpcs"]) == len(before) + 1


def test_the_waiters_wait_for_it(slow: Box) -> None:
    from_now_on(slow, 0.2)
    vpc = slow.vpc()
    slow.ec2.get_waiter("vpc_exists").wait(VpcIds=[vpc], WaiterConfig={"Delay": 0.05, "MaxAttempts": 20})


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("subnet", "InvalidSubnetID.NotFound"),
        ("internet_gateway", "InvalidInternetGatewayID.NotFound"),
        ("route_table", "InvalidRouteTableID.NotFound"),
        ("security_group", "InvalidGroup.NotFound"),
        ("instance", "InvalidInstanceID.NotFound"),
        ("nat_gateway", "NatGatewayNotFound"),
        ("address", "InvalidAllocationID.NotFound"),
        ("network_interface", "InvalidNetworkInterfaceID.NotFound"),
        ("volume", "InvalidVolume.NotFound"),
    ],
)
def test_each_kind_of_thing_is_late(slow: Box, kind: str, refused: str) -> None:
    vpc = slow.vpc()
    subnet = slow.subnet(vpc)
    from_now_on(slow)
    ec2 = slow.ec2
    kinds: dict[str, Callable[[], tuple[str, Any, str]]] = {
        "subnet": lambda: (slow.subnet(vpc, "10.0.1.0/24"), ec2.describe_subnets, "SubnetIds"),
        "internet_gateway": lambda: (
            ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"],
            ec2.describe_internet_gateways,
            "InternetGatewayIds",
        ),
        "route_table": lambda: (
            ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
            ec2.describe_route_tables,
            "RouteTableIds",
        ),
        "security_group": lambda: (
            ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"],
            ec2.describe_security_groups,
            "GroupIds",
        ),
        "instance": lambda: (slow.run(subnet), ec2.describe_instances, "InstanceIds"),
        "nat_gateway": lambda: (
            ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"],
            ec2.describe_nat_gateways,
            "NatGatewayIds",
        ),
        "address": lambda: (slow.address(), ec2.describe_addresses, "AllocationIds"),
        "network_interface": lambda: (
            ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"],
            ec2.describe_network_interfaces,
            "NetworkInterfaceIds",
        ),
        "volume": lambda: (
            ec2.create_volume(AvailabilityZone="us-west-2a", Size=8)["VolumeId"],
            ec2.describe_volumes,
            "VolumeIds",
        ),
    }
    made, describe, listed = kinds[kind]()

    def everything() -> str:
        return json.dumps(describe(), default=str)

    assert code(lambda: describe(**{listed: [made]})) == refused
    assert made not in everything()
    later(slow)
    describe(**{listed: [made]})
    assert made in everything()


def test_what_a_thing_came_with_is_there_at_once(slow: Box) -> None:
    from_now_on(slow)
    instance = slow.run(slow.subnet(slow.vpc()))
    assert code(lambda: slow.ec2.describe_instances(InstanceIds=[instance])) == "InvalidInstanceID.NotFound"
    slow.ec2.terminate_instances(InstanceIds=[instance])
    default = slow.client("ec2").describe_subnets()["Subnets"]
    assert default, "the default VPC's subnets are no news"


def test_tags_of_a_new_thing_are_late(slow: Box) -> None:
    from_now_on(slow)
    vpc = slow.vpc()
    slow.ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "x"}])
    assert slow.ec2.describe_tags()["Tags"] == []
    later(slow)
    assert slow.ec2.describe_tags()["Tags"]


@pytest.mark.parametrize(
    ("kind", "more"),
    [("role", {"AssumeRolePolicyDocument": TRUST}), ("user", {}), ("group", {}), ("instance_profile", {})],
)
def test_iam_does_not_know_at_once_what_it_made(slow: Box, kind: str, more: dict[str, str]) -> None:
    from_now_on(slow)
    noun = kind.title().replace("_", "")
    name = {f"{noun}Name": "n"}
    getattr(slow.iam, f"create_{kind}")(**name, **more)

    def get() -> Any:
        return getattr(slow.iam, f"get_{kind}")(**name)

    assert code(get) == "NoSuchEntity"
    listed = getattr(slow.iam, f"list_{kind}s")
    assert listed()[f"{noun}s"] == []
    later(slow)
    get()
    assert len(listed()[f"{noun}s"]) == 1


def test_iam_policies_are_late_too(slow: Box) -> None:
    from_now_on(slow)
    document = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}})
    arn = slow.iam.create_policy(PolicyName="p", Path="/ours/", PolicyDocument=document)["Policy"]["Arn"]
    assert code(lambda: slow.iam.get_policy(PolicyArn=arn)) == "NoSuchEntity"
    assert slow.iam.list_policies(Scope="Local")["Policies"] == []
    later(slow)
    slow.iam.get_policy(PolicyArn=arn)


def test_a_new_role_can_be_given_a_policy_at_once_and_shows_it_later(slow: Box) -> None:
    from_now_on(slow)
    slow.iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    managed = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    slow.iam.attach_role_policy(RoleName="r", PolicyArn=managed)

    def attached() -> Any:
        return slow.iam.list_attached_role_policies(RoleName="r")

    assert code(attached) == "NoSuchEntity"
    later(slow)
    attached()
    assert attached()["AttachedPolicies"][0]["PolicyArn"] == managed


def test_the_same_token_does_not_hide_what_is_known_already(slow: Box) -> None:
    vpc = slow.vpc()
    table = slow.ec2.create_route_table(VpcId=vpc, ClientToken="once")["RouteTable"]["RouteTableId"]
    from_now_on(slow)
    slow.ec2.create_route_table(VpcId=vpc, ClientToken="once")
    slow.ec2.describe_route_tables(RouteTableIds=[table])
