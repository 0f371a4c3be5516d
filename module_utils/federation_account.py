"""What can be known to be wrong with an account before a federation is made in it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

with contextlib.suppress(ImportError):  # the module that uses this says so
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.aws_answers import all_of

Record = dict[str, Any]
CALLS_AT_ONCE = 8
# AWS refuses a request that was signed more than five minutes off.
MOST_SECONDS_OFF = 240
# https://docs.aws.amazon.com/general/latest/gr/vpc-service.html and ec2-service.html
VPCS, INTERNET_GATEWAYS, NAT_GATEWAYS = ("vpc", "L-F678F1CE"), ("vpc", "L-A4707A72"), ("vpc", "L-FE5A380F")
ADDRESSES, STANDARD_VCPUS = ("ec2", "L-0263D0A3"), ("ec2", "L-1216C47A")
# The families that share a quota of processors; others have one of their own.
STANDARD_FAMILIES = tuple("acdhimrtz")
LIVING_GATEWAYS = ("pending", "available", "deleting")
LIVING_INSTANCES = ("pending", "running")


@dataclass(frozen=True)
class Wish:
    """The federation that is to be made."""

    name: str
    region: str
    instance_type: str
    instances: int
    """The manager and all members."""


@dataclass(frozen=True)
class Stock:
    """What the account has in the region: EC2's own descriptions."""

    vpcs: list[Record]
    internet_gateways: list[Record]
    nat_gateways: list[Record]
    addresses: list[Record]
    instances: list[Record]
    zone_of: dict[str, str]
    """Zones by subnet id."""


def is_ours(thing: Record, name: str) -> bool:
    """Tell whether a resource belongs to the federation."""
    return {"Key": "Federation", "Value": name} in thing.get("Tags", [])


def stands(wish: Wish, stock: Stock) -> bool:
    """Tell whether nothing that counts is yet to be made."""
    gateways = [each for each in stock.nat_gateways if each["State"] in LIVING_GATEWAYS]
    numbers = ((stock.vpcs, 1), (gateways, 1), (stock.addresses, 2), (stock.instances, wish.instances))
    return all(sum(is_ours(each, wish.name) for each in things) >= number for things, number in numbers)


def problem_with_quota(what: str, quota: float | None, have: float, need: float, region: str) -> str | None:
    """Say that there is no room for what is needed; nothing is known where the quota is not."""
    if quota is None or need <= 0 or have + need <= quota:
        return None
    return (
        f"{region} has {have:g} of {quota:g} {what}, and the federation needs {need:g} more: release what is not "
        "needed, or ask AWS for more (Service Quotas)."
    )


def problems_with_quotas(
    wish: Wish, stock: Stock, quota: Callable[[tuple[str, str]], float | None], zones: Iterable[str], processors: int
) -> Iterator[str]:
    """Say which quotas leave no room; what the federation has already is not needed again.

    `zones` are those that offer the instance type; `processors` are those of one instance.
    """

    def needed(things: list[Record], number: int) -> int:
        return number - sum(is_ours(each, wish.name) for each in things)

    for what, key, things, number in (
        ("VPCs", VPCS, stock.vpcs, 1),
        ("internet gateways", INTERNET_GATEWAYS, stock.internet_gateways, 1),
        ("Elastic IP addresses", ADDRESSES, stock.addresses, 2),
    ):
        if problem := problem_with_quota(what, quota(key), len(things), needed(things, number), wish.region):
            yield problem
    gateways = [each for each in stock.nat_gateways if each["State"] in LIVING_GATEWAYS]
    in_zones = Counter(stock.zone_of.get(each["SubnetId"], "") for each in gateways)
    if zones and needed(gateways, 1) > 0:
        emptiest = min(in_zones[zone] for zone in zones)
        if problem := problem_with_quota("NAT gateways in each zone", quota(NAT_GATEWAYS), emptiest, 1, wish.region):
            yield problem
    if wish.instance_type.startswith(STANDARD_FAMILIES):
        standard = [
            each
            for each in stock.instances
            if each["InstanceType"].startswith(STANDARD_FAMILIES) and "InstanceLifecycle" not in each
        ]
        used = sum(processors_of(each) for each in standard)
        more = processors * needed(standard, wish.instances)
        if problem := problem_with_quota("virtual processors", quota(STANDARD_VCPUS), used, more, wish.region):
            yield problem


