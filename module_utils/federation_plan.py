"""What `up` would make, change or remove, and what that costs, from what is wanted and what there is.

Nothing here asks AWS. Costs are in USD an hour, at the prices of module_utils/federation_leftovers.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.federation_leftovers import ADDRESS, GATEWAY, INSTANCES, volume_cost
from ansible.module_utils.federation_plan_present import Present, Record, identity
from ansible.module_utils.security_rules import tcp, together

MAKE, CHANGE, REMOVE, KEEP = ACTIONS = ("make", "change", "remove", "keep")
EVERYWHERE = "0.0.0.0/0"
PAID_STATES = ("pending", "running")
# What ec2_named_instances gives each instance.
METADATA = {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}
# Why something goes that may hold triples, and why something stays that is not wanted.
BEYOND, LEFT = "beyond federation_member_count", "up leaves it as it is"
# What it takes to change a server that runs, whatever is changed.
AROUND_A_CHANGE = ("stopped the server", "started the server")
# The kinds of federation_resources_info in which something may be that up does not know, and their names.
KINDS = {
    "vpcs": "VPC",
    "internet_gateways": "internet gateway",
    "subnets": "subnet",
    "route_tables": "route table",
    "addresses": "address",
    "nat_gateways": "NAT gateway",
    "security_groups": "security group",
    "key_pairs": "key pair",
    "secrets": "parameter",
    "roles": "role",
    "instance_profiles": "instance profile",
}


@dataclass(frozen=True)
class Entry:
    """One thing, and what becomes of it."""

    action: str
    kind: str
    name: str
    id: str | None = None
    """None where it is still to be made."""
    why: str = ""
    cost_hour: float | None = 0.0
    """USD an hour once `up` has ended, of what is removed: at present. None where the price is not known."""
    cost_now: float | None = 0.0
    """USD an hour at present."""


@dataclass(frozen=True)
class Situation:
    """What is wanted, and what there is."""

    names: Mapping[str, Any]
    """The tags of each thing, by roles/names."""
    settings: Mapping[str, Any]
    found: Mapping[str, Sequence[Record]]
    """What federation_resources_info returns."""
    seen: Mapping[str, Any] = field(default_factory=dict)
    """What has to be looked at by itself: see library/federation_plan_info.py."""

    @property
    def present(self) -> Present:
        """Return which is which of what there is."""
        return Present(self.names, self.settings, self.found)


def entries(it: Situation) -> list[Entry]:
    """Return what becomes of each thing that there is or that is wanted, in the order in which `up` turns to it."""
    has = it.present
    known = [
        *network(it, has),
        *way_out(it, has),
        *groups(it, has),
        *identities(it, has),
        *secrets(it),
        *key_pair(it, has),
        *bucket(it, has),
        *instances(it, has),
        *volumes(it, has),
        *servers(it),
    ]
    ids = {each.id for each in known}
    left = [
        Entry(KEEP, kind, each["name"] or each["id"], each["id"], LEFT, *left_cost(kind))
        for key, kind in KINDS.items()
        for each in it.found[key]
        if each["id"] not in ids
    ]
    return [*known, *left]


def disk_cost(gib: int) -> float:
    """Return what a disk of so many GiB costs: all that `up` makes are gp3."""
    return volume_cost({"VolumeType": "gp3", "Size": gib}) or 0.0


def left_cost(kind: str) -> tuple[float, float]:
    """Return what something costs that stays as it is, then and now."""
    cost = ADDRESS if kind == "address" else 0.0
    return cost, cost


def wanted(
    kind: str,
    tags: Mapping[str, Any],
    have: Record | None,
    changes: Sequence[str] = (),
    cost: float = 0.0,
    why: str = "",
) -> Entry:
    """Return what becomes of one thing that is wanted; `why` goes with its making, the changes with what there is."""
    if have is None:
        return Entry(MAKE, kind, tags["Name"], None, why, cost, 0.0)
    wrong = [key for key, value in tags.items() if have["tags"].get(key) != str(value)]
    reasons = [*([f"tags {', '.join(wrong)}"] if wrong else []), *changes]
    return Entry(CHANGE if reasons else KEEP, kind, tags["Name"], have["id"], "; ".join(reasons), cost, cost)


def network(it: Situation, has: Present) -> Iterator[Entry]:
    """Yield the VPC and what is in it, down to the public route table; a VPC's own security group goes with it."""
    names, settings = it.names, it.settings
    changes = []
    if has.vpc and has.vpc["cidr"] != settings["vpc_cidr"]:
        changes.append(f"{settings['vpc_cidr']} beside {has.vpc['cidr']}")
    if has.vpc and not it.seen["dns"]:
        changes.append("DNS names")
    if has.vpc and it.seen["default_group_has_rules"]:
        changes.append("its own security group is emptied")
    yield wanted("VPC", names["vpc"], has.vpc, changes, why=settings["vpc_cidr"])
    attached = has.internet_gateway is not None and has.internet_gateway["vpc_id"] == identity(has.vpc)
    yield wanted(
        "internet gateway", names["internet_gateway"], has.internet_gateway, [] if attached else ["attached to the VPC"]
    )
    for side, have in (("public", has.public_subnet), ("private", has.private_subnet)):
        yield wanted("subnet", names[f"{side}_subnet"], have, why=settings[f"{side}_subnet_cidr"])
    leads = (
        ("public", has.public_routes, has.public_subnet, has.internet_gateway),
        ("private", has.private_routes, has.private_subnet, has.nat_gateway),
    )
    for side, table, subnet, gateway in leads:
        yield wanted("route table", names[f"{side}_routes"], table, misled(table, subnet, gateway))
    for kind, each in has.made_twice:
        yield Entry(REMOVE, kind, each["name"], each["id"], "made twice", *left_cost(kind))


