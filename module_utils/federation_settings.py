"""What can be known to be wrong with a federation's settings before anything is asked of AWS."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ansible.module_utils.federation_installation import problems_with_installation

# Every name of the federation begins with it, and a bucket's name is the strictest of them.
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
RESERVED_NAMES = {"all"}
# What Parameter Store, which has the lease, keeps for AWS's own parameters.
RESERVED_BEGINNINGS = ("aws", "ssm")
# AWS keeps the first four addresses of a subnet and the last one.
RESERVED_ADDRESSES = 5
LARGEST_PREFIX, SMALLEST_PREFIX = 16, 28
# In GiB; EBS has none of the type gp3 beyond it.
LARGEST_VOLUME = 16384
# What all services take, S3 and IAM being the strictest; each takes 50 tags.
TAG_KEY, TAG_VALUE = re.compile(r"[\w .:/=+@-]{1,128}"), re.compile(r"[\w .:/=+@-]{0,256}")
OWN_TAGS = ("Federation", "Role", "Name", "Index", "Expires", "Holds")
MOST_TAGS = 50 - len(OWN_TAGS)
HOURS = re.compile(r"[0-9]+([.][0-9]+)?")
# Ten years; a date that is too far away cannot be written.
MOST_HOURS = 87600

Network = ipaddress.IPv4Network
EVERYBODY = Network("0.0.0.0/0")


@dataclass(frozen=True)
class Settings:
    """A federation's settings as the user gave them: nothing is converted yet, so that anything can be wrong."""

    name: str
    tags: object
    member_count: str | int
    vpc_cidr: str
    public_subnet_cidr: str
    private_subnet_cidr: str
    access: str
    allowed_cidr: str
    allow_world: bool
    address_service: str
    image_id: str
    user: str
    login_known: bool
    reader: str
    root_volume_gb: str | int
    key_name: str
    key_file: str
    ttl_hours: str | int | float
    on_failure: str
    timeouts: dict[str, str | int]
    installation: dict[str, object] = field(default_factory=dict)
    """What is installed where the image has no AllegroGraph, by the setting's name without its prefix."""


def problems_with_name(name: str) -> Iterator[str]:
    """Say why AWS would refuse the federation's name."""
    if not NAME.fullmatch(name) or "--" in name:
        yield (
            f"federation_name '{name}' would be refused by AWS: use 2 to 32 lower-case letters, digits and single "
            "hyphens, beginning with a letter and not ending with a hyphen."
        )
    elif name in RESERVED_NAMES:
        yield f"federation_name '{name}' is reserved for every federation of an account at once: choose another name."
    elif name.startswith(RESERVED_BEGINNINGS):
        yield f"federation_name '{name}' begins with aws or ssm, which AWS keeps for itself: choose another name."


def problems_with_timeouts(timeouts: Mapping[str, str | int]) -> Iterator[str]:
    """Say which of these settings, by their names without `federation_`, are no times."""
    for setting, given in timeouts.items():
        if not re.fullmatch(r"[1-9][0-9]*", str(given)):
            yield f"federation_{setting} '{given}' is no time: give whole seconds, 1 or more."


def problems_with_load(load: dict[str, str | int]) -> Iterator[str]:
    """Say why nothing can be loaded, by the settings' names without their prefix."""
    if not str(load.get("data") or "").strip():
        yield (
            "federation_data is empty: say what is to be loaded, for example: ansible-playbook load.yml -e "
            "federation_data=people.nt, a folder, or s3://bucket/prefix."
        )
    for setting, unit in (("data_part_mb", "MB"), ("load_timeout", "seconds")):
        if not re.fullmatch(r"[1-9][0-9]*", given := str(load.get(setting, "")).strip()):
            yield f"federation_{setting} '{given}' is no number: give whole {unit}, 1 or more."


def problems_with_logs(given: Mapping[str, object]) -> Iterator[str]:
    """Say why logs could not be fetched, from the settings by their names without `federation_logs_`."""
    for setting, unit in (("mb", "size: give whole MB"), ("timeout", "time: give whole seconds")):
        if not re.fullmatch(r"[1-9][0-9]*", value := str(given[setting]).strip()):
            yield f"federation_logs_{setting} '{value}' is no {unit}, 1 or more."
    if not str(given["folder"]).strip():
        yield "federation_logs_folder is empty: say where the logs are to go."
    paths = given["paths"]
    if not isinstance(paths, list) or not all(str(each).startswith("/") for each in paths):
        yield f"federation_logs_paths '{paths}' is no list of absolute paths: write it like [/opt/agraph/log/*]."


def problems(settings: Settings) -> list[str]:
    """Return a sentence for each setting that cannot work, most basic first."""
    return [
        *problems_with_name(settings.name),
        *_problems_with_tags(settings.tags),
        *_problems_with_networks(settings),
        *_problems_with_instances(settings),
    ]


def _problems_with_tags(tags: object) -> Iterator[str]:
    if not isinstance(tags, dict):
        yield f'federation_tags \'{tags}\' are no tags: write them like {{"CostCenter": "42"}}.'
        return
    if len(tags) > MOST_TAGS:
        yield f"federation_tags has {len(tags)} tags, and AWS has room for {MOST_TAGS} beside our own: give fewer."
    for key, value in tags.items():
        if key in OWN_TAGS:
            yield f"federation_tags has the key '{key}', by which a federation is known: choose another key."
        elif str(key).lower().startswith("aws:"):
            yield f"federation_tags has the key '{key}', and AWS keeps aws: for itself: choose another key."
        elif not TAG_KEY.fullmatch(str(key)) or not TAG_VALUE.fullmatch(str(value)):
            yield (
                f"federation_tags has the tag '{key}': '{value}', which not every service of AWS's takes: use letters, "
                "digits, spaces and _.:/=+-@, up to 128 for the key and 256 for the value."
            )


