"""What is left of a federation: where AWS lists it, whose it is, what it costs, and whether its time is over.

Prices are AWS's on-demand prices of us-west-2, Linux, in USD an hour, without traffic.
"""

from __future__ import annotations

import collections
import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.aws_answers import all_of

Record = dict[str, Any]
Client = Callable[..., Any]

ALL = "all"
GONE = {"terminated", "deleted"}
# The tag that says when the instances end themselves, and how it says it.
EXPIRES, MOMENT = "Expires", "%Y-%m-%dT%H:%M:%SZ"
WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
# The last part of the names of our parameters.
PARAMETERS = ("lease", "superuser", "reader")
GATEWAY = 0.045
ADDRESS = 0.005
INSTANCES: Mapping[str, float] = {
    "t3.micro": 0.0104,
    "t3.small": 0.0208,
    "t3.medium": 0.0416,
    "t3.large": 0.0832,
    "t3.xlarge": 0.1664,
    "t3.2xlarge": 0.3328,
}
# USD a GiB and month; what gp3 costs for more than its 3,000 operations a second is not in it.
VOLUMES: Mapping[str, float] = {"gp2": 0.10, "gp3": 0.08}
HOURS_A_MONTH = 730


def instance_cost(it: Record) -> float | None:
    """Return what an instance costs; nothing while it is stopped or ends, None for a type without a known price."""
    return 0.0 if it["State"]["Name"] in ("stopping", "stopped", "shutting-down") else INSTANCES.get(it["InstanceType"])


def hourly_cost(instance_type: str, instances: int) -> float | None:
    """Return what a federation costs an hour while all of it runs; None for a type without a known price."""
    price = INSTANCES.get(instance_type)
    # The gateway has an address, and the manager the other one.
    return None if price is None else round(instances * price + GATEWAY + 2 * ADDRESS, 4)


def gateway_cost(it: Record) -> float:
    """Return what a NAT gateway costs; a failed one costs nothing."""
    return 0.0 if it["State"] == "failed" else GATEWAY


def volume_cost(it: Record) -> float | None:
    """Return what a volume costs, attached or not; None for a type without a known price."""
    month = VOLUMES.get(it.get("VolumeType", ""))
    return None if month is None else month * it["Size"] / HOURS_A_MONTH


@dataclass(frozen=True)
class Kind:
    """How EC2 lists one kind of thing."""

    title: str
    operation: str
    wanted: str
    identity: str
    made: str = ""
    cost: Callable[[Record], float | None] = lambda _: 0.0
    filters: str = "Filters"


