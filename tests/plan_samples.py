"""A federation as federation_resources_info finds it, and what is wanted of it, for the tests of the plan."""

from __future__ import annotations

import copy
from typing import Any

from ansible.module_utils.federation_plan import METADATA, Entry, Situation

Record = dict[str, Any]
CIDR = "203.0.113.7/32"
SETTINGS: Record = {
    "vpc_cidr": "10.0.0.0/16",
    "public_subnet_cidr": "10.0.0.0/24",
    "private_subnet_cidr": "10.0.1.0/24",
    "manager_ports": ["10035", "16000-17000"],
    "allowed_cidr": CIDR,
    "member_count": 2,
    "discard_data": False,
    "instance_type": "t3.medium",
    "image_has_agraph": True,
    "agraph_version": "",
    "root_volume_gb": 0,
    "data_volume_gb": 0,
    "key_name": "",
    "key_file": "",
    "ttl_hours": 0.0,
    "ends": "",
    "not_asked": [],
}
ROLES = {
    "network": ["vpc", "internet_gateway", "public_subnet", "private_subnet", "public_routes", "private_routes"],
    "identity": ["node_role", "node_profile"],
    "security": ["manager_group", "member_group"],
    "manager": ["manager", "manager_address"],
    "member": ["member"],
    "bucket": ["bucket"],
    "key": ["key"],
}
ROLES["network"] += ["nat_address", "nat_gateway"]


def names(**tags: str) -> Record:
    """Return what roles/names spells out."""
    made = {
        what: {**tags, "Federation": "f", "Role": role, "Name": f"f-{what.replace('_', '-')}"}
        for role, some in ROLES.items()
        for what in some
    }
    return {**made, "secrets": ["/f/superuser", "/f/reader"], "node_policy": "f-node-policy"}


def of(what: str, identity: str, **details: Any) -> Record:
    """Return something that carries the tags of what it is."""
    tags = names()[what]
    return {"id": identity, "name": tags["Name"], "tags": tags, **details}


def instance(name: str, index: int | None = None, state: str = "running", **more: Any) -> Record:
    """Return an instance, named after what it is and its index."""
    tags = {**names()[name], **({} if index is None else {"Index": str(index)})}
    tags["Name"] = tags["Name"] if index is None else f"{tags['Name']}-{index}"
    own = {"id": f"i-{name}{'' if index is None else index}", "name": tags["Name"], "tags": tags, "state": state}
    group = "sg-manager" if name == "manager" else "sg-member"
    rest = {"type": "t3.medium", "key_name": "", "group_ids": [group], "metadata": METADATA, "index": tags.get("Index")}
    return {**own, **rest, "role": name, **more}


def nothing() -> Record:
    """Return what is found in an account without a federation."""
    kinds = ("vpcs", "internet_gateways", "subnets", "route_tables", "nat_gateways", "addresses", "security_groups")
    more = ("instances", "key_pairs", "roles", "instance_profiles", "buckets", "secrets")
    return {kind: [] for kind in (*kinds, *more)}


def everything() -> Record:
    """Return what is found of a federation of two members."""
    out = [f"all {'0.0.0.0/0'}"]
    inside = ["all sg-manager", "all sg-member"]
    public, private = {"0.0.0.0/0": "igw-1"}, {"0.0.0.0/0": "nat-1"}
    opened = [f"tcp 10035 {CIDR}", f"tcp 16000-17000 {CIDR}"]
    here = {"vpc_id": "vpc-1"}
    return {
        **nothing(),
        "vpcs": [of("vpc", "vpc-1", cidr="10.0.0.0/16")],
        "internet_gateways": [of("internet_gateway", "igw-1", vpc_id="vpc-1")],
        "subnets": [
            of("public_subnet", "subnet-1", cidr="10.0.0.0/24", **here),
            of("private_subnet", "subnet-2", cidr="10.0.1.0/24", **here),
        ],
        "route_tables": [
            of("public_routes", "rtb-1", subnet_ids=["subnet-1"], routes=public),
            of("private_routes", "rtb-2", subnet_ids=["subnet-2"], routes=private),
        ],
        "nat_gateways": [of("nat_gateway", "nat-1", state="available", allocation_id="eipalloc-1")],
        "addresses": [
            of("nat_address", "eipalloc-1", association_id="eipassoc-1", instance_id=None),
            of("manager_address", "eipalloc-2", association_id="eipassoc-2", instance_id="i-manager"),
        ],
        "security_groups": [
            of("manager_group", "sg-manager", group_name="f-manager-group", ingress=opened, egress=out, **here),
            of("member_group", "sg-member", group_name="f-member-group", ingress=inside, egress=out, **here),
        ],
        "roles": [{"id": "arn:role", "name": "f-node-role", "tags": {}}],
        "instance_profiles": [{"id": "arn:profile", "name": "f-node-profile", "tags": {}}],
        "buckets": [{"id": "f-bucket", "name": "f-bucket", "tags": {}}],
        "secrets": [{"id": each, "name": each, "tags": {}} for each in ("/f/superuser", "/f/reader")],
        "instances": [instance("manager"), instance("member", 0), instance("member", 1)],
    }


def seen(found: Record, **more: Any) -> Record:
    """Return what looking closer tells, where all of it is as wanted."""
    roles = {what: {"tags": names()[what], "changes": []} for what in ("node_role", "node_profile")}
    disks = [
        {"id": f"vol-{it['id']}", "name": it["name"], "gib": 8, "instance_id": it["id"]} for it in found["instances"]
    ]
    quiet = {"dns": True, "default_group_has_rules": False, "bucket_repairs": [], "foreign_key_pair": ""}
    rest = {"key_file_exists": True, "image_gib": 8, "volumes": disks, "uploads": [], "servers": []}
    return {**roles, **quiet, **rest, **more}


def situation(found: Record, tags: Record | None = None, looked: Record | None = None, **settings: Any) -> Situation:
    """Return a situation in which only what is given is different."""
    return Situation(names(**(tags or {})), {**SETTINGS, **settings}, found, seen(found, **(looked or {})))


def empty(**settings: Any) -> Situation:
    """Return the situation before the first `up`."""
    return situation(nothing(), **settings)


def whole(tags: Record | None = None, looked: Record | None = None, **settings: Any) -> Situation:
    """Return the situation after it."""
    return situation(copy.deepcopy(everything()), tags, looked, **settings)


def changing(entries: list[Entry]) -> list[tuple[str, str, str]]:
    """Return what does not stay as it is: what becomes of it, its name, and why."""
    return [(each.action, each.name, each.why) for each in entries if each.action != "keep"]
