"""Which of a federation's resources is which: found as the roles of `up` find them; nothing here asks AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Record = dict[str, Any]

ON_THEIR_WAY_OUT = ("shutting-down", "terminated")


class Present:
    """What an account has of each thing that `up` wants; None for what it has not."""

    def __init__(
        self, names: Mapping[str, Any], settings: Mapping[str, Any], found: Mapping[str, Sequence[Record]]
    ) -> None:
        """`names` are the tags of each thing by roles/names, `found` is what federation_resources_info returns."""
        self.names, self.found = names, found
        subnets, addresses = found["subnets"], found["addresses"]
        by_id = {each["id"]: each for each in found["vpcs"]}
        # Where there are two, since an answer of AWS's got lost, the one that has the subnets.
        settled = [by_id[each["vpc_id"]] for each in subnets if each["vpc_id"] in by_id]
        self.vpc = first([*settled, *found["vpcs"]])
        self.internet_gateway = first(found["internet_gateways"])
        here = [each for each in subnets if each["vpc_id"] == identity(self.vpc)]
        self.public_subnet = first(each for each in here if each["cidr"] == settings["public_subnet_cidr"])
        self.private_subnet = first(each for each in here if each["cidr"] == settings["private_subnet_cidr"])
        self.public_routes = self._table("public_routes", self.public_subnet)
        self.private_routes = self._table("private_routes", self.private_subnet)
        gateways = found["nat_gateways"]
        self.nat_gateway = first(each for each in gateways if each["state"] in ("pending", "available"))
        self.failed_gateways = [each for each in gateways if each["state"] == "failed"]
        allocated = self.nat_gateway["allocation_id"] if self.nat_gateway else None
        self.nat_address = self._named(addresses, "nat_address") or first(
            each for each in addresses if allocated and each["id"] == allocated
        )
        self.manager_address = self._named(addresses, "manager_address") or first(
            each for each in addresses if each["instance_id"]
        )
        self.manager_group, self.member_group = self._group("manager_group"), self._group("member_group")
        self.role, self.profile = first(found["roles"]), first(found["instance_profiles"])
        self.bucket = first(found["buckets"])
        self.key_pair = first(each for each in found["key_pairs"] if each["name"] == settings["key_name"])
        living = [each for each in found["instances"] if each["state"] not in ON_THEIR_WAY_OUT]
        self.wanted = wanted_instances(names, int(settings["member_count"]))
        self.instances = assigned(self.wanted, names["member"]["Name"], living)
        taken = {each["id"] for each in self.instances.values()}
        self.surplus = [each for each in living if each["id"] not in taken]

    def _named(self, items: Iterable[Record], what: str) -> Record | None:
        return first(each for each in items if each["name"] == self.names[what]["Name"])

    def _group(self, what: str) -> Record | None:
        name = self.names[what]["Name"]
        groups = self.found["security_groups"]
        return first(each for each in groups if each["group_name"] == name and each["vpc_id"] == identity(self.vpc))

    def _table(self, what: str, subnet: Record | None) -> Record | None:
        """Find by the name, or by the subnet if someone renamed it."""
        tables = self.found["route_tables"]
        return self._named(tables, what) or first(each for each in tables if identity(subnet) in each["subnet_ids"])

    @property
    def made_twice(self) -> list[tuple[str, Record]]:
        """What has another one's name and is in nobody's use, with its kind, as ec2_surplus_absent finds it."""
        settled = {each["vpc_id"] for each in self.found["subnets"]}
        in_use: dict[str, tuple[str, Callable[[Record], bool]]] = {
            "internet_gateways": ("internet gateway", lambda it: bool(it["vpc_id"])),
            "addresses": ("address", lambda it: bool(it["association_id"])),
            "vpcs": ("VPC", lambda it: it["id"] in settled),
        }
        return [(kind, it) for key, (kind, used) in in_use.items() for it in unused(self.found[key], used)]


def first(items: Iterable[Record]) -> Record | None:
    """Return the first of some things, or None."""
    return next(iter(items), None)


def identity(it: Record | None) -> str:
    """Return a thing's id; nothing for nothing."""
    return str(it["id"]) if it else ""


def unused(items: Sequence[Record], used: Callable[[Record], bool]) -> list[Record]:
    """Return those that are there again, under another one's name, and are not in use."""
    result: list[Record] = []
    for name in sorted({each["name"] for each in items} - {""}):
        same = [each for each in items if each["name"] == name]
        idle = sorted((each for each in same if not used(each)), key=identity)
        result += idle if len(idle) < len(same) else idle[1:]
    return result


def wanted_instances(names: Mapping[str, Any], member_count: int) -> dict[str, Record]:
    """Return the tags of the manager and of each member, by their names."""
    series = names["member"]["Name"]
    members = {
        f"{series}-{index}": {**names["member"], "Name": f"{series}-{index}", "Index": str(index)}
        for index in range(member_count)
    }
    return {names["manager"]["Name"]: dict(names["manager"]), **members}


def assigned(wanted: Mapping[str, Record], series: str, living: Sequence[Record]) -> dict[str, Record]:
    """Give each wanted name the instance that has it, or else all of its other tags, or no number yet."""
    free, result = list(living), dict[str, Record]()

    def without_name(tags: Record) -> set[tuple[str, str]]:
        return {(key, str(value)) for key, value in tags.items() if key != "Name"}

    tests: list[Callable[[str, Record, Record], bool]] = [
        lambda name, _, have: bool(have["name"] == name),
        lambda _, tags, have: without_name(tags) <= set(have["tags"].items()),
        lambda name, _, have: name.startswith(f"{series}-") and have["name"] == series and have["index"] is None,
    ]
    for fits in tests:
        for name, tags in wanted.items():
            found = first(have for have in free if name not in result and fits(name, tags, have))
            if found is not None:
                result[name] = found
                free.remove(found)
    return result
