"""Packets obey the VPC: routes, gateways, addresses and security groups, tried with real connections."""

from __future__ import annotations

import contextlib
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hosts_bench import EVERYWHERE, LOCAL, Node, boot, eventually, federation, machine, open_world

from sandbox.hosts import NamespaceWorld
from sandbox.world import Route, Rule, SecurityGroup, Subnet

NUMBER = 121
ENDPOINT, OPERATOR = f"127.{NUMBER}.0.1", f"127.{NUMBER}.0.2"
MANAGER, NAT = f"127.{NUMBER}.1.5", f"127.{NUMBER}.1.9"
OTHER_MANAGER = f"127.{NUMBER}.2.5"

PING = """exec python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.settimeout(0.7)
s.sendto(bytes([8, 0, 0xF7, 0xFD, 0, 1, 0, 1]), ("10.0.0.5", 0))
s.recv(100)
'"""


class Nodes:
    """The nodes of two federations with the same addresses, each serving on 10035; and the endpoint."""

    def __init__(self, world: NamespaceWorld) -> None:
        self.world = world
        self.base = {"vpc-1": federation(NUMBER), "vpc-2": federation(NUMBER, "vpc-2", last=2)}
        world.arrange(self.base)
        self.manager = boot(world, machine("manager", "10.0.0.5"))
        self.member = boot(world, machine("member0", "10.0.1.5"))
        self.member1 = boot(world, machine("member1", "10.0.1.6"))
        self.other = boot(world, machine("other", "10.0.0.5", vpc_id="vpc-2"))
        self.servers = [
            self.manager.serve(10035, "manager"),
            self.manager.serve(8080, "manager"),
            self.member.serve(10035, "member0"),
            self.member1.serve(10035, "member1"),
            self.other.serve(10035, "other"),
        ]

    def rearrange(self, **changes: Any) -> None:
        self.world.arrange({**self.base, "vpc-1": replace(self.base["vpc-1"], **changes)})


@pytest.fixture(scope="module")
def all_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    world = open_world(NUMBER, tmp_path_factory.mktemp("world"))
    nodes = Nodes(world)
    yield nodes
    world.close()
    for each in nodes.servers:
        each.wait(5)


@pytest.fixture
def nodes(all_nodes: Nodes) -> Iterator[Nodes]:
    yield all_nodes
    all_nodes.world.arrange(all_nodes.base)


