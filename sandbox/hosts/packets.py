"""The packet rules of a VPC's router, as one nftables text: a pure function of the network.

Interfaces are elements of sets and maps, so the number of rules grows with the security groups' rules only. What
routing allows is checked for each packet, since route tables and addresses hold at once; security groups are asked for
the first packet of a connection and let the rest pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise

from sandbox.hosts.addresses import UPLINK
from sandbox.world import NatGateway, Network, Rule, Subnet

WITHIN, MAPPED, FIRST_NAT = 1, 2, 3
"""What routing marks a packet as: within the VPC, out under the sender's own public address, out through a NAT."""


def ruleset(network: Network) -> str:
    """Return the text for ``nft -f`` that replaces all the rules of this VPC's router in one change."""
    gateways = _working_nat_gateways(network)
    blocks = [
        *_sets(network),
        *_translation(network, gateways),
        *_routing(network, gateways),
        *_groups(network),
        _chain("input", ["type filter hook input priority filter; policy drop;"]),
        _chain("arriving", _ARRIVING),
        _chain("forward", _forward(network)),
    ]
    return "\n".join(["add table ip vpc", "delete table ip vpc", "table ip vpc {", *blocks, "}", ""])


# From the internet: answers to what went out (each packet out is checked on its way), and connections to an address
# that is mapped now; of those, security groups see the first packet.
_ARRIVING = [
    "ct state related accept",
    "ct direction reply ct state established accept",
    "ct original ip daddr . ip daddr != @mapped drop",
    "ct state established accept",
    "goto ingress",
]


def _forward(network: Network) -> list[str]:
    rules = ["type filter hook forward priority filter; policy drop;", f'iifname "{UPLINK}" goto arriving']
    if network.subnets:
        rules.append(f"ip saddr vmap {_braces(f'{each.cidr} : jump {_chain_of(each)}' for each in network.subnets)}")
    return [
        *rules,
        "meta mark 0 drop",
        "ct state established,related accept",
        "jump egress",
        f"meta mark {WITHIN} goto ingress",
        "accept",
    ]


def _sets(network: Network) -> list[str]:
    """Return the sets of interfaces: those with a public address, and the members of each security group."""
    pairs = _mapped(network)
    blocks = [
        _elements("set mapped", "ipv4_addr . ipv4_addr", (f"{public} . {private}" for public, private in pairs)),
        _elements("map private_of", "ipv4_addr : ipv4_addr", (f"{public} : {private}" for public, private in pairs)),
        _elements("map public_of", "ipv4_addr : ipv4_addr", (f"{private} : {public}" for public, private in pairs)),
    ]
    for group_id in sorted(network.groups):
        members = sorted({each.address for each in network.interfaces if group_id in each.group_ids})
        blocks.append(_elements(f"set {_name(group_id)}", "ipv4_addr", members))
    return blocks


def _translation(network: Network, gateways: dict[str, tuple[int, NatGateway]]) -> list[str]:
    """Return the chains that translate addresses at the VPC's edge."""
    outgoing = ["type nat hook postrouting priority srcnat; policy accept;"]
    outgoing.append(f'oifname "{UPLINK}" meta mark {MAPPED} snat to ip saddr map @public_of')
    if gateways:
        marks = _braces(f"{mark} : {gateway.public_address}" for mark, gateway in gateways.values())
        outgoing.append(f'oifname "{UPLINK}" snat to meta mark map {marks}')
    incoming = ["type nat hook prerouting priority dstnat; policy accept;"]
    incoming.append(f'iifname "{UPLINK}" dnat to ip daddr map @private_of')
    return [_chain("incoming", incoming), _chain("outgoing", outgoing)]


def _routing(network: Network, gateways: dict[str, tuple[int, NatGateway]]) -> list[str]:
    """Return a chain for each subnet, which sends a packet to the target of its most specific route, and theirs."""
    within = [f'oifname "{UPLINK}" drop', f"meta mark set {WITHIN}"]
    # Out under a public address of one's own: it must have one now, and an old connection must have begun under it.
    under_own_address = [
        f'oifname != "{UPLINK}" drop',
        "ct direction reply ct original ip daddr . ip saddr != @mapped drop",
        "ct state established ct direction original ct reply ip daddr . ip saddr != @mapped drop",
        "ip saddr != @have_public drop",
        f"meta mark set {MAPPED}",
    ]
    have_public = sorted({private for _public, private in _mapped(network)})
    blocks = [
        _elements("set have_public", "ipv4_addr", have_public),
        _chain("within", within),
        _chain("under_own_address", under_own_address),
    ]
    for gateway_id, (mark, gateway) in gateways.items():
        through = [
            f'oifname != "{UPLINK}" drop',
            "ct direction reply drop",
            f"ct state established ct reply ip daddr != {gateway.public_address} drop",
            f"meta mark set {mark}",
        ]
        blocks.append(_chain(f"through_{_name(gateway_id)}", through))
    for subnet in network.subnets:
        verdicts = _braces(
            f"{first}-{last} : {verdict}"
            for first, last, target in most_specific(subnet)
            if (verdict := _verdict(target, network, gateways))
        )
        blocks.append(_chain(_chain_of(subnet), [f"ip daddr vmap {verdicts}"] if verdicts else []))
    return blocks


