"""What can be known to be wrong with an account before a federation is made in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from module_utils.federation_account import (
    ADDRESSES,
    INTERNET_GATEWAYS,
    NAT_GATEWAYS,
    STANDARD_VCPUS,
    VPCS,
    Stock,
    Wish,
    problem_with_architecture,
    problem_with_clock,
    problems_with_permissions,
    problems_with_quotas,
    stands,
)

WISH = Wish("f", "us-west-2", "t3.medium", 3)
OURS = {"Tags": [{"Key": "Federation", "Value": "f"}]}
THEIRS: dict[str, Any] = {"Tags": [{"Key": "Federation", "Value": "g"}]}
QUOTAS = {VPCS: 5.0, INTERNET_GATEWAYS: 5.0, ADDRESSES: 5.0, NAT_GATEWAYS: 5.0, STANDARD_VCPUS: 16.0}
EMPTY = Stock([], [], [], [], [], {"subnet-a": "a", "subnet-b": "b"})


def found(stock: Stock, wish: Wish = WISH, quotas: Any = QUOTAS, zones: tuple[str, ...] = ("a", "b")) -> list[str]:
    return list(problems_with_quotas(wish, stock, quotas.get, zones, processors=2))


def gateways(subnet: str, number: int, state: str = "available", owner: Any = THEIRS) -> list[dict[str, Any]]:
    return [{"State": state, "SubnetId": subnet, **owner}] * number


def instance(cores: int, kind: str = "m5.large", owner: Any = THEIRS, **more: Any) -> dict[str, Any]:
    return {"InstanceType": kind, "CpuOptions": {"CoreCount": cores, "ThreadsPerCore": 2}, **owner, **more}


def test_an_empty_account_has_room() -> None:
    assert found(EMPTY) == []


@pytest.mark.parametrize(
    ("has", "said"),
    [
        ({"vpcs": [THEIRS] * 5}, "us-west-2 has 5 of 5 VPCs, and the federation needs 1 more: "),
        (
            {"internet_gateways": [THEIRS] * 5},
            "us-west-2 has 5 of 5 internet gateways, and the federation needs 1 more: ",
        ),
        ({"addresses": [THEIRS] * 4}, "us-west-2 has 4 of 5 Elastic IP addresses, and the federation needs 2 more: "),
        (
            {"nat_gateways": [*gateways("subnet-a", 5), *gateways("subnet-b", 5, "deleting")]},
            "us-west-2 has 5 of 5 NAT gateways in each zone, and the federation needs 1 more: ",
        ),
        (
            {"instances": [instance(6)]},
            "us-west-2 has 12 of 16 virtual processors, and the federation needs 6 more: ",
        ),
    ],
)
def test_what_there_is_no_room_for_is_said(has: dict[str, Any], said: str) -> None:
    (sentence,) = found(replace(EMPTY, **has))
    assert sentence.startswith(said)
    assert sentence.endswith("release what is not needed, or ask AWS for more (Service Quotas).")


@pytest.mark.parametrize(
    "has",
    [
        {"vpcs": [THEIRS] * 4 + [OURS]},
        {"addresses": [THEIRS] * 3 + [OURS] * 2},
        {"nat_gateways": [*gateways("subnet-a", 5), *gateways("subnet-b", 4)]},
        {"nat_gateways": [*gateways("subnet-a", 5, "deleted"), *gateways("subnet-b", 5, "failed")]},
        {"nat_gateways": [*gateways("subnet-a", 5), *gateways("subnet-b", 4), *gateways("subnet-b", 1, owner=OURS)]},
        {"instances": [instance(5)]},
        {"instances": [instance(5), instance(1, owner=OURS)]},
        {"instances": [instance(99, "p5.48xlarge"), instance(99, InstanceLifecycle="spot")]},
    ],
)
def test_what_the_federation_has_and_what_does_not_count_needs_no_room(has: dict[str, Any]) -> None:
    assert found(replace(EMPTY, **has)) == []


def test_all_of_it_is_said_at_once_and_an_unknown_quota_says_nothing() -> None:
    full = replace(EMPTY, vpcs=[THEIRS] * 5, internet_gateways=[THEIRS] * 5, addresses=[THEIRS] * 5)
    assert len(found(full)) == 3
    assert found(full, quotas={}) == []
    assert found(replace(EMPTY, instances=[instance(99)]), replace(WISH, instance_type="x1.16xlarge")) == []


def test_an_image_has_to_fit_its_type() -> None:
    image = {"ImageId": "ami-1", "Architecture": "x86_64"}
    arm = {"InstanceType": "t4g.medium", "ProcessorInfo": {"SupportedArchitectures": ["arm64"]}}
    said = problem_with_architecture(image, arm)
    assert said == (
        "federation_ami_id ami-1 is for x86_64, and federation_instance_type t4g.medium has arm64: choose two that fit."
    )
    assert problem_with_architecture({**image, "Architecture": "arm64"}, arm) is None
    assert problem_with_architecture(image, {"InstanceType": "x"}) is None


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (datetime(2030, 1, 31, 18, 3, 59, tzinfo=UTC), None),
        (datetime(2030, 1, 31, 18, 4, 1, tzinfo=UTC), "This machine's clock is 241 s ahead of AWS's"),
        (datetime(2030, 1, 31, 17, 0, 0, tzinfo=UTC), "This machine's clock is 3600 s behind AWS's"),
    ],
)
def test_a_clock_that_is_far_off_is_said(now: datetime, said: str | None) -> None:
    sentence = problem_with_clock("Thu, 31 Jan 2030 18:00:00 GMT", now)
    assert (sentence or "").startswith(said or "") and bool(sentence) == bool(said)


def test_an_answer_without_a_date_says_nothing_of_the_clock() -> None:
    assert problem_with_clock("") is None
    assert problem_with_clock("soon") is None


def test_a_federation_that_stands_needs_nothing() -> None:
    whole = replace(
        EMPTY,
        vpcs=[THEIRS, OURS],
        nat_gateways=gateways("subnet-a", 1, owner=OURS),
        addresses=[OURS] * 2,
        instances=[instance(1, owner=OURS)] * 3,
    )
    assert stands(WISH, whole)
    assert not stands(replace(WISH, instances=4), whole)
    assert not stands(WISH, replace(whole, nat_gateways=gateways("subnet-a", 1, "deleted", owner=OURS)))
    assert not stands(WISH, replace(whole, addresses=[OURS, THEIRS]))


def refusing(*operations: str) -> Any:
    """An EC2 client whose caller may not do these."""
    client = boto3.client("ec2", region_name="us-west-2", aws_access_key_id="a", aws_secret_access_key="b")

    def answer(model: Any, params: Any, **_: Any) -> Any:
        assert "DryRun=true" in str(params["body"]).replace("': '", "=").replace("True", "true")
        allowed = model.name not in operations
        code = "DryRunOperation" if allowed else "UnauthorizedOperation"
        return FakeResponse(412 if allowed else 403), {"Error": {"Code": code, "Message": "."}}

    client.meta.events.register("before-call.ec2", answer)
    return client


@dataclass
class FakeResponse:
    """As much of an answer as botocore looks at."""

    status_code: int


def test_what_may_not_be_done_is_said_without_doing_it() -> None:
    assert problems_with_permissions(refusing(), "10.0.0.0/16", {"Federation": "f"}) == []
    assert problems_with_permissions(refusing("AllocateAddress", "CreateVpc"), "10.0.0.0/16", {"Federation": "f"}) == [
        "The credentials may not do ec2:CreateVpc: have it allowed, as docs/operator-policy.md says.",
        "The credentials may not do ec2:AllocateAddress: have it allowed, as docs/operator-policy.md says.",
    ]