@pytest.fixture(scope="module")
def endpoint(all_nodes: Nodes) -> Iterator[None]:
    """An HTTP server on the endpoint's address inside the internet, which says who asks."""
    listening = all_nodes.world.listen(4566)

    def answer() -> None:
        while True:
            try:
                connection, (peer, _port) = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{peer}".encode())

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def ask(address: str, port: int = 10035) -> str | None:
    """What the person's own machine gets from an address of the sandbox."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}:{port}/", timeout=1) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return None


def reaches_endpoint(node: Node) -> str | None:
    return node.reaches(ENDPOINT, 4566)


def test_inside_a_vpc(nodes: Nodes) -> None:
    assert nodes.manager.reaches("10.0.1.5", 10035) == "member0 10.0.0.5"
    assert nodes.member.reaches("10.0.1.6", 10035) == "member1 10.0.1.5"
    assert nodes.member.reaches("10.0.0.5", 10035) == "manager 10.0.1.5"
    assert nodes.member.reaches("10.0.0.5", 8080) is None


def test_traffic_inside_a_subnet_is_filtered(nodes: Nodes) -> None:
    groups = {**nodes.base["vpc-1"].groups, "sg-members": SecurityGroup((Rule("-1", group_id="sg-manager"),), ())}
    nodes.rearrange(groups=groups)
    assert nodes.member.reaches("10.0.1.6", 10035) is None
    assert nodes.manager.reaches("10.0.1.6", 10035) == "member1 10.0.0.5"


def test_egress_rules(nodes: Nodes) -> None:
    groups = {**nodes.base["vpc-1"].groups, "sg-manager": SecurityGroup((), (Rule("tcp", 22, 22, EVERYWHERE),))}
    nodes.rearrange(groups=groups)
    assert nodes.manager.reaches("10.0.1.6", 10035) is None


def test_rules_by_address_and_port(nodes: Nodes) -> None:
    rules = (Rule("tcp", 10000, 10035, "10.0.1.6/32"), Rule("tcp", 8080, 8080, EVERYWHERE))
    nodes.rearrange(groups={**nodes.base["vpc-1"].groups, "sg-manager": SecurityGroup(rules, ())})
    assert nodes.member1.reaches("10.0.0.5", 10035) == "manager 10.0.1.6"
    assert nodes.member.reaches("10.0.0.5", 10035) is None
    assert nodes.member.reaches("10.0.0.5", 8080) == "manager 10.0.1.5"


def test_icmp(nodes: Nodes) -> None:
    assert nodes.member.run(PING).returncode != 0
    rules = (Rule("icmp", 8, -1, EVERYWHERE),)
    nodes.rearrange(groups={**nodes.base["vpc-1"].groups, "sg-manager": SecurityGroup(rules, ())})
    assert nodes.member.run(PING).returncode == 0


def test_from_the_persons_machine(nodes: Nodes) -> None:
    assert ask(MANAGER) == f"manager {OPERATOR}"
    assert ask(MANAGER, 8080) is None
    assert ask("10.0.1.5") is None
    assert ask(NAT) is None


def test_the_group_sees_the_persons_address(nodes: Nodes) -> None:
    groups = nodes.base["vpc-1"].groups
    nodes.rearrange(groups={**groups, "sg-manager": SecurityGroup((Rule("tcp", 10035, 10035, "198.51.100.0/24"),), ())})
    assert ask(MANAGER) is None
    nodes.rearrange(groups={**groups, "sg-manager": SecurityGroup((Rule("tcp", 10035, 10035, f"{OPERATOR}/32"),), ())})
    assert ask(MANAGER) == f"manager {OPERATOR}"


def test_two_federations_with_the_same_addresses(nodes: Nodes) -> None:
    assert ask(OTHER_MANAGER) == f"other {OPERATOR}"
    assert nodes.other.reaches("10.0.1.5", 10035) is None
    assert nodes.manager.reaches("10.0.0.5", 10035) == f"manager {'10.0.0.5'}"
    assert nodes.member.reaches(OTHER_MANAGER, 10035) == f"other {NAT}"
    assert nodes.other.reaches(MANAGER, 10035) == f"manager {OTHER_MANAGER}"


def test_the_own_elastic_ip_from_inside(nodes: Nodes) -> None:
    assert nodes.member.reaches(MANAGER, 10035) == f"manager {NAT}"
    assert nodes.manager.reaches(MANAGER, 10035) == f"manager {MANAGER}"


@pytest.mark.usefixtures("endpoint")
class TestWaysOut:
    def test_own_address_and_nat(self, nodes: Nodes) -> None:
        assert reaches_endpoint(nodes.manager) == MANAGER
        assert reaches_endpoint(nodes.member) == NAT

    def test_without_a_private_route(self, nodes: Nodes) -> None:
        subnets = nodes.base["vpc-1"].subnets
        nodes.rearrange(subnets=(subnets[0], replace(subnets[1], routes=(LOCAL,))))
        assert reaches_endpoint(nodes.member) is None
        assert reaches_endpoint(nodes.manager) == MANAGER

    def test_with_a_blackhole_route(self, nodes: Nodes) -> None:
        subnets = nodes.base["vpc-1"].subnets
        nodes.rearrange(subnets=(subnets[0], replace(subnets[1], routes=(LOCAL, Route(EVERYWHERE, "blackhole")))))
        assert reaches_endpoint(nodes.member) is None

    def test_without_the_nat_gateway(self, nodes: Nodes) -> None:
        nodes.rearrange(nat_gateways=())
        assert reaches_endpoint(nodes.member) is None

    def test_a_nat_gateway_in_the_private_subnet(self, nodes: Nodes) -> None:
        gateway = replace(nodes.base["vpc-1"].nat_gateways[0], subnet_id="subnet-private")
        nodes.rearrange(nat_gateways=(gateway,))
        assert reaches_endpoint(nodes.member) is None

    def test_a_private_subnet_routed_to_the_internet_gateway(self, nodes: Nodes) -> None:
        """Without a public address of its own, an instance does not get out this way."""
        subnets = nodes.base["vpc-1"].subnets
        routes = (LOCAL, Route(EVERYWHERE, "igw-1"))
        nodes.rearrange(subnets=(subnets[0], Subnet("subnet-private", "10.0.1.0/24", routes)))
        assert reaches_endpoint(nodes.member) is None

    def test_without_the_internet_gateway(self, nodes: Nodes) -> None:
        nodes.rearrange(internet_gateway_id=None)
        assert reaches_endpoint(nodes.manager) is None
        assert reaches_endpoint(nodes.member) is None
        assert ask(MANAGER) is None

    def test_the_most_specific_route_wins(self, nodes: Nodes) -> None:
        subnets = nodes.base["vpc-1"].subnets
        routes = (LOCAL, Route(EVERYWHERE, "nat-1"), Route(f"{ENDPOINT}/32", "blackhole"))
        nodes.rearrange(subnets=(subnets[0], replace(subnets[1], routes=routes)))
        assert reaches_endpoint(nodes.member) is None
        assert nodes.member.reaches(MANAGER, 10035) == f"manager {NAT}"

    def test_a_released_address(self, nodes: Nodes) -> None:
        interfaces = nodes.base["vpc-1"].interfaces
        nodes.rearrange(interfaces=(replace(interfaces[0], public_address=None), *interfaces[1:]))
        assert reaches_endpoint(nodes.manager) is None
        assert ask(MANAGER) is None
        assert nodes.other.reaches(MANAGER, 10035) is None

    def test_an_address_that_moves_to_another_vpc(self, nodes: Nodes) -> None:
        mine, theirs = nodes.base["vpc-1"], nodes.base["vpc-2"]
        free = replace(mine, interfaces=(replace(mine.interfaces[0], public_address=None), *mine.interfaces[1:]))
        taken = replace(theirs, interfaces=(replace(theirs.interfaces[0], public_address=MANAGER),))
        nodes.world.arrange({"vpc-1": free, "vpc-2": taken})
        assert ask(MANAGER) == f"other {OPERATOR}"
        nodes.world.arrange(nodes.base)
        assert ask(MANAGER) == f"manager {OPERATOR}"


@pytest.fixture
def conversation(nodes: Nodes) -> Iterator[socket.socket]:
    """A long connection from the member out through the NAT gateway: the node's side repeats what it hears."""
    listening = nodes.world.listen(4999)
    program = f"exec 3<>/dev/tcp/{ENDPOINT}/4999; exec cat <&3 >&3"
    client = nodes.member.spawn(program)
    listening.settimeout(5)
    connection, _ = listening.accept()
    connection.settimeout(1)
    yield connection
    connection.close()
    listening.close()
    eventually(lambda: nodes.member.run("pkill -9 -x cat").returncode != 0 or client.poll() is not None)
    client.wait(5)


