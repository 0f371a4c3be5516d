"""Eventual consistency: what was just created is unknown to those who describe it, and missing in lists.

Only what describes is late; what changes finds it. It is the part of AWS's behaviour that clients meet every day.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.latency import Latency


@dataclass(frozen=True)
class Kind:
    """A kind of thing in EC2."""

    create: str
    prefix: str
    describe: str
    ids: str
    code: str
    message: str


KINDS = (
    Kind("CreateVpc", "vpc", "DescribeVpcs", "VpcIds", "InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    Kind(
        "CreateSubnet",
        "subnet",
        "DescribeSubnets",
        "SubnetIds",
        "InvalidSubnetID.NotFound",
        "The subnet ID '{}' does not exist",
    ),
    Kind(
        "CreateInternetGateway",
        "igw",
        "DescribeInternetGateways",
        "InternetGatewayIds",
        "InvalidInternetGatewayID.NotFound",
        "The internetGateway ID '{}' does not exist",
    ),
    Kind(
        "CreateRouteTable",
        "rtb",
        "DescribeRouteTables",
        "RouteTableIds",
        "InvalidRouteTableID.NotFound",
        "The routeTable ID '{}' does not exist",
    ),
    Kind(
        "CreateSecurityGroup",
        "sg",
        "DescribeSecurityGroups",
        "GroupIds",
        "InvalidGroup.NotFound",
        "The security group '{}' does not exist",
    ),
    Kind(
        "RunInstances",
        "i",
        "DescribeInstances",
        "InstanceIds",
        "InvalidInstanceID.NotFound",
        "The instance ID '{}' does not exist",
    ),
    Kind(
        "CreateNatGateway",
        "nat",
        "DescribeNatGateways",
        "NatGatewayIds",
        "NatGatewayNotFound",
        "NatGateway {} was not found",
    ),
    Kind(
        "AllocateAddress",
        "eipalloc",
        "DescribeAddresses",
        "AllocationIds",
        "InvalidAllocationID.NotFound",
        "The allocation ID '{}' does not exist",
    ),
    Kind(
        "CreateNetworkInterface",
        "eni",
        "DescribeNetworkInterfaces",
        "NetworkInterfaceIds",
        "InvalidNetworkInterfaceID.NotFound",
        "The network interface '{}' does not exist",
    ),
    Kind(
        "CreateVolume",
        "vol",
        "DescribeVolumes",
        "VolumeIds",
        "InvalidVolume.NotFound",
        "The volume '{}' does not exist.",
    ),
)
CREATING = {kind.create: re.compile(rf"\b{kind.prefix}-[0-9a-f]{{8,17}}\b") for kind in KINDS}
DESCRIBING = {kind.describe: kind for kind in KINDS}
IAM_NAMES = ("RoleName", "UserName", "GroupName", "InstanceProfileName")
IAM_CREATING = {f"Create{name.removesuffix('Name')}": name for name in IAM_NAMES}


@dataclass
class Fresh:
    """What was created a moment ago: by EC2's ids, and IAM's kinds and names."""

    until: dict[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    created: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, name: str, delays: Latency) -> None:
        """Let something be unknown for a while, if it is its turn; nothing happens twice."""
        seconds = 0.0 if next(self.created) % delays.creation_late_each else delays.creation_visible
        now = self.clock()
        for gone in [each for each, when in self.until.items() if when <= now]:
            del self.until[gone]
        if seconds > 0:
            self.until.setdefault(name, now + seconds)

    def __contains__(self, name: object) -> bool:
        return self.until.get(str(name), 0.0) > self.clock()

    def __bool__(self) -> bool:
        return bool(self.until)


def shown(item: Any, fresh: Fresh) -> bool:
    """Tell whether an item of a list of EC2's is known."""
    if instances := getattr(item, "instances", None):
        return not any(each.id in fresh for each in instances)
    if isinstance(item, dict):
        return item.get("resource_id", item.get("ResourceId")) not in fresh
    return getattr(item, "id", None) not in fresh and getattr(item, "allocation_id", None) not in fresh


def iam_name(item: Any, noun: str) -> str:
    """Return the kind and name of an item of a list of IAM's."""
    return str(item.arn) if noun == "Policy" else f"{noun} {item.name}"
