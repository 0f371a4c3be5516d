"""What a lost answer made twice goes; what is in use, the only one of its name, and everybody else's stays."""

from __future__ import annotations

from typing import Any

from pretended_agraph import Run

from library import ec2_surplus_absent

SCOPE = {"Federation": "agraph"}


def tagged(kind: str, federation: str, name: str) -> list[dict[str, Any]]:
    tags = [{"Key": "Federation", "Value": federation}, {"Key": "Name", "Value": name}]
    return [{"ResourceType": kind, "Tags": tags}]


def vpc(ec2: Any, federation: str = "agraph", name: str = "agraph-vpc") -> str:
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", federation, name))
    return str(made["Vpc"]["VpcId"])


def gateway(ec2: Any, name: str = "agraph-internet-gateway") -> str:
    made = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway", "agraph", name))
    return str(made["InternetGateway"]["InternetGatewayId"])


def address(ec2: Any, name: str = "agraph-nat-address") -> str:
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", "agraph", name))
    return str(made["AllocationId"])


def remove(run: Run, check: bool = False) -> tuple[bool, set[str]]:
    answer = run(ec2_surplus_absent, check=check, scope=SCOPE, region="us-west-2")
    return answer["changed"], set(answer["removed"])


def test_what_is_in_use_stays_and_its_double_goes(aws: Any, run: Run) -> None:
    ec2 = aws("ec2")
    empty, used = vpc(ec2), vpc(ec2)
    subnet = ec2.create_subnet(
        VpcId=used, CidrBlock="10.0.0.0/24", TagSpecifications=tagged("subnet", "agraph", "agraph-public-subnet")
    )["Subnet"]["SubnetId"]
    idle, attached = gateway(ec2), gateway(ec2)
    ec2.attach_internet_gateway(InternetGatewayId=attached, VpcId=used)
    free, taken = address(ec2), address(ec2)
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.associate_address(AllocationId=taken, NetworkInterfaceId=interface)
    assert remove(run, check=True) == (True, {empty, idle, free})
    assert remove(run) == (True, {empty, idle, free})
    assert remove(run) == (False, set())
    assert taken in {each["AllocationId"] for each in ec2.describe_addresses()["Addresses"]}
    assert attached in {each["InternetGatewayId"] for each in ec2.describe_internet_gateways()["InternetGateways"]}
    assert used in {each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"]}


def test_one_stays_where_none_is_in_use(aws: Any, run: Run) -> None:
    ec2 = aws("ec2")
    both = {address(ec2), address(ec2)}
    changed, removed = remove(run)
    assert changed
    assert len(removed) == 1
    assert removed < both


def test_other_names_and_other_peoples_things_stay(aws: Any, run: Run) -> None:
    ec2 = aws("ec2")
    address(ec2)
    address(ec2, "agraph-manager-address")
    for _ in range(2):
        vpc(ec2, "other", "agraph-vpc")
        ec2.create_internet_gateway()
    assert remove(run) == (False, set())
