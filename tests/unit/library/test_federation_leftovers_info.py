"""federation_leftovers_info: whatever stands of a federation, and nothing that only looks like it."""

from __future__ import annotations

from typing import Any

import pytest
from pretended_agraph import Run

from library import federation_leftovers_info
from module_utils.federation_leftovers import age, table

ACCOUNT = "123456789012"


def tags(federation: str, **others: str) -> list[dict[str, str]]:
    return [
        {"Key": key, "Value": value}
        for key, value in {"Federation": federation, "Name": f"{federation}-it", **others}.items()
    ]


def tagged(kind: str, federation: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tags(federation, Role="network")}]


def make(aws: Any, federation: str) -> None:
    """Leave one of many kinds: a network with an interface, a gateway, an address, a role, a bucket, a lease."""
    ec2, iam = aws("ec2"), aws("iam")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", federation))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", TagSpecifications=tagged("subnet", federation))
    subnet_id = subnet["Subnet"]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet_id, Description="held")
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", federation))["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnet_id, AllocationId=address, TagSpecifications=tagged("natgateway", federation))
    iam.create_role(RoleName=f"{federation}-node-role", Path=f"/{federation}/", AssumeRolePolicyDocument="{}")
    region = {"LocationConstraint": "us-west-2"}
    aws("s3").create_bucket(Bucket=f"{federation}-ssm-{ACCOUNT}", CreateBucketConfiguration=region)
    aws("ssm").put_parameter(
        Name=f"/{federation}/lease", Value="{}", Type="String", Tags=tags(federation, Role="lease")
    )


def look(run: Run, name: str) -> Any:
    return run(federation_leftovers_info, name=name, region="us-west-2", bucket=f"{name}-ssm-{ACCOUNT}")


EVERYTHING = [
    ("NAT gateway", 0.045),
    ("address", 0.005),
    ("VPC", 0.0),
    ("bucket", 0.0),
    ("network interface", 0.0),
    ("parameter", 0.0),
    ("role", 0.0),
    ("subnet", 0.0),
]


def test_an_empty_account_has_none(aws: Any, run: Run) -> None:
    for name in ("agraph", "all"):
        answer = look(run, name)
        assert (answer["leftovers"], answer["table"], answer["cost"]) == ([], "", 0.0)


def test_everything_of_one_federation_and_nothing_of_another(aws: Any, run: Run) -> None:
    make(aws, "agraph")
    make(aws, "agraph-two")
    answer = look(run, "agraph")
    assert [(each["kind"], each["cost"]) for each in answer["leftovers"]] == EVERYTHING
    assert {each["federation"] for each in answer["leftovers"]} == {"agraph"}
    assert answer["cost"] == 0.05
    by_kind = {each["kind"]: each for each in answer["leftovers"]}
    assert by_kind["VPC"]["age"] is None
    assert by_kind["role"]["age"] in range(600)


def test_all_finds_every_federation(aws: Any, run: Run) -> None:
    make(aws, "agraph")
    make(aws, "agraph-two")
    answer = look(run, "all")
    found = [(each["federation"], each["kind"], each["cost"]) for each in answer["leftovers"]]
    assert found == [(name, *each) for name in ("agraph", "agraph-two") for each in EVERYTHING]


def test_what_only_looks_like_it_is_not_listed(aws: Any, run: Run) -> None:
    ec2, iam = aws("ec2"), aws("iam")
    named = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "agraph-vpc"}]}]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=named)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet)
    ec2.create_key_pair(KeyName="agraph-key")
    iam.create_role(RoleName="agraph-node-role", AssumeRolePolicyDocument="{}")
    iam.create_role(RoleName="other", Path="/service/", AssumeRolePolicyDocument="{}")
    region = {"LocationConstraint": "us-west-2"}
    aws("s3").create_bucket(Bucket="agraph-data", CreateBucketConfiguration=region)
    aws("ssm").put_parameter(Name="/agraph/lease", Value="x", Type="String")
    aws("ssm").put_parameter(Name="/agraph2/lease", Value="x", Type="String", Tags=tags("agraph"))
    assert [look(run, name)["leftovers"] for name in ("agraph", "all")] == [[], []]
    # Somebody else's federations may be tagged so, too; those of this tool have a role as well.
    others = [{"ResourceType": "vpc", "Tags": [{"Key": "Federation", "Value": "planets"}]}]
    ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=others)
    assert look(run, "all")["leftovers"] == []


