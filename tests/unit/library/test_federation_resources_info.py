"""federation_resources_info and ec2_nat_gateways_info: found by tag and path, whoever made it."""

from __future__ import annotations

from typing import Any

import pytest
from pretended_agraph import Run

from library import ec2_nat_gateways_info, federation_resources_info


def tagged(kind: str, federation: str) -> list[dict[str, Any]]:
    tags = [{"Key": "Federation", "Value": federation}, {"Key": "Name", "Value": f"{federation}-it"}]
    return [{"ResourceType": kind, "Tags": tags}]


def test_nothing_is_found_in_an_empty_account(aws: Any, run: Run) -> None:
    assert run(federation_resources_info, name="f", region="us-west-2")["all"] == []


def test_only_what_carries_the_tag_is_found(aws: Any, run: Run) -> None:
    ec2, iam = aws("ec2"), aws("iam")
    for federation in ("f", "other"):
        ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", federation))
        ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", federation))
        iam.create_role(RoleName=f"{federation}-role", Path=f"/{federation}/", AssumeRolePolicyDocument="{}")
    ec2.allocate_address(Domain="vpc")
    iam.create_role(RoleName="f-looks-like-ours", AssumeRolePolicyDocument="{}")
    aws("s3").create_bucket(Bucket="f-ssm", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    found = run(federation_resources_info, name="f", region="us-west-2", bucket="f-ssm")
    names = [(each["kind"], each["name"]) for each in found["all"]]
    assert names == [("vpcs", "f-it"), ("addresses", "f-it"), ("roles", "f-role"), ("buckets", "f-ssm")]


def test_only_the_kinds_that_are_asked_for(aws: Any, run: Run) -> None:
    found = run(federation_resources_info, name="f", region="us-west-2", kinds=["subnets"])
    assert found["resources"] == {"subnets": []}


def test_a_gateway_that_ec2_forgot_is_deleted(aws: Any, run: Run) -> None:
    wanted = {"nat_gateway_ids": ["nat-0123456789abcdef0"], "region": "us-west-2"}
    assert run(ec2_nat_gateways_info, **wanted, state="deleted")["states"] == {"nat-0123456789abcdef0": "deleted"}


def test_a_gateway_that_ec2_does_not_show_yet_is_awaited(aws: Any, run: Run) -> None:
    wanted = {"nat_gateway_ids": ["nat-0123456789abcdef0"], "region": "us-west-2", "timeout": 0, "interval": 0}
    late = run(ec2_nat_gateways_info, **wanted, state="available")
    assert late["msg"].startswith("The NAT gateway nat-0123456789abcdef0 is still ")


def test_a_failed_gateway_is_not_awaited() -> None:
    failed = {"State": "failed", "FailureCode": "Gateway.NotAttached", "FailureMessage": "no internet gateway"}
    sentence = ec2_nat_gateways_info.problem({"nat-1": failed}, "available")
    assert sentence is not None
    assert sentence.startswith(
        "The NAT gateway nat-1 did not become available (Gateway.NotAttached: no internet gateway)"
    )


def test_a_gateway_that_is_late_is_named(monkeypatch: pytest.MonkeyPatch, aws: Any, run: Run) -> None:
    pending = {"nat-1": {"State": "pending"}}
    monkeypatch.setattr(ec2_nat_gateways_info, "described", lambda *_: pending)
    answer = run(
        ec2_nat_gateways_info, nat_gateway_ids=["nat-1"], region="us-west-2", state="available", timeout=0, interval=0
    )
    assert answer["msg"].startswith("The NAT gateway nat-1 is still pending after 0 s.")
