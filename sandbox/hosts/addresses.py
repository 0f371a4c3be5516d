"""Which address is whose, in the sandbox's internet 127.N.0.0/16 and on the links behind it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from sandbox.world import Network

METADATA_ADDRESS = "169.254.169.254"
UPLINK = "internet"
"""The name that a router gives to its link towards the internet."""
UPLINK_NEAR, UPLINK_FAR = "169.254.0.1", "169.254.0.2"
"""The two ends of each router's link, the internet's and the router's; they repeat, since links are told by name."""


@dataclass(frozen=True)
class Internet:
    """The addresses of one sandbox's internet."""

    number: int

    @property
    def endpoint(self) -> str:
        """Where AWS's API and the session gateway answer."""
        return f"127.{self.number}.0.1"

    @property
    def operator(self) -> str:
        """The public address that connections from outside (the person's machine) have inside the sandbox."""
        return f"127.{self.number}.0.2"


def router_address(private_address: str, network: Network | None) -> str:
    """Return the router's address for a node: the first of its subnet, as on AWS."""
    address = ip_address(private_address)
    for subnet in network.subnets if network else ():
        if address in ip_network(subnet.cidr):
            return str(ip_network(subnet.cidr)[1])
    return str(ip_network(f"{private_address}/24", strict=False)[1])


def router_addresses(network: Network) -> list[str]:
    """Return the router's address in each subnet."""
    return [str(ip_network(subnet.cidr)[1]) for subnet in network.subnets]


def public_addresses(network: Network) -> list[str]:
    """Return the public addresses that lead to this VPC's router: none without an attached internet gateway."""
    if network.internet_gateway_id is None:
        return []
    mapped = [interface.public_address for interface in network.interfaces if interface.public_address]
    return sorted({*mapped, *(gateway.public_address for gateway in network.nat_gateways)})


def forwarded_addresses(networks: list[Network]) -> set[str]:
    """Return the public addresses of instances, at which the person's machine can knock."""
    return {
        interface.public_address
        for network in networks
        if network.internet_gateway_id is not None
        for interface in network.interfaces
        if interface.public_address
    }