def misled(table: Record | None, subnet: Record | None, gateway: Record | None) -> list[str]:
    """Say what of a route table is not as wanted."""
    if table is None:
        return []
    return [
        *([] if table["routes"] == {EVERYWHERE: identity(gateway)} else [f"the route to {EVERYWHERE}"]),
        *([] if table["subnet_ids"] == [identity(subnet)] else ["its subnet"]),
    ]


def way_out(it: Situation, has: Present) -> Iterator[Entry]:
    """Yield the NAT gateway and its address; one that failed is replaced."""
    yield wanted("address", it.names["nat_address"], has.nat_address, cost=ADDRESS)
    for each in has.failed_gateways:
        yield Entry(REMOVE, "NAT gateway", each["name"] or each["id"], each["id"], "it failed")
    yield wanted("NAT gateway", it.names["nat_gateway"], has.nat_gateway, cost=GATEWAY)


def groups(it: Situation, has: Present) -> Iterator[Entry]:
    """Yield the security groups."""
    allowed = tcp(it.settings["manager_ports"], it.settings["allowed_cidr"])
    inside = sorted(f"all {identity(each) or '(new)'}" for each in (has.manager_group, has.member_group))
    opened = f"opened to {it.settings['allowed_cidr']}" if allowed else "closed"
    sides = (
        ("manager_group", has.manager_group, allowed, opened),
        ("member_group", has.member_group, inside, ""),
    )
    for what, have, ingress, why in sides:
        changes = []
        if have and have["ingress"] != ingress:
            changes.append(f"{differences(have['ingress'], ingress)}")
        if have and have["egress"] != [f"all {EVERYWHERE}"]:
            changes.append(f"way out: {differences(have['egress'], [f'all {EVERYWHERE}'])}")
        yield wanted("security group", it.names[what], have, changes, why=why)


def differences(before: Sequence[str], after: Sequence[str]) -> str:
    """Say what is opened and what is closed."""
    opened, closed = set(after) - set(before), set(before) - set(after)
    return ", ".join(f"{verb} {together(some)}" for verb, some in (("opens", opened), ("closes", closed)) if some)


def identities(it: Situation, has: Present) -> Iterator[Entry]:
    """Yield the nodes' role with what it may do, and its profile; IAM's lists have no tags, so that they are `seen`."""
    for kind, what, have in (("role", "node_role", has.role), ("instance profile", "node_profile", has.profile)):
        closer = it.seen[what]
        yield wanted(kind, it.names[what], have and {**have, "tags": closer["tags"]}, closer["changes"])


def secrets(it: Situation) -> Iterator[Entry]:
    """Yield the passwords; what there is of them is never touched."""
    have = {each["name"]: each["id"] for each in it.found["secrets"]}
    for name in it.names["secrets"]:
        yield Entry(KEEP if name in have else MAKE, "parameter", name, have.get(name))


def key_pair(it: Situation, has: Present) -> Iterator[Entry]:
    """Yield the key pair that is asked for; one that is the account's own is used as it is."""
    name, tags = it.settings["key_name"], it.names["key"]
    if not name:
        return
    if has.key_pair:
        lost = not it.seen["key_file_exists"] and not it.found["instances"]
        changes = ["made anew, since nobody has its private key"] if lost else []
        # It is called by its own name and not by its tag.
        yield Entry(**{**vars(wanted("key pair", tags, has.key_pair, changes)), "name": name})
    elif it.seen["foreign_key_pair"]:
        yield Entry(KEEP, "key pair", name, it.seen["foreign_key_pair"], "the account's own")
    else:
        yield Entry(MAKE, "key pair", name, None, f"its private key in {it.settings['key_file']}")


