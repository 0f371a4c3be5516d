"""The packet rules as text: what they say about routes, gateways and groups."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.hosts.packets import most_specific, ruleset
from sandbox.world import Interface, NatGateway, Network, Route, Rule, SecurityGroup, Subnet

LOCAL = Route("10.0.0.0/16", "local")
PUBLIC = Subnet("subnet-public", "10.0.0.0/24", (LOCAL, Route("0.0.0.0/0", "igw-1")))
PRIVATE = Subnet("subnet-private", "10.0.1.0/24", (LOCAL, Route("0.0.0.0/0", "nat-1")))
NETWORK = Network(
    vpc_id="vpc-1",
    cidr="10.0.0.0/16",
    internet_gateway_id="igw-1",
    subnets=(PUBLIC, PRIVATE),
    nat_gateways=(NatGateway("nat-1", "subnet-public", "10.0.0.9", "127.66.1.9"),),
    interfaces=(
        Interface("10.0.0.5", "subnet-public", ("sg-manager",), "127.66.1.5", "i-1"),
        Interface("10.0.1.5", "subnet-private", ("sg-members",), None, "i-2"),
    ),
    groups={
        "sg-manager": SecurityGroup((Rule("tcp", 16000, 17000, "198.51.100.0/24"),), (Rule("-1", cidr="0.0.0.0/0"),)),
        "sg-members": SecurityGroup((Rule("-1", group_id="sg-manager"),)),
    },
)


def ingress(*rules: Rule) -> list[str]:
    """The rules of the chain that a packet to a member of sg-manager meets, the last (drop) left out."""
    groups = {**NETWORK.groups, "sg-manager": SecurityGroup(rules)}
    text = ruleset(replace(NETWORK, groups={"sg-manager": groups["sg-manager"], "sg-members": SecurityGroup()}))
    chain = text.partition("chain ingress {")[2].partition("}")[0]
    lines = [line.strip() for line in chain.strip().splitlines()]
    assert lines[-1] == "drop"
    return [line.removeprefix("ip daddr @sg_manager ").removesuffix(" accept") for line in lines[:-1]]


def test_one_transaction_replaces_all() -> None:
    assert ruleset(NETWORK).startswith("add table ip vpc\ndelete table ip vpc\ntable ip vpc {\n")


def test_it_is_a_function_of_the_network() -> None:
    shuffled = replace(
        NETWORK, interfaces=NETWORK.interfaces[::-1], groups=dict(sorted(NETWORK.groups.items(), reverse=True))
    )
    assert ruleset(shuffled) == ruleset(NETWORK)


def test_rules_grow_with_groups_and_not_with_interfaces() -> None:
    many = tuple(Interface(f"10.0.1.{n}", "subnet-private", ("sg-members",)) for n in range(5, 250))
    grown = replace(NETWORK, interfaces=(*NETWORK.interfaces, *many))
    assert len(ruleset(grown).splitlines()) == len(ruleset(NETWORK).splitlines())


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Rule("tcp", 22, 22, "0.0.0.0/0"), "ip saddr 0.0.0.0/0 tcp dport 22-22"),
        (Rule("udp", 1, 2, "10.0.0.0/8"), "ip saddr 10.0.0.0/8 udp dport 1-2"),
        (Rule("tcp", 0, 65535, "10.0.0.0/8"), "ip saddr 10.0.0.0/8 meta l4proto tcp"),
        (Rule("6", 22, 22, "10.0.0.0/8"), "ip saddr 10.0.0.0/8 tcp dport 22-22"),
        (Rule("-1", cidr="10.0.0.0/8"), "ip saddr 10.0.0.0/8"),
        (Rule("icmp", -1, -1, "10.0.0.0/8"), "ip saddr 10.0.0.0/8 meta l4proto icmp"),
        (Rule("icmp", 8, -1, "10.0.0.0/8"), "ip saddr 10.0.0.0/8 icmp type 8"),
        (Rule("icmp", 3, 4, "10.0.0.0/8"), "ip saddr 10.0.0.0/8 icmp type 3 icmp code 4"),
        (Rule("50", -1, -1, "10.0.0.0/8"), "ip saddr 10.0.0.0/8 meta l4proto 50"),
        (Rule("tcp", 22, 22, group_id="sg-members"), "ip saddr @sg_members tcp dport 22-22"),
    ],
)
def test_a_permission(rule: Rule, text: str) -> None:
    assert ingress(rule) == [text]


@pytest.mark.parametrize(
    "rule", [Rule("tcp", 22, 22, "::/0"), Rule("-1", group_id="sg-elsewhere"), Rule("icmpv6", -1, -1, "10.0.0.0/8")]
)
def test_what_permits_nothing_here(rule: Rule) -> None:
    assert ingress(rule) == []


def test_members_of_groups_are_elements() -> None:
    text = ruleset(NETWORK)
    assert "set sg_members { type ipv4_addr; elements = { 10.0.1.5 }; }" in text
    assert "set mapped { type ipv4_addr . ipv4_addr; elements = { 127.66.1.5 . 10.0.0.5 }; }" in text


def test_without_an_internet_gateway_nothing_is_translated() -> None:
    text = ruleset(replace(NETWORK, internet_gateway_id=None))
    assert "127.66." not in text
    assert "10.1.0.0" not in text


def test_a_nat_gateway_works_only_in_a_subnet_with_a_way_out() -> None:
    assert "snat to meta mark map { 3 : 127.66.1.9 }" in ruleset(NETWORK)
    gateway = replace(NETWORK.nat_gateways[0], subnet_id="subnet-private")
    assert "127.66.1.9" not in ruleset(replace(NETWORK, nat_gateways=(gateway,)))


def test_the_most_specific_route_wins_where_it_reaches() -> None:
    routes = (Route("0.0.0.0/0", "nat-1"), LOCAL, Route("10.0.255.0/24", "blackhole"))
    ranges = [
        (str(first), str(last), target) for first, last, target in most_specific(Subnet("s", "10.0.0.0/24", routes))
    ]
    assert ranges == [
        ("0.0.0.0", "9.255.255.255", "nat-1"),
        ("10.0.0.0", "10.0.254.255", "local"),
        ("10.0.255.0", "10.0.255.255", "blackhole"),
        ("10.1.0.0", "255.255.255.255", "nat-1"),
    ]


def test_an_empty_network() -> None:
    text = ruleset(Network("vpc-1", "10.0.0.0/16"))
    assert "vmap" not in text
    assert "elements" not in text
