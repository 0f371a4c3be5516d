"""What a request to EC2 asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cloud import environment
from sandbox.cloud.authorisation.policies import Question
from sandbox.cloud.authorisation.wildcards import Keys
from sandbox.cloud.journal import is_changing

TYPES = {
    "acl": "network-acl",
    "ami": "image",
    "dopt": "dhcp-options",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "key": "key-pair",
    "lt": "launch-template",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
"""Types of resources by the beginning of an id."""
SHARED = ("image", "snapshot")
"""Types whose ARN names no account."""
CREATED = {
    "AllocateAddress": ("elastic-ip",),
    "CreateInternetGateway": ("internet-gateway",),
    "CreateKeyPair": ("key-pair",),
    "CreateLaunchTemplate": ("launch-template",),
    "CreateNatGateway": ("natgateway",),
    "CreateNetworkAcl": ("network-acl",),
    "CreateNetworkInterface": ("network-interface",),
    "CreateRouteTable": ("route-table",),
    "CreateSecurityGroup": ("security-group",),
    "CreateSubnet": ("subnet",),
    "CreateVolume": ("volume",),
    "CreateVpc": ("vpc",),
    "CreateVpcEndpoint": ("vpc-endpoint",),
    "ImportKeyPair": ("key-pair",),
    "RunInstances": ("instance", "network-interface", "volume"),
}
ONLY = {
    "CreateRoute": ("RouteTableId",),
    "ReplaceRoute": ("RouteTableId",),
    "DeleteRoute": ("RouteTableId",),
    "AuthorizeSecurityGroupIngress": ("GroupId",),
    "AuthorizeSecurityGroupEgress": ("GroupId",),
}
"""Operations that are asked about some of the things they name only."""
READS_OF_ONE = (
    "DescribeInstanceAttribute",
    "DescribeVpcAttribute",
    "GetConsoleOutput",
    "GetConsoleScreenshot",
    "GetPasswordData",
)
"""The few operations that only look, and are about one resource all the same."""


class Surroundings:
    """The region's resources, as conditions see them."""

    def __init__(self, region: str) -> None:
        from moto.ec2.models import ec2_backends

        self.region = region
        self.backend = ec2_backends[environment.ACCOUNT][region]

    def arn(self, kind: str, name: str) -> str:
        """Return an ARN."""
        account = "" if kind in SHARED else environment.ACCOUNT
        return f"arn:aws:ec2:{self.region}:{account}:{kind}/{name}"

    def keys(self, kind: str, name: str) -> dict[str, tuple[str, ...]]:
        """Return what conditions may know of a resource that is there."""
        # A key pair's ARN has its name, and its tags are at its id.
        key = self.backend.key_pairs.get(name) if kind == "key-pair" else None
        tags = self.backend.tags.get(name if key is None else key.id, {})
        keys: dict[str, tuple[str, ...]] = {
            f"{prefix}:resourcetag/{key.lower()}": (str(tags[key]),) for key in tags for prefix in ("aws", "ec2")
        }
        if (vpc := self._vpc(kind, name)) is not None:
            keys["ec2:vpc"] = (self.arn("vpc", vpc),)
        if kind == "instance" and (instance := self.backend.get_instance_by_id(name)) is not None:
            keys["ec2:instancetype"] = (str(instance.instance_type),)
        return keys

    def _vpc(self, kind: str, name: str) -> str | None:
        known: dict[str, Any] = {
            "subnet": {each.id: each for each in self.backend.describe_subnets()} if kind == "subnet" else {},
            "route-table": self.backend.route_tables,
            "network-interface": self.backend.enis,
            "network-acl": self.backend.network_acls,
        }
        thing = known.get(kind, {}).get(name)
        if kind == "security-group":
            thing = self.backend.get_security_group_from_id(name)
        return None if thing is None else str(thing.vpc_id)

    def association(self, name: str) -> list[str]:
        """Return what an association is between."""
        found = [address.id for address in self.backend.addresses if address.association_id == name]
        for table in self.backend.route_tables.values():
            if name in table._associations:
                found += [table.id, table._associations[name]]
            if table.main_association_id == name:
                found.append(table.id)
        return found