def test_the_dead_are_not_listed_and_the_stopped_cost_nothing(aws: Any, image: str, run: Run) -> None:
    ec2 = aws("ec2")
    wanted = {"ImageId": image, "MinCount": 3, "MaxCount": 3, "TagSpecifications": tagged("instance", "agraph")}
    made = ec2.run_instances(InstanceType="t3.medium", **wanted)["Instances"]
    ec2.terminate_instances(InstanceIds=[made[0]["InstanceId"]])
    ec2.stop_instances(InstanceIds=[made[1]["InstanceId"]])
    answer = look(run, "agraph")
    instances = [(each["id"], each["cost"]) for each in answer["leftovers"] if each["kind"] == "instance"]
    assert instances == [(made[2]["InstanceId"], 0.0416), (made[1]["InstanceId"], 0.0)]


def test_the_disks_of_the_stopped_are_what_they_cost(aws: Any, image: str, run: Run) -> None:
    ec2 = aws("ec2")
    both = [*tagged("instance", "agraph"), *tagged("volume", "agraph")]
    disk = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 73, "VolumeType": "gp3"}}]
    wanted: dict[str, Any] = {"ImageId": image, "MinCount": 2, "MaxCount": 2, "TagSpecifications": both}
    made = ec2.run_instances(InstanceType="t3.medium", BlockDeviceMappings=disk, **wanted)["Instances"]
    assert {each["kind"] for each in look(run, "agraph")["leftovers"]} == {"instance"}
    ec2.stop_instances(InstanceIds=[made[0]["InstanceId"]])
    answer = look(run, "agraph")
    assert sorted((each["kind"], round(each["cost"], 6)) for each in answer["leftovers"]) == [
        ("instance", 0.0),
        ("instance", 0.0416),
        ("volume", 0.008),
    ]
    assert (answer["cost"], answer["costly"]) == (0.0496, "1 instance, 1 volume")


def test_a_type_without_a_known_price_is_said_to_be_unknown(aws: Any, image: str, run: Run) -> None:
    ec2 = aws("ec2")
    wanted = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "TagSpecifications": tagged("instance", "agraph")}
    ec2.run_instances(InstanceType="m5.large", **wanted)
    answer = look(run, "agraph")
    assert (answer["leftovers"][0]["cost"], answer["cost"]) == (None, 0.0)
    assert answer["table"].splitlines()[1].split()[-2] == "?"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "-"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_ages(seconds: int | None, words: str) -> None:
    assert age(seconds) == words


def test_the_table_is_in_columns() -> None:
    one = {"federation": "agraph", "kind": "address", "name": "", "id": "eipalloc-1", "age": 90, "cost": 0.005}
    ends = {"ends": "2030-01-31T18:00:00Z", "overdue": False}
    never, late = {**one, "ends": "", "overdue": False}, {**one, **ends, "overdue": True}
    assert table([never, {**one, **ends}, late]).splitlines() == [
        "federation  kind     name  id          age   USD an hour  ends",
        "agraph      address  -     eipalloc-1  90 s  0.0050       -",
        "agraph      address  -     eipalloc-1  90 s  0.0050       2030-01-31T18:00:00Z",
        "agraph      address  -     eipalloc-1  90 s  0.0050       overdue",
    ]


def expiring(kind: str, moment: str, federation: str = "agraph") -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tags(federation, Role="network", Expires=moment)}]


def test_all_of_a_federation_is_overdue_when_the_first_end_is_over(aws: Any, run: Run) -> None:
    ec2 = aws("ec2")
    past, future = "2020-01-31T18:00:00Z", "2999-01-31T18:00:00Z"
    ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=expiring("vpc", past))
    ec2.allocate_address(Domain="vpc", TagSpecifications=expiring("elastic-ip", future))
    aws("iam").create_role(RoleName="agraph-node-role", Path="/agraph/", AssumeRolePolicyDocument="{}")
    ec2.allocate_address(Domain="vpc", TagSpecifications=expiring("elastic-ip", future, "later"))
    ec2.allocate_address(Domain="vpc", TagSpecifications=expiring("elastic-ip", "tomorrow", "words"))
    answer = look(run, "all")
    assert {(each["federation"], each["ends"], each["overdue"]) for each in answer["leftovers"]} == {
        ("agraph", past, True),
        ("later", future, False),
        ("words", "", False),
    }
    assert (answer["overdue"], answer["costly"]) == (["agraph"], "3 addresses")
    assert [(each["kind"], each["overdue"]) for each in look(run, "agraph")["leftovers"]] == [
        ("address", True),
        ("VPC", True),
        ("role", True),
    ]


def test_what_costs_is_said_in_words(aws: Any, run: Run) -> None:
    make(aws, "agraph")
    assert look(run, "agraph")["costly"] == "1 NAT gateway, 1 address"
    assert look(run, "nobody")["costly"] == ""
