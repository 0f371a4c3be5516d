"""The seam between the cloud, which decides what should exist, and the hosts, which make it real.

Plain data and one protocol: the cloud describes the whole desired network after each change, and names the machines
that should run. Nothing here knows how either side works.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

Metadata = Callable[[str], str | None]
"""Answers a path such as ``/latest/meta-data/instance-id`` with its text, or None where there is nothing (404)."""

Ended = Callable[[], None]
"""To be called once when a machine has ended by itself, as one does that is shut down from inside."""

Fault = Callable[[str], Mapping[str, Any] | None]
"""Answers what is to go wrong with an event of a machine's AllegroGraph, or None: see `sandbox.faults.questions`."""


def unharmed(event: str) -> None:
    """Have nothing go wrong."""


@dataclass(frozen=True)
class Authority:
    """An authority that machines trust."""

    certificate: str
    """In PEM."""
    name_hash: str
    """Of its name, as OpenSSL makes it: eight hexadecimal digits."""


@dataclass(frozen=True)
class Machine:
    """An instance, as its node needs to know it."""

    instance_id: str
    vpc_id: str
    private_address: str
    image: str
    """The name of an image of the hosts: ``al2023-agraph``, ``al2023`` or ``tutorial``."""
    host_name: str
    """The short name, such as ``ip-10-0-1-5``."""
    user_data: bytes = b""
    http_tokens: str = "optional"
    """``optional`` (metadata v1 and v2) or ``required`` (v2 only)."""
    disks: tuple[tuple[str, int], ...] = ()
    """Those beside the root disk: the name that EC2 has for each, such as ``/dev/sdf``, and its size in GiB."""


@dataclass(frozen=True)
class Rule:
    """One permission of a security group; the other side is a CIDR or the members of a group."""

    protocol: str
    """``-1`` (all), ``tcp``, ``udp`` or ``icmp``."""
    from_port: int = -1
    """First port, or ICMP type; -1 means all."""
    to_port: int = -1
    """Last port, or ICMP code; -1 means all."""
    cidr: str | None = None
    group_id: str | None = None


@dataclass(frozen=True)
class SecurityGroup:
    """What a security group lets in and out."""

    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Interface:
    """An instance's network interface."""

    address: str
    subnet_id: str
    group_ids: tuple[str, ...] = ()
    public_address: str | None = None
    """The Elastic IP or automatic public address that is mapped to it."""
    instance_id: str | None = None


@dataclass(frozen=True)
class Route:
    """A route of a subnet's route table."""

    destination: str
    target: str
    """``local``, ``igw-…``, ``nat-…`` or ``blackhole``."""


@dataclass(frozen=True)
class Subnet:
    """A subnet with its effective routes: those of its own table, or of the VPC's main one."""

    subnet_id: str
    cidr: str
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True)
class NatGateway:
    """An available NAT gateway."""

    gateway_id: str
    subnet_id: str
    private_address: str
    public_address: str


@dataclass(frozen=True)
class Network:
    """All of a VPC that decides where its packets go."""

    vpc_id: str
    cidr: str
    internet_gateway_id: str | None = None
    """The attached internet gateway."""
    subnets: tuple[Subnet, ...] = ()
    nat_gateways: tuple[NatGateway, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    groups: Mapping[str, SecurityGroup] = field(default_factory=dict)


@runtime_checkable
class GivesAddresses(Protocol):
    """A world whose machines cannot have addresses of their subnets."""

    def private_address(self) -> str:
        """Return a private address that no other machine has."""


class World(Protocol):
    """What the cloud asks of the hosts."""

    def arrange(self, networks: Mapping[str, Network]) -> None:
        """Make the network what it should be, by VPC id; idempotent, called after each change with all of it."""

    def boot(self, machine: Machine, metadata: Metadata, fault: Fault = unharmed, ended: Ended = lambda: None) -> None:
        """Start a machine, for the first time or after a stop; its disk is kept, user data runs the first time only.

        `ended` is called, from any thread, unless the machine ends because it was halted or discarded.
        """

    def halt(self, instance_id: str) -> None:
        """End the machine's processes; its disk is kept."""

    def discard(self, instance_id: str) -> None:
        """Remove the machine and its disk."""

    def listen(self, port: int) -> socket.socket:
        """Return a listening TCP socket on the endpoint's address inside the sandbox's internet."""

    def close(self) -> None:
        """End everything that runs in this world."""
