"""What stands of one federation in AWS, as a page shows it: network, instances, costs so far, what serves nothing.

Made of what `federation_leftovers.find` returns with `whole`; nothing is asked here.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from ansible.module_utils.federation_leftovers import MOMENT, plural

Record = dict[str, Any]

# In the order in which a bill is read.
PAID = ("instance", "NAT gateway", "address", "volume")
DIGITS = 4


def cloud(found: Sequence[Record], now: datetime.datetime) -> Record:
    """Return network, instances (the manager first, members by their numbers), costs, strays and how much is free.

    Every moment is written in UTC, every age is in whole seconds, costs are USD an hour or USD.
    """
    ages = [each["age"] for each in found if each["age"] is not None]
    age = max(ages, default=None)
    return {
        "made": _moment(now),
        "age": age,
        "ends": found[0]["ends"] if found else "",
        "overdue": any(each["overdue"] for each in found),
        "network": network(found),
        "instances": instances(found),
        "costs": costs(found, age),
        "strays": [
            {name: each[name] for name in ("kind", "name", "id", "state", "age", "cost")} for each in strays(found)
        ],
        "free": sum(each["cost"] == 0.0 for each in found),
    }


def network(found: Sequence[Record]) -> Record:
    """Return VPC, internet gateway and NAT gateway, each None where there is none, and the subnets, public first."""
    gateways = [each for each in _of_kind(found, "NAT gateway") if each["state"] != "failed"]
    gateways += [each for each in _of_kind(found, "NAT gateway") if each["state"] == "failed"]
    public = {each["described"].get("SubnetId") for each in gateways}
    public |= {each["described"].get("SubnetId") for each in _of_kind(found, "instance") if each["role"] == "manager"}
    subnets = []
    for each in _of_kind(found, "subnet"):
        said = each["described"]
        is_public = each["id"] in public or each["name"].endswith("-public-subnet")
        subnets.append(
            {**_named(each), "cidr": said["CidrBlock"], "zone": said["AvailabilityZone"], "public": is_public}
        )
    vpcs = [{**_named(each), "cidr": each["described"]["CidrBlock"]} for each in _of_kind(found, "VPC")]
    ways_in = [each for each in _of_kind(found, "internet gateway") if each["described"].get("Attachments")]
    return {
        "vpc": vpcs[0] if vpcs else None,
        "internet_gateway": _named(ways_in[0]) if ways_in else None,
        "nat_gateway": {**_named(gateways[0]), **_of_gateway(gateways[0])} if gateways else None,
        "subnets": sorted(subnets, key=lambda each: (not each["public"], each["name"])),
    }


def instances(found: Sequence[Record]) -> list[Record]:
    """Return the instances, the manager first and then the members by their numbers."""
    volumes: dict[str, list[Record]] = {}
    for each in _of_kind(found, "volume"):
        said = each["described"]
        for held in said.get("Attachments", []):
            one = {"id": each["id"], "gib": said["Size"], "type": said.get("VolumeType", "")}
            volumes.setdefault(held.get("InstanceId", ""), []).append(one)
    listed = [_instance(each, volumes.get(each["id"], [])) for each in _of_kind(found, "instance")]
    return sorted(listed, key=lambda it: (it["role"] != "manager", it["index"] is None, it["index"] or 0, it["id"]))


def _instance(each: Record, volumes: list[Record]) -> Record:
    said = each["described"]
    index = next((tag["Value"] for tag in said.get("Tags", []) if tag["Key"] == "Index"), "")
    return {
        **_named(each),
        "role": each["role"],
        "index": int(index) if index.isdecimal() else None,
        "state": each["state"],
        "type": said["InstanceType"],
        "zone": said.get("Placement", {}).get("AvailabilityZone", ""),
        "subnet": said.get("SubnetId", ""),
        "private_address": said.get("PrivateIpAddress") or "",
        "public_address": said.get("PublicIpAddress") or "",
        "launched": _moment(said.get("LaunchTime")),
        "age": each["age"],
        "volumes": sorted(volumes, key=lambda it: it["id"]),
    }


def costs(found: Sequence[Record], age: int | None) -> Record:
    """Return USD an hour and so far, in all and by kind, and what has no known price.

    What AWS tells no age of, such as an address, counts from when the federation began, `age` seconds ago.
    """
    parts = []
    for kind in PAID:
        of_kind = [each for each in _of_kind(found, kind) if each["cost"] is not None]
        if of_kind:
            so_far = sum(each["cost"] * (age if each["age"] is None else each["age"] or 0) / 3600 for each in of_kind)
            hourly = sum(each["cost"] for each in of_kind)
            parts.append({"kind": kind, "number": len(of_kind), "hourly": hourly, "so_far": so_far})
    hourly, so_far = (sum(part[name] for part in parts) for name in ("hourly", "so_far"))
    rounded = [
        {**each, "hourly": round(each["hourly"], DIGITS), "so_far": round(each["so_far"], DIGITS)} for each in parts
    ]
    unknown = sorted(each["name"] or each["id"] for each in found if each["cost"] is None)
    return {"hourly": round(hourly, DIGITS), "so_far": round(so_far, DIGITS), "parts": rounded, "unknown": unknown}


def strays(found: Sequence[Record]) -> Iterator[Record]:
    """Yield what serves nothing: all of it when the federation's time is over or no instance is left."""
    ended = not any(each["kind"] == "instance" for each in found) or any(each["overdue"] for each in found)
    for each in found:
        said = each.get("described", {})
        if (
            ended
            or each["kind"] == "network interface"
            or (each["kind"] == "volume" and not said.get("Attachments"))
            or (each["kind"] == "address" and not said.get("AssociationId"))
            or (each["kind"] == "NAT gateway" and each["state"] == "failed")
        ):
            yield each


def counted(number: int, kind: str) -> str:
    """Return a number of things in words, as in `2 addresses`."""
    return f"{number} {kind if number == 1 else plural(kind)}"


def _of_kind(found: Sequence[Record], kind: str) -> list[Record]:
    return [each for each in found if each["kind"] == kind]


def _named(each: Record) -> Record:
    return {"id": each["id"], "name": each["name"]}


def _of_gateway(each: Record) -> Record:
    addresses = each["described"].get("NatGatewayAddresses", [])
    return {"state": each["state"], "address": next((it["PublicIp"] for it in addresses if it.get("PublicIp")), "")}


def _moment(when: datetime.datetime | None) -> str:
    return when.astimezone(datetime.timezone.utc).strftime(MOMENT) if when else ""
