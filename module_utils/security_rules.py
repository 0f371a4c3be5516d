"""The rules of a security group in words, so that two sets of them can be compared and shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# EC2's number for every protocol.
EVERYTHING = "-1"
# Where EC2 keeps the sources of a permission, and what it calls one.
SOURCES = (
    ("IpRanges", "CidrIp"),
    ("Ipv6Ranges", "CidrIpv6"),
    ("PrefixListIds", "PrefixListId"),
    ("UserIdGroupPairs", "GroupId"),
)


def in_words(permissions: Iterable[dict[str, Any]]) -> list[str]:
    """Return EC2's permissions as one rule a source, sorted, as in `tcp 10035 203.0.113.7/32` or `all sg-0123`."""
    return sorted(
        rule(each["IpProtocol"], each.get("FromPort"), each.get("ToPort"), source[key])
        for each in permissions
        for sources, key in SOURCES
        for source in each.get(sources, [])
    )


def rule(protocol: str, first: int | None, last: int | None, source: str) -> str:
    """Return one rule in words."""
    if protocol == EVERYTHING or first is None:
        return f"{'all' if protocol == EVERYTHING else protocol} {source}"
    return f"{protocol} {first if first == last else f'{first}-{last}'} {source}"


def together(rules: Iterable[str]) -> str:
    """Return rules in words with those of a source together, as in `tcp 10035, 16000-17000 to 203.0.113.7/32`."""
    ports: dict[tuple[str, str], list[str]] = {}
    for each in sorted(rules):
        protocol, *some, source = each.split()
        ports.setdefault((protocol, source), []).extend(some)
    words = (" ".join([protocol, ", ".join(some), "to", source]) for (protocol, source), some in ports.items())
    return " and ".join(words).replace("  ", " ")


def tcp(ports: Iterable[str], cidr: str) -> list[str]:
    """Return the rules that let a network come to ports, each a port or a range such as `16000-17000`."""
    return sorted(f"tcp {each} {cidr}" for each in ports)