def _verdict(target: str, network: Network, gateways: dict[str, tuple[int, NatGateway]]) -> str | None:
    if target == "local":
        return "goto within"
    if target == network.internet_gateway_id:
        return "goto under_own_address"
    if target in gateways:
        return f"goto through_{_name(target)}"
    return None


def _working_nat_gateways(network: Network) -> dict[str, tuple[int, NatGateway]]:
    """Return, with a mark for each, the NAT gateways whose own subnet has a way to the internet."""
    subnets = {subnet.subnet_id: subnet for subnet in network.subnets}
    working: dict[str, tuple[int, NatGateway]] = {}
    for gateway in sorted(network.nat_gateways, key=lambda each: each.gateway_id):
        subnet = subnets.get(gateway.subnet_id)
        targets = {route.target for route in subnet.routes} if subnet else set()
        if network.internet_gateway_id is not None and network.internet_gateway_id in targets:
            working[gateway.gateway_id] = (FIRST_NAT + len(working), gateway)
    return working


def _groups(network: Network) -> list[str]:
    """Return the chains of the security groups: a packet that no rule returns is dropped."""
    egress, ingress = [], []
    for group_id, group in sorted(network.groups.items()):
        egress += _permissions(network, group_id, group.egress, near="saddr", far="daddr")
        ingress += _permissions(network, group_id, group.ingress, near="daddr", far="saddr")
    # Coming back from egress means "go on"; ingress is the last to be asked.
    egress = [f"{rule} return" for rule in egress]
    ingress = [f"{rule} accept" for rule in ingress]
    return [_chain("egress", [*egress, "drop"]), _chain("ingress", [*ingress, "drop"])]


def _permissions(network: Network, group_id: str, rules: Iterable[Rule], near: str, far: str) -> list[str]:
    matches = []
    for rule in rules:
        if rule.cidr is not None and ":" not in rule.cidr:
            other = f"ip {far} {rule.cidr} "
        elif rule.group_id in network.groups:
            other = f"ip {far} @{_name(str(rule.group_id))} "
        else:
            continue  # IPv6, or a group of another VPC
        if (traffic := _traffic(rule)) is not None:
            matches.append(f"ip {near} @{_name(group_id)} {other}{traffic}".strip())
    return matches


def _traffic(rule: Rule) -> str | None:
    """Return the match for a rule's protocol and ports."""
    protocol = {"6": "tcp", "17": "udp", "1": "icmp", "all": "-1"}.get(rule.protocol, rule.protocol)
    if protocol == "-1":
        return ""
    if protocol in ("tcp", "udp"):
        everything = rule.from_port in (-1, 0) and rule.to_port in (-1, 65535)
        return f"meta l4proto {protocol}" if everything else f"{protocol} dport {rule.from_port}-{rule.to_port}"
    if protocol == "icmp":
        kind = "meta l4proto icmp" if rule.from_port == -1 else f"icmp type {rule.from_port}"
        return kind if rule.from_port == -1 or rule.to_port == -1 else f"{kind} icmp code {rule.to_port}"
    return f"meta l4proto {protocol}" if protocol.isdigit() else None


def most_specific(subnet: Subnet) -> list[tuple[IPv4Address, IPv4Address, str]]:
    """Return the subnet's routes as ranges that do not overlap: first, last, and the target that wins there."""
    routes = [(IPv4Network(route.destination), route.target) for route in subnet.routes if ":" not in route.destination]
    edges = sorted({edge for net, _ in routes for edge in (int(net[0]), int(net[-1]) + 1)})
    ranges: list[tuple[IPv4Address, IPv4Address, str]] = []
    for start, end in pairwise(edges):
        covering = [(net.prefixlen, target) for net, target in routes if int(net[0]) <= start <= int(net[-1])]
        if covering:
            target = max(covering, key=lambda each: each[0])[1]
            ranges.append((IPv4Address(start), IPv4Address(end - 1), target))
    return ranges


def _mapped(network: Network) -> list[tuple[str, str]]:
    """Return (public, private) for each interface that the internet gateway translates."""
    if network.internet_gateway_id is None:
        return []
    return sorted((each.public_address, each.address) for each in network.interfaces if each.public_address)


def _name(identifier: str) -> str:
    return re.sub(r"\W", "_", identifier)


def _chain_of(subnet: Subnet) -> str:
    return f"from_{_name(subnet.subnet_id)}"


def _chain(name: str, rules: Iterable[str]) -> str:
    return "\n".join([f"  chain {name} {{", *(f"    {rule}" for rule in rules), "  }"])


def _elements(head: str, kind: str, elements: Iterable[str]) -> str:
    braces = _braces(elements)
    return f"  {head} {{ type {kind}; {f'elements = {braces};' if braces else ''} }}"


def _braces(elements: Iterable[str]) -> str:
    inner = ", ".join(elements)
    return f"{{ {inner} }}" if inner else ""