def bucket(it: Situation, has: Present) -> Iterator[Entry]:
    """Yield the bucket, and what is put into it for the nodes."""
    repairs = it.seen["bucket_repairs"]
    if has.bucket is None:
        yield Entry(MAKE, "bucket", it.names["bucket"]["Name"])
    else:
        yield Entry(CHANGE if repairs else KEEP, "bucket", has.bucket["name"], has.bucket["id"], ", ".join(repairs))
    for name in it.seen["uploads"]:
        yield Entry(MAKE, "object", name, None, "sent to the bucket, for the nodes")


def instances(it: Situation, has: Present) -> Iterator[Entry]:
    """Yield the instances, and the manager's address."""
    manager, series = it.names["manager"]["Name"], it.names["member"]["Name"]
    for name, tags in has.wanted.items():
        have, group = has.instances.get(name), has.manager_group if name == manager else has.member_group
        if have is None:
            price = INSTANCES.get(it.settings["instance_type"])
            yield Entry(MAKE, "instance", name, None, launched_with(it.settings), price, 0.0)
            continue
        entry = wanted("instance", tags, have, deviations(have, group))
        now = INSTANCES.get(have["type"]) if have["state"] in PAID_STATES else 0.0
        yield Entry(entry.action, "instance", name, have["id"], entry.why, INSTANCES.get(have["type"]), now)
    for have in has.surplus:
        why = superfluous(have, series, int(it.settings["member_count"]))
        price = INSTANCES.get(have["type"]) if have["state"] in PAID_STATES else 0.0
        action = REMOVE if why else KEEP
        yield Entry(action, "instance", have["name"] or have["id"], have["id"], why or LEFT, price, price)
    address = has.manager_address
    led = address is not None and address["instance_id"] == identity(has.instances.get(manager))
    changes = [] if led else ["given to the manager"]
    yield wanted("address", it.names["manager_address"], address, changes, cost=ADDRESS)


def superfluous(have: Record, series: str, member_count: int) -> str:
    """Say why an instance goes that is none of those that are wanted; nothing where it does not."""
    if have["name"] == series and have["index"] is None:
        return "launched without a number"
    beyond = have["role"] == "member" and str(have["index"]).isdigit() and int(have["index"]) >= member_count
    return BEYOND if beyond else ""


def launched_with(settings: Mapping[str, Any]) -> str:
    """Say what an instance is launched with."""
    version = settings["agraph_version"] if not settings["image_has_agraph"] else ""
    return f"{settings['instance_type']}{f', AllegroGraph {version} installed' if version else ''}"


def deviations(have: Record, group: Record | None) -> list[str]:
    """Say what of an instance is not as wanted, but for its tags."""
    return [
        *(["started"] if have["state"] in ("stopping", "stopped") else []),
        *([] if have["group_ids"] == [identity(group)] else ["its security group"]),
        *([] if METADATA.items() <= have["metadata"].items() else ["its metadata service"]),
    ]


def volumes(it: Situation, has: Present) -> Iterator[Entry]:
    """Yield the disks: they come with an instance and go with it."""
    image_gib = it.seen["image_gib"]
    root, data = int(it.settings["root_volume_gb"]) or image_gib, int(it.settings["data_volume_gb"])
    for name in has.wanted:
        if name in has.instances:
            continue
        size = f"{root} GiB" if root else "the image's own size"
        yield Entry(MAKE, "volume", name, None, size, disk_cost(root) if root else None, 0.0)
        if data:
            yield Entry(MAKE, "volume", name, None, f"{data} GiB for the data", disk_cost(data), 0.0)
    names = {each["id"]: name for name, each in has.instances.items()}
    series, count = it.names["member"]["Name"], int(it.settings["member_count"])
    going = {each["id"]: each["name"] or each["id"] for each in has.surplus if superfluous(each, series, count)}
    for each in it.seen["volumes"]:
        cost, instance = disk_cost(each["gib"]), each["instance_id"]
        if instance in going:
            yield Entry(REMOVE, "volume", going[instance], each["id"], "goes with its instance", cost, cost)
        else:
            yield Entry(KEEP, "volume", names.get(instance, each["name"] or each["id"]), each["id"], "", cost, cost)


def by_number(name: str) -> list[tuple[int, str]]:
    """Return what names are sorted by, so that member 10 comes after member 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def servers(it: Situation) -> Iterator[Entry]:
    """Yield AllegroGraph on each node that could be asked, where it is installed."""
    for each in sorted(it.seen["servers"], key=lambda server: by_number(server["name"])):
        steps = [step for step in each["steps"] if step not in AROUND_A_CHANGE]
        what = ", ".join(steps or each["steps"])
        yield Entry(CHANGE if each["steps"] else KEEP, "AllegroGraph", each["name"], each["id"], what)