def questions(operation: str, arguments: Mapping[str, Any], region: str, common: Keys) -> Iterator[Question]:
    """Return what has to be allowed: each action on each resource, tags and roles that are handed over included."""
    here = Surroundings(region)
    action, keys = f"ec2:{operation}", {**common, "ec2:region": (region,)}
    if not is_changing(operation) and operation not in READS_OF_ONE:
        yield Question(action, "*", keys)
        return
    tags = _tags_by_type(operation, arguments)
    if operation in ("CreateTags", "DeleteTags"):
        keys |= request_tags(arguments.get("Tags") or [])
    if operation == "RunInstances":
        keys["ec2:instancetype"] = (str(arguments.get("InstanceType", "m1.small")),)
        if role := _role_of_profile(arguments):
            yield passes(role, common)
    if operation in ("AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation") and (
        role := _role_of_profile(arguments)
    ):
        yield passes(role, common)
    about = _named(operation, arguments, here)
    for kind in CREATED.get(operation, ()):
        wanted = request_tags(tags.get(kind, []))
        name = str(arguments["KeyName"]) if kind == "key-pair" and "KeyName" in arguments else "*"
        about = [each for each in about if each != (kind, name)]
        yield Question(action, here.arn(kind, name), {**keys, **wanted})
        if tags.get(kind):
            creating = {**keys, **wanted, "ec2:createaction": (operation,)}
            yield Question("ec2:CreateTags", here.arn(kind, name), creating)
    for kind, name in about:
        yield Question(action, here.arn(kind, name), {**keys, **here.keys(kind, name)})
    if not about and operation not in CREATED:
        yield Question(action, "*", keys)


def passes(role: Any, common: Keys, service: str = "ec2.amazonaws.com") -> Question:
    """Return the question whether a role may be handed to a service."""
    return Question("iam:PassRole", str(role.arn), {**common, "iam:passedtoservice": (service,)})


def _role_of_profile(arguments: Mapping[str, Any]) -> Any:
    from moto.iam.models import iam_backends

    asked = arguments.get("IamInstanceProfile") or {}
    for profile in iam_backends[environment.ACCOUNT]["aws"].instance_profiles.values():
        if profile.roles and (profile.name == asked.get("Name") or profile.arn == asked.get("Arn")):
            return profile.roles[0]
    return None


def _tags_by_type(operation: str, arguments: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    named: dict[str, list[dict[str, str]]] = {}
    for parameter in ("TagSpecifications", "TagSpecification"):
        for each in arguments.get(parameter) or []:
            named.setdefault(each.get("ResourceType", ""), []).extend(each.get("Tags") or [])
    return named


def request_tags(tags: list[dict[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return what conditions may know of the tags that are asked for."""
    if not tags:
        return {}
    keys: dict[str, tuple[str, ...]] = {
        f"aws:requesttag/{each['Key'].lower()}": (str(each.get("Value", "")),) for each in tags
    }
    return {**keys, "aws:tagkeys": tuple(each["Key"] for each in tags)}


def _named(operation: str, arguments: Mapping[str, Any], here: Surroundings) -> list[tuple[str, str]]:
    """Return the types and names of all resources that a request names."""
    wanted = ONLY.get(operation)
    found: list[tuple[str, str]] = []
    for parameter, value in arguments.items():
        if wanted is None or parameter in wanted:
            for name in _texts(value):
                found += _resources(name, here)
    if wanted is None and "KeyName" in arguments:
        found.append(("key-pair", str(arguments["KeyName"])))
    return list(dict.fromkeys(found))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in ("Value", "Key", "Tags"):
                yield from _texts(each)


def _resources(name: str, here: Surroundings) -> list[tuple[str, str]]:
    prefix, dash, rest = name.partition("-")
    if not dash or not rest or not all(each in "0123456789abcdef" for each in rest):
        return []
    if prefix in ("rtbassoc", "eipassoc"):
        return [(TYPES[each.partition("-")[0]], each) for each in here.association(name)]
    return [(TYPES[prefix], name)] if prefix in TYPES else []
