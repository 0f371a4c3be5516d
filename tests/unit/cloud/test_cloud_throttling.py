"""Requests that come too fast, where that is asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cloud_box import Box, code

from sandbox.cloud.calls import Call, RefusedError
from sandbox.cloud.throttling import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def answered(throttle: Throttle, call: Call, many: int, **arguments: object) -> int:
    """Return how many of so many requests are answered."""
    count = 0
    for _ in range(many):
        try:
            throttle.check(call, arguments)
            count += 1
        except RefusedError as refused:
            assert refused.reason == "throttled"
    return count


def ec2(operation: str, region: str = "us-west-2") -> Call:
    return Call("ec2", operation, region, "key")


@pytest.mark.parametrize(
    ("operation", "arguments", "size", "refill"),
    [
        ("DescribeVpcs", {}, 100, 20),
        ("DescribeInstances", {"Filters": []}, 100, 20),
        ("DescribeInstances", {"MaxResults": 5}, 100, 20),
        ("DescribeInstances", {}, 50, 10),
        ("CreateVpc", {}, 50, 5),
        ("RunInstances", {}, 5, 2),
        ("AuthorizeSecurityGroupIngress", {}, 50, 5),
    ],
)
def test_buckets_of_requests(operation: str, arguments: dict[str, object], size: int, refill: int) -> None:
    clock = Clock()
    throttle = Throttle(clock)
    assert answered(throttle, ec2(operation), size + 10, **arguments) == size
    clock.now += 1
    assert answered(throttle, ec2(operation), size + 10, **arguments) == refill
    clock.now += 3600
    assert answered(throttle, ec2(operation), size + 10, **arguments) == size, "no bucket holds more than its size"


def test_each_operation_and_each_region_has_its_own() -> None:
    throttle = Throttle(Clock())
    assert answered(throttle, ec2("RunInstances"), 6) == 5
    assert answered(throttle, ec2("StartInstances"), 6, InstanceIds=["i-1"]) == 5
    assert answered(throttle, ec2("RunInstances", "eu-west-1"), 6) == 5


def test_resources_have_buckets_too() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    assert answered(throttle, ec2("RunInstances"), 3, MaxCount=400) == 2
    assert answered(throttle, ec2("RunInstances"), 1, MaxCount=200) == 1
    clock.now += 10
    assert answered(throttle, ec2("RunInstances"), 1, MaxCount=21) == 0
    assert answered(throttle, ec2("RunInstances"), 1, MaxCount=20) == 1
    assert answered(throttle, ec2("TerminateInstances"), 2, InstanceIds=["i-1"] * 600) == 1


def test_each_service_has_its_words(box: Box) -> None:
    box.cloud.throttle = Throttle(Clock())
    calls: dict[str, tuple[Callable[[], object], str]] = {
        "ec2": (box.ec2.describe_volumes, "RequestLimitExceeded"),
        "iam": (box.iam.list_users, "Throttling"),
        "ssm": (box.ssm.describe_parameters, "ThrottlingException"),
    }
    for call, refused in calls.values():
        call()
        for bucket in box.cloud.throttle.buckets.values():
            bucket.tokens = 0
        assert code(call) == refused
    box.s3.list_buckets()


def test_nothing_is_throttled_unless_that_is_asked_for(box: Box) -> None:
    assert box.cloud.throttle is None
