"""Throttling by token buckets, as AWS documents it for EC2: off unless it is asked for.

Each operation has a bucket of requests in each region; a few have one of resources, too. AWS publishes no figures for
IAM and few for Systems Manager: those are ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.cloud.calls import Call, RefusedError
from sandbox.cloud.journal import is_changing


@dataclass(frozen=True)
class Rate:
    """How many tokens a bucket holds, and how many come back each second."""

    size: float
    refill: float


READING = Rate(100, 20)
READING_EVERYTHING = Rate(50, 10)
CHANGING = Rate(50, 5)
REQUESTS: Mapping[str, Rate] = {
    "RunInstances": Rate(5, 2),
    "StartInstances": Rate(5, 2),
    "TerminateInstances": Rate(100, 5),
    "CreateTags": Rate(100, 10),
    "DeleteTags": Rate(100, 10),
    "CreateVpcEndpoint": Rate(4, 0.3),
}
RESOURCES: Mapping[str, Rate] = {
    "RunInstances": Rate(1000, 2),
    "StartInstances": Rate(1000, 2),
    "StopInstances": Rate(1000, 20),
    "TerminateInstances": Rate(1000, 20),
}
UNPAGINATED = frozenset(
    {
        "DescribeByoipCidrs",
        "DescribeImages",
        "DescribeInstanceStatus",
        "DescribeInstances",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroups",
        "DescribeSnapshots",
        "DescribeSpotInstanceRequests",
        "DescribeVolumes",
    }
)
"""Operations that are cheaper with a filter, ids or a page size."""
SERVICES: Mapping[str, Rate] = {"ssm": Rate(40, 20), "iam": Rate(40, 20)}


@dataclass
class _Bucket:
    rate: Rate
    tokens: float
    at: float

    def take(self, wanted: float, now: float) -> bool:
        """Take tokens out, all of them or none."""
        self.tokens = min(self.rate.size, self.tokens + (now - self.at) * self.rate.refill)
        self.at = now
        if self.tokens < wanted:
            return False
        self.tokens -= wanted
        return True


@dataclass
class Throttle:
    """All buckets of an account."""

    clock: Callable[[], float] = time.monotonic
    buckets: dict[tuple[str, ...], _Bucket] = field(default_factory=dict)

    def check(self, call: Call, arguments: Mapping[str, Any]) -> None:
        """Raise `RefusedError` for a request that is one too many."""
        if call.service == "ec2":
            self._take(_request_rate(call.operation, arguments), 1, "requests", call.region, call.operation)
            if call.operation in RESOURCES:
                rate = RESOURCES[call.operation]
                self._take(rate, _resources(arguments), "resources", call.region, call.operation)
        elif call.service in SERVICES:
            region = "" if call.service == "iam" else call.region
            self._take(SERVICES[call.service], 1, call.service, region, call.operation)

    def _take(self, rate: Rate, wanted: float, *name: str) -> None:
        now = self.clock()
        bucket = self.buckets.setdefault((*name, str(rate)), _Bucket(rate, rate.size, now))
        if not bucket.take(wanted, now):
            raise RefusedError("throttled")


def _request_rate(operation: str, arguments: Mapping[str, Any]) -> Rate:
    if operation in REQUESTS:
        return REQUESTS[operation]
    if is_changing(operation):
        return CHANGING
    narrowed = any(name in ("MaxResults", "Filters", "Filter") or name.endswith("Ids") for name in arguments)
    return READING_EVERYTHING if operation in UNPAGINATED and not narrowed else READING


def _resources(arguments: Mapping[str, Any]) -> int:
    """Return how many instances a request is about."""
    return len(arguments.get("InstanceIds") or []) or int(arguments.get("MaxCount") or 1)