def _problems_with_networks(settings: Settings) -> Iterator[str]:
    networks: dict[str, Network] = {}
    for setting in ("vpc_cidr", "public_subnet_cidr", "private_subnet_cidr"):
        network = _network(getattr(settings, setting))
        if network is None:
            yield _not_a_network(setting, getattr(settings, setting))
        elif not LARGEST_PREFIX <= network.prefixlen <= SMALLEST_PREFIX:
            yield (
                f"federation_{setting} {network} has a size that AWS refuses: "
                f"use a prefix length from /{LARGEST_PREFIX} to /{SMALLEST_PREFIX}."
            )
        else:
            networks[setting] = network
    yield from _problems_with_callers(settings)
    vpc = networks.pop("vpc_cidr", None)
    for setting, network in networks.items():
        if vpc and not network.subnet_of(vpc):
            yield f"federation_{setting} {network} lies outside federation_vpc_cidr {vpc}: choose a part of the VPC."
    if len(networks) > 1 and networks["public_subnet_cidr"].overlaps(networks["private_subnet_cidr"]):
        yield (
            f"federation_public_subnet_cidr {networks['public_subnet_cidr']} and federation_private_subnet_cidr "
            f"{networks['private_subnet_cidr']} overlap: choose two separate parts of the VPC."
        )
    yield from _problems_with_member_count(settings, networks.get("private_subnet_cidr"))


def _problems_with_callers(settings: Settings) -> Iterator[str]:
    """Say why nobody, or everybody, could reach the manager."""
    if settings.access not in ("public", "tunnel"):
        yield f"federation_access '{settings.access}' is unknown: use public or tunnel."
    elif settings.access == "tunnel":
        return
    elif not settings.allowed_cidr:
        if not settings.address_service:
            yield (
                "federation_allowed_cidr and federation_address_service are both empty: name the network that may "
                "reach the manager, such as 203.0.113.7/32, or a service that tells your own address."
            )
    elif (network := _network(settings.allowed_cidr)) is None:
        yield _not_a_network("allowed_cidr", settings.allowed_cidr)
    elif network == EVERYBODY and not settings.allow_world:
        yield (
            f"federation_allowed_cidr {EVERYBODY} would let the whole world reach the manager: name your own network, "
            "leave it empty for your own address alone, or mean it with -e federation_allow_world=true."
        )


def cidr_of_caller(text: str) -> str | None:
    """Return the network that is one address alone, as a service that tells callers their address has written it."""
    try:
        return str(ipaddress.IPv4Network(ipaddress.IPv4Address(text.strip())))
    except ValueError:
        return None


def _problems_with_member_count(settings: Settings, subnet: Network | None) -> Iterator[str]:
    given = str(settings.member_count).strip()
    if not re.fullmatch(r"[+-]?[0-9]+", given):
        yield f"federation_member_count '{given}' is not a number: say how many members hold triples, 1 or more."
    elif int(given) < 1:
        yield f"federation_member_count {given} is too small: a federation needs at least 1 member."
    elif subnet and int(given) > (room := subnet.num_addresses - RESERVED_ADDRESSES):
        yield (
            f"federation_member_count {given} is more than the {room} addresses of federation_private_subnet_cidr "
            f"{subnet}: choose a larger subnet or fewer members."
        )


def _problems_with_instances(settings: Settings) -> Iterator[str]:
    yield from problems_with_installation(settings.image_id, settings.installation)
    if settings.image_id and not settings.login_known:
        yield (
            f"federation_agraph_password is not set: say what the password of federation_agraph_user ({settings.user}) "
            "is on the image. It is replaced by one that nobody chose."
        )
    if settings.reader == settings.user:
        yield (
            f"federation_agraph_reader and federation_agraph_user are both {settings.user}: choose another name for "
            "the user who may only read."
        )
    size = str(settings.root_volume_gb).strip()
    if not re.fullmatch(r"[0-9]+", size) or int(size) > LARGEST_VOLUME:
        yield (
            f"federation_root_volume_gb '{size}' is no size: give whole GiB up to {LARGEST_VOLUME}, not below the "
            "image's own, or 0 for just that."
        )
    if settings.key_name and not settings.key_file:
        yield "federation_key_file is empty: say where the private key of federation_key_name is to be written."
    yield from problems_with_timeouts(settings.timeouts)
    hours = str(settings.ttl_hours).strip()
    if not HOURS.fullmatch(hours) or float(hours) > MOST_HOURS:
        yield (
            f"federation_ttl_hours '{hours}' is no number of hours: give one above 0 and up to {MOST_HOURS}, "
            "such as 8 or 0.5, or 0 for instances that do not end by themselves."
        )
    if settings.on_failure not in ("remove", "keep"):
        yield f"federation_on_failure '{settings.on_failure}' is unknown: use remove or keep."


def _network(text: str) -> Network | None:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        return None
    # Python also takes a mask and a lone address; AWS does not.
    return network if str(network) == text else None


def _not_a_network(setting: str, text: str) -> str:
    return (
        f"federation_{setting} '{text}' is not an IPv4 network in CIDR notation: write it like 10.0.0.0/16, "
        "with no bits set behind the prefix."
    )
