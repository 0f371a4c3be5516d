"""Answers that come in pages, of AWS's sizes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloud_box import Box, code

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def subnets(box: Box, count: int) -> tuple[str, list[str]]:
    vpc = box.vpc()
    return vpc, [box.subnet(vpc, f"10.0.{number}.0/24") for number in range(count)]


def test_instances_come_in_pages(box: Box) -> None:
    subnet = box.subnet(box.vpc())
    wanted = [box.run(subnet) for _ in range(7)]
    first = box.ec2.describe_instances(MaxResults=5)
    assert len(first["Reservations"]) == 5
    second = box.ec2.describe_instances(MaxResults=5, NextToken=first["NextToken"])
    assert len(second["Reservations"]) == 2
    assert "NextToken" not in second
    found = [each["Instances"][0]["InstanceId"] for each in first["Reservations"] + second["Reservations"]]
    assert sorted(found) == sorted(wanted)
    pages = box.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 6})
    assert [len(page["Reservations"]) for page in pages] == [6, 1]


def test_without_a_size_all_instances_come_at_once(box: Box) -> None:
    subnet = box.subnet(box.vpc("10.0.0.0/16"), "10.0.0.0/20")
    for _ in range(3):
        box.ec2.run_instances(
            ImageId="ami-0a12023000000002", InstanceType="t3.medium", SubnetId=subnet, MinCount=1, MaxCount=1
        )
    answer = box.ec2.describe_instances()
    assert len(answer["Reservations"]) == 3
    assert "NextToken" not in answer


@pytest.mark.parametrize("size", [4, 1001])
@pytest.mark.parametrize("operation", ["describe_instances", "describe_tags", "describe_nat_gateways"])
def test_sizes_that_pages_cannot_have(box: Box, operation: str, size: int) -> None:
    ec2 = box.client("ec2", config={"parameter_validation": False})
    assert code(lambda: getattr(ec2, operation)(MaxResults=size)) == "InvalidParameterValue"


def test_ids_and_a_size_do_not_go_together(box: Box) -> None:
    instance = box.run(box.subnet(box.vpc()))
    asked = {"InstanceIds": [instance], "MaxResults": 5}
    assert code(lambda: box.ec2.describe_instances(**asked)) == "InvalidParameterCombination"


@pytest.mark.parametrize(
    ("operation", "key"),
    [("describe_subnets", "Subnets"), ("describe_nat_gateways", "NatGateways"), ("describe_tags", "Tags")],
)
def test_other_lists_come_in_pages_too(box: Box, operation: str, key: str) -> None:
    vpc, made = subnets(box, 7)
    box.ec2.create_tags(Resources=made, Tags=[{"Key": "Name", "Value": "x"}])
    if operation == "describe_nat_gateways":
        for zone in range(2):
            subnet = box.ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.0.{20 + zone}.0/24", AvailabilityZone=f"us-west-2{'ab'[zone]}"
            )["Subnet"]["SubnetId"]
            for _ in range(4):
                box.ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")
    call = getattr(box.ec2, operation)
    first = call(MaxResults=5)
    assert len(first[key]) == 5
    seen = [json.dumps(each, default=str) for each in first[key]]
    while token := first.get("NextToken"):
        first = call(MaxResults=5, NextToken=token)
        seen += [json.dumps(each, default=str) for each in first[key]]
    assert len(set(seen)) == len(seen) == len(call()[key])


def test_what_goes_between_two_pages_takes_nothing_else_along(box: Box) -> None:
    vpc, made = subnets(box, 8)
    only = [{"Name": "vpc-id", "Values": [vpc]}]
    first = box.ec2.describe_subnets(MaxResults=5, Filters=only)
    for each in first["Subnets"]:
        box.ec2.delete_subnet(SubnetId=each["SubnetId"])
    second = box.ec2.describe_subnets(MaxResults=5, Filters=only, NextToken=first["NextToken"])
    assert {each["SubnetId"] for each in first["Subnets"] + second["Subnets"]} == set(made)


def test_a_token_that_nobody_gave(box: Box) -> None:
    assert code(lambda: box.ec2.describe_subnets(NextToken="no", MaxResults=5)) == "InvalidNextToken"
    assert code(lambda: box.iam.list_roles(Marker="no")) == "ValidationError"


def test_a_token_belongs_to_its_operation(box: Box) -> None:
    subnets(box, 7)
    token = box.ec2.describe_subnets(MaxResults=5)["NextToken"]
    assert code(lambda: box.ec2.describe_vpcs(NextToken=token, MaxResults=5)) == "InvalidNextToken"


@pytest.mark.parametrize("operation", ["roles", "users", "instance_profiles", "groups"])
def test_iam_lists_come_in_pages_with_a_marker(box: Box, operation: str) -> None:
    kind = operation.removesuffix("s")
    noun = kind.title().replace("_", "")
    key = operation.title().replace("_", "")
    more = {"AssumeRolePolicyDocument": TRUST} if kind == "role" else {}
    for number in range(5):
        getattr(box.iam, f"create_{kind}")(**{f"{noun}Name": f"n{number}"}, Path="/ours/", **more)
    call = getattr(box.iam, f"list_{operation}")
    asked: dict[str, Any] = {"PathPrefix": "/ours/", "MaxItems": 2}
    first = call(**asked)
    assert (len(first[key]), first["IsTruncated"]) == (2, True)
    second = call(**asked, Marker=first["Marker"])
    third = call(**asked, Marker=second["Marker"])
    assert (len(third[key]), third["IsTruncated"], third.get("Marker")) == (1, False, None)
    names = [each[f"{noun}Name"] for page in (first, second, third) for each in page[key]]
    assert sorted(names) == [f"n{number}" for number in range(5)]


def test_iam_gives_a_hundred_at_a_time(box: Box) -> None:
    answer = box.iam.list_policies(Scope="AWS")
    assert (len(answer["Policies"]), answer["IsTruncated"]) == (100, True)
    assert len(box.iam.list_policies(Scope="AWS", MaxItems=150)["Policies"]) == 150
    assert code(lambda: box.client("iam", config={"parameter_validation": False}).list_roles(MaxItems=0)) == (
        "ValidationError"
    )


def test_s3_gives_a_thousand_at_a_time(box: Box) -> None:
    box.s3.create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    from moto.s3.models import s3_backends

    backend = s3_backends["123456789012"]["aws"]
    for number in range(1003):
        backend.put_object("a-bucket", f"k{number:04}", b"")
    first = box.s3.list_objects_v2(Bucket="a-bucket", MaxKeys=5000)
    assert (first["KeyCount"], first["IsTruncated"]) == (1000, True)
    second = box.s3.list_objects_v2(Bucket="a-bucket", ContinuationToken=first["NextContinuationToken"])
    assert (second["KeyCount"], second["IsTruncated"]) == (3, False)
    assert len(box.s3.list_objects(Bucket="a-bucket")["Contents"]) == 1000
    assert len(box.s3.list_object_versions(Bucket="a-bucket")["Versions"]) == 1000