KINDS = (
    Kind("instance", "describe_instances", "Reservations[].Instances[]", "InstanceId", "LaunchTime", instance_cost),
    Kind("NAT gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId", "CreateTime", gateway_cost, "Filter"),
    Kind("address", "describe_addresses", "Addresses", "AllocationId", cost=lambda _: ADDRESS),
    Kind("volume", "describe_volumes", "Volumes", "VolumeId", "CreateTime", volume_cost),
    Kind("VPC", "describe_vpcs", "Vpcs", "VpcId"),
    Kind("subnet", "describe_subnets", "Subnets", "SubnetId"),
    Kind("internet gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    Kind("route table", "describe_route_tables", "RouteTables", "RouteTableId"),
    Kind("security group", "describe_security_groups", "SecurityGroups", "GroupId"),
    Kind("key pair", "describe_key_pairs", "KeyPairs", "KeyPairId", "CreateTime"),
)


def find(client: Client, name: str, bucket: str, now: datetime.datetime, whole: bool = False) -> list[Record]:
    """Return what is left of a federation or of `all`, sorted by federation, the dearest first.

    Each has federation, kind, name, id; role, state and address (empty where there is none); age (whole seconds) and
    cost (USD an hour), None if not known; and of its whole federation: ends (a moment, or empty) and overdue.
    With `whole`, the volumes of instances as well, and for each thing of EC2 what EC2 says of it, as described.
    Raises botocore's errors.
    """
    found = [*in_ec2(client("ec2"), name, whole), *in_iam(client("iam"), name)]
    found += [*buckets(client("s3"), name, bucket), *parameters(client("ssm"), name)]
    ends: dict[str, str] = {}
    for each in found:
        if each["ends"]:
            ends[each["federation"]] = min(each["ends"], ends.get(each["federation"], each["ends"]))
    for each in found:
        made = each.pop("made")
        each["age"] = max(0, int((now - made).total_seconds())) if made else None
        # What has no tags, or lost them, is late all the same.
        each["ends"] = ends.get(each["federation"], "")
        each["overdue"] = bool(each["ends"]) and each["ends"] <= now.strftime(MOMENT)
    return sorted(found, key=lambda each: (each["federation"], -(each["cost"] or 0.0), each["kind"], each["name"]))


def leftover(
    federation: str,
    kind: str,
    name: str,
    identity: str,
    made: datetime.datetime | None,
    cost: float | None = 0.0,
    **details: str,
) -> Record:
    """Shape one thing that is left."""
    it = {"federation": federation, "kind": kind, "name": name, "id": identity, "made": made, "cost": cost}
    return {**it, "role": "", "state": "", "address": "", "ends": "", **details}


def in_ec2(ec2: Any, name: str, whole: bool = False) -> Iterator[Record]:
    """Find by the tags, and then the network interfaces that hold one of the found VPCs."""
    networks: dict[str, str] = {}
    held: set[str] = set()
    stopped: set[str] = set()
    for kind in KINDS:
        one = {"Name": "tag:Federation", "Values": [name]}
        every = {"Name": "tag-key", "Values": ["Federation"]}
        for it in all_of(ec2, kind.operation, kind.wanted, **{kind.filters: [every if name == ALL else one]}):
            tags = {tag["Key"]: tag["Value"] for tag in it.get("Tags", [])}
            federation = tags.get("Federation", "")
            # Not every filter is obeyed everywhere; and of all that somebody may tag so, ours has a role as well.
            if not (federation == name or (name == ALL and federation and "Role" in tags)):
                continue
            state = it.get("State", "")
            state = state["Name"] if isinstance(state, dict) else state
            if state in GONE:
                continue
            if kind.title == "instance" and state == "stopped":
                stopped.add(it["InstanceId"])
            # An instance's volume goes with it, and is worth a line where it is what the instance costs.
            attached = {each.get("InstanceId", "") for each in it.get("Attachments", [])}
            if kind.title == "volume" and attached and not (whole or attached & stopped):
                continue
            held |= {each.get("NetworkInterfaceId", "") for each in it.get("NatGatewayAddresses", [])}
            if kind.title == "VPC":
                networks[it["VpcId"]] = federation
            own = tags.get("Name") or it.get("KeyName", "")
            details = {
                "role": tags.get("Role", ""),
                "state": state,
                "address": it.get("PublicIp") or it.get("PublicIpAddress") or it.get("PrivateIpAddress") or "",
                "ends": tags[EXPIRES] if WRITTEN.fullmatch(tags.get(EXPIRES, "")) else "",
            }
            one_of = leftover(
                federation, kind.title, own, it[kind.identity], it.get(kind.made), kind.cost(it), **details
            )
            yield {**one_of, "described": it} if whole else one_of
    if networks:
        yield from interfaces(ec2, networks, held)


def interfaces(ec2: Any, networks: Mapping[str, str], held: Set[str]) -> Iterator[Record]:
    """Find the network interfaces inside VPCs that go neither with an instance nor are `held` by a gateway."""
    filters = [{"Name": "vpc-id", "Values": list(networks)}]
    for it in all_of(ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=filters):
        goes_with = it.get("Attachment", {}).get("InstanceId") or it["NetworkInterfaceId"] in held
        if it["VpcId"] in networks and not goes_with:
            federation, described = networks[it["VpcId"]], it.get("Description", "")
            yield leftover(federation, "network interface", described, it["NetworkInterfaceId"], None)


def in_iam(iam: Any, name: str) -> Iterator[Record]:
    """Find by the path, which a role has from its creation; the names of ours begin with the federation's."""
    lists = (
        ("role", "list_roles", "Roles", "RoleName"),
        ("instance profile", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    )
    for kind, operation, key, named in lists:
        for it in all_of(iam, operation, key, PathPrefix="/" if name == ALL else f"/{name}/"):
            federation = it["Path"].strip("/")
            ours = federation and "/" not in federation and it[named].startswith(f"{federation}-node-")
            if federation == name or (name == ALL and ours):
                yield leftover(federation, kind, it[named], it["Arn"], it.get("CreateDate"))


def buckets(s3: Any, name: str, bucket: str) -> Iterator[Record]:
    """Find by the name, which is the federation's with the same ending for every one of them."""
    ending = bucket.removeprefix(name)
    for it in s3.list_buckets()["Buckets"]:
        federation = it["Name"].removesuffix(ending)
        if it["Name"] == bucket or (name == ALL and federation and it["Name"] == federation + ending):
            whose = name if it["Name"] == bucket else federation
            yield leftover(whose, "bucket", it["Name"], it["Name"], it.get("CreationDate"))


def parameters(ssm: Any, name: str) -> Iterator[Record]:
    """Find what lies under the federation's name, of others what ours have there; and see whether the tags agree."""
    chosen = [] if name == ALL else [{"Key": "Name", "Option": "BeginsWith", "Values": [f"/{name}/"]}]
    for it in all_of(ssm, "describe_parameters", "Parameters", ParameterFilters=chosen):
        parts = it["Name"].split("/")
        federation = parts[1] if len(parts) > 2 and not parts[0] else ""
        if not (federation == name or (name == ALL and len(parts) == 3 and parts[2] in PARAMETERS)):
            continue
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=it["Name"])["TagList"]
        if {"Key": "Federation", "Value": federation} in tags:
            yield leftover(federation, "parameter", it["Name"], it["Name"], it.get("LastModifiedDate"))


def age(seconds: int | None) -> str:
    """Return an age in the largest unit of which there are two or more, as in `3 h`."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def table(found: Sequence[Record]) -> str:
    """Return it in columns, or nothing for nothing."""
    if not found:
        return ""
    rows = [("federation", "kind", "name", "id", "age", "USD an hour", "ends")]
    for each in found:
        cost = "?" if each["cost"] is None else f"{each['cost']:.4f}"
        ends = "overdue" if each["overdue"] else each["ends"] or "-"
        rows.append((each["federation"], each["kind"], each["name"] or "-", each["id"], age(each["age"]), cost, ends))
    return in_columns(rows)


def costly(found: Sequence[Record]) -> str:
    """Say what costs, as in `2 addresses, 1 NAT gateway`; nothing if nothing does."""
    counts = collections.Counter(each["kind"] for each in found if each["cost"] != 0.0)
    return ", ".join(
        f"{number} {kind}" if number == 1 else f"{number} {plural(kind)}" for kind, number in counts.items()
    )


def plural(kind: str) -> str:
    """Return the plural of a kind."""
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


def in_columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows with their cells below each other."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