def processors_of(instance: Record) -> int:
    """Return how many virtual processors an instance has."""
    options = instance.get("CpuOptions", {})
    return int(options.get("CoreCount", 1)) * int(options.get("ThreadsPerCore", 1))


def problem_with_architecture(image: Record, instance_type: Record) -> str | None:
    """Say that the image cannot run on the type."""
    offered = instance_type.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    if not offered or image.get("Architecture") in offered:
        return None
    return (
        f"federation_ami_id {image['ImageId']} is for {image['Architecture']}, and federation_instance_type "
        f"{instance_type['InstanceType']} has {' or '.join(offered)}: choose two that fit."
    )


def problem_with_clock(date: str, now: datetime | None = None) -> str | None:
    """Say that the machine's clock is far off AWS's, given the header Date of an answer that has just come."""
    try:
        theirs = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    off = ((now or datetime.now(timezone.utc)) - theirs).total_seconds()
    if abs(off) <= MOST_SECONDS_OFF:
        return None
    return (
        f"This machine's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} AWS's, which refuses what is "
        "signed five minutes off: set it right, with: timedatectl set-ntp true"
    )


def problems_with_permissions(client: Any, vpc_cidr: str, tags: Mapping[str, str]) -> list[str]:
    """Say what the credentials may not do, which EC2 tells without doing it.

    The tags are those of the real calls: a policy may allow a call only with them. RunInstances is not among these: a
    policy may name the subnet that is yet to be made.
    """

    def tagged(kind: str) -> list[Record]:
        return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]

    calls: dict[str, Record] = {
        "create_vpc": {"CidrBlock": vpc_cidr, "TagSpecifications": tagged("vpc")},
        "create_internet_gateway": {"TagSpecifications": tagged("internet-gateway")},
        "allocate_address": {"Domain": "vpc", "TagSpecifications": tagged("elastic-ip")},
    }
    with ThreadPoolExecutor(len(calls)) as pool:
        tried = [pool.submit(problem_with_permission, client, name, asked) for name, asked in calls.items()]
    return [problem for each in tried if (problem := each.result())]


def problem_with_permission(client: Any, operation: str, arguments: Record) -> str | None:
    """Say that the credentials may not do something."""
    name = client.meta.method_to_api_mapping[operation]
    try:
        getattr(client, operation)(DryRun=True, **arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] == "UnauthorizedOperation":
            return f"The credentials may not do ec2:{name}: have it allowed, as docs/operator-policy.md says."
    return None


def stock_of(client: Any) -> Stock:
    """Ask EC2 for all that quotas count."""

    def asked_for(operation: str, wanted: str, **arguments: Any) -> list[Record]:
        return list(all_of(client, operation, wanted, **arguments))

    living = [{"Name": "instance-state-name", "Values": list(LIVING_INSTANCES)}]
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        asked = [
            pool.submit(asked_for, "describe_vpcs", "Vpcs"),
            pool.submit(asked_for, "describe_internet_gateways", "InternetGateways"),
            pool.submit(asked_for, "describe_nat_gateways", "NatGateways"),
            pool.submit(asked_for, "describe_addresses", "Addresses"),
            pool.submit(asked_for, "describe_instances", "Reservations[].Instances[]", Filters=living),
            pool.submit(asked_for, "describe_subnets", "Subnets"),
        ]
    vpcs, internet_gateways, nat_gateways, addresses, instances, subnets = (each.result() for each in asked)
    return Stock(
        vpcs,
        internet_gateways,
        nat_gateways,
        addresses,
        instances,
        {each["SubnetId"]: each["AvailabilityZone"] for each in subnets},
    )


def quotas_of(client: Any) -> Callable[[tuple[str, str]], float | None]:
    """Return a function that asks Service Quotas; where that may not be asked, or has no answer, nothing is known."""

    def quota(key: tuple[str, str]) -> float | None:
        service, code = key
        try:
            return float(client.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
        except (BotoCoreError, ClientError, KeyError):
            return None

    return quota


def zones_of(client: Any, instance_type: str) -> list[str]:
    """Return the region's zones that offer a type."""
    wanted = [{"Name": "instance-type", "Values": [instance_type]}]
    found = client.describe_instance_type_offerings(LocationType="availability-zone", Filters=wanted)
    return [each["Location"] for each in found["InstanceTypeOfferings"]]