def echoes(connection: socket.socket) -> bool:
    connection.sendall(b"hello")
    with contextlib.suppress(TimeoutError):
        return connection.recv(5) == b"hello"
    return False


def test_a_connection_survives_changes_that_do_not_concern_it(nodes: Nodes, conversation: socket.socket) -> None:
    connection = conversation
    assert echoes(connection)
    groups = {**nodes.base["vpc-1"].groups, "sg-new": SecurityGroup((Rule("-1", group_id="sg-new"),), ())}
    nodes.rearrange(groups=groups)
    assert echoes(connection)
    # Groups are asked about the first packet only.
    nodes.rearrange(groups={**groups, "sg-members": SecurityGroup()})
    assert echoes(connection)


def test_a_connection_ends_with_its_route(nodes: Nodes, conversation: socket.socket) -> None:
    connection = conversation
    assert echoes(connection)
    nodes.rearrange(nat_gateways=())
    assert not echoes(connection)


def test_a_vpc_that_goes_and_comes_back(nodes: Nodes) -> None:
    nodes.world.discard("i-other")
    nodes.world.arrange({"vpc-1": nodes.base["vpc-1"]})
    assert ask(OTHER_MANAGER) is None
    nodes.world.arrange(nodes.base)
    nodes.other = boot(nodes.world, machine("other", "10.0.0.5", vpc_id="vpc-2"))
    nodes.servers.append(nodes.other.serve(10035, "other"))
    eventually(lambda: ask(OTHER_MANAGER) == f"other {OPERATOR}")
