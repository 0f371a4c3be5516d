"""Network namespaces, links, addresses and routes: the internet, a router for each VPC, a link for each node."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from sandbox.hosts.addresses import METADATA_ADDRESS, UPLINK, UPLINK_FAR, UPLINK_NEAR, Internet
from sandbox.hosts.errors import HostsError
from sandbox.hosts.kernel import inside, network_namespace, new_network_namespace, system_control

NEAR_HARDWARE, FAR_HARDWARE = "02:00:00:00:00:01", "02:00:00:00:00:02"
"""Hardware addresses at the two ends of a cable; each cable has but these two."""


def _open(namespace: int) -> IPRoute:
    """Open a netlink socket that stays in the namespace."""
    with inside(namespace):
        return IPRoute()


def _prepare(*controls: tuple[str, str]) -> None:
    """Set up what all namespaces share: no IPv6, and 127.N.x.y as addresses like any other."""
    settings = {"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"}
    settings |= {"net.ipv4.conf.all.route_localnet": "1", "net.ipv4.conf.default.route_localnet": "1"}
    settings |= {"net.ipv4.conf.all.send_redirects": "0", "net.ipv4.conf.default.send_redirects": "0"}
    for name, value in (settings | dict(controls)).items():
        system_control(name, value)


def _narrow_loopback(netlink: IPRoute) -> None:
    """Bring the loopback up with 127.0.0.0/16 only, so that the rest of 127/8 can be elsewhere."""
    netlink.link("set", index=1, state="up")
    netlink.addr("del", index=1, address="127.0.0.1", prefixlen=8)
    netlink.addr("add", index=1, address="127.0.0.1", prefixlen=16)


class InternetSpace:
    """The namespace that stands for the internet: everything public lives here or is routed from here."""

    def __init__(self, internet: Internet) -> None:
        """Turn the current network namespace, which must be new, into the internet."""
        _prepare(("net.ipv4.ip_forward", "1"), ("net.ipv4.conf.all.rp_filter", "0"))
        self.namespace = network_namespace()
        self.netlink = IPRoute()
        _narrow_loopback(self.netlink)
        for address in (internet.endpoint, internet.operator):
            self.netlink.addr("add", index=1, address=address, prefixlen=32)
        # A packet to nobody is lost, as on the real one; without this it would come back as "unreachable".
        self.netlink.route("add", dst="0.0.0.0/0", type="blackhole")


class Router:
    """The router of a VPC, with one link to the internet and one to each node."""

    def __init__(self, internet: InternetSpace, name: str) -> None:
        self._internet = internet
        self.namespace = new_network_namespace()
        self._public: set[str] = set()
        self._own: set[str] = set()
        self._cidr = ""
        with inside(self.namespace):
            _prepare(("net.ipv4.ip_forward", "1"), ("net.ipv4.conf.all.rp_filter", "1"))
        self.netlink = _open(self.namespace)
        _narrow_loopback(self.netlink)
        near, far = _connect(
            End(internet.netlink, name, UPLINK_NEAR, NEAR_HARDWARE),
            End(self.netlink, UPLINK, UPLINK_FAR, FAR_HARDWARE),
            self.namespace,
        )
        self._near = near
        internet.netlink.addr("add", index=near, address=UPLINK_NEAR, prefixlen=32)
        self.netlink.addr("add", index=far, address=UPLINK_FAR, prefixlen=32)
        self.netlink.route("add", dst="0.0.0.0/0", gateway=UPLINK_NEAR, oif=far, flags=["onlink"])

    def arrange(self, rules: str, public: Iterable[str], own: Iterable[str], cidr: str) -> None:
        """Apply the packet rules at once, then the routes that go with them."""
        self._apply(rules)
        wanted = set(public)
        for address in sorted(self._public - wanted):
            self._internet.netlink.route("del", dst=f"{address}/32", oif=self._near)
        for address in sorted(wanted - self._public):
            self._internet.netlink.route(
                "replace", dst=f"{address}/32", gateway=UPLINK_FAR, oif=self._near, flags=["onlink"]
            )
        self._public = wanted
        for address in set(own) - self._own:
            self.answer_as(address)
        if cidr != self._cidr:
            # An address of the VPC that nobody has must not be looked for in the internet.
            self.netlink.route("replace", dst=cidr, type="blackhole")
            self._cidr = cidr

    def answer_as(self, address: str) -> None:
        """Take one of the router's addresses, the first of a subnet."""
        if address not in self._own:
            self.netlink.addr("add", index=1, address=address, prefixlen=32)
            self._own.add(address)

    def _apply(self, rules: str) -> None:
        with inside(self.namespace):
            result = subprocess.run(["nft", "-f", "-"], input=rules, text=True, capture_output=True, check=False)
        if result.returncode != 0:
            raise HostsError(f"nft refused the rules of a VPC: {result.stderr.strip()}")

    def connect(self, namespace: int, link: str, address: str, gateway: str) -> NodeLink:
        """Give a node its interface, its private address and its way out."""
        return NodeLink(self, namespace, link, address, gateway)

    def close(self) -> None:
        """Remove the router; its links go with it."""
        self._internet.netlink.link("del", index=self._near)
        self.netlink.close()
        os.close(self.namespace)


class NodeLink:
    """The link between a router and a node: a /32 address with the router as gateway, so all traffic is filtered."""

    def __init__(self, router: Router, namespace: int, link: str, address: str, gateway: str) -> None:
        self._router = router
        with inside(namespace):
            _prepare(("net.ipv4.conf.all.rp_filter", "0"), ("net.ipv4.ip_unprivileged_port_start", "1024"))
            inner = IPRoute()
        try:
            _narrow_loopback(inner)
            inner.addr("add", index=1, address=METADATA_ADDRESS, prefixlen=32)
            router.answer_as(gateway)
            hardware = "06:00:" + ":".join(f"{int(part):02x}" for part in address.split("."))
            self._index, far = _connect(
                End(router.netlink, link, gateway, NEAR_HARDWARE), End(inner, "eth0", address, hardware), namespace
            )
            inner.addr("add", index=far, address=address, prefixlen=32)
            inner.route("add", dst="0.0.0.0/0", gateway=gateway, oif=far, flags=["onlink"])
        finally:
            inner.close()
        router.netlink.route("replace", dst=f"{address}/32", oif=self._index)

    def close(self) -> None:
        """Remove the link now; the kernel would take its time after the namespace has gone."""
        try:
            self._router.netlink.link("del", index=self._index)
        except NetlinkError as error:
            if error.code not in (19, 22):  # ENODEV, EINVAL: it went with its namespace
                raise


@dataclass(frozen=True)
class End:
    """One end of a cable: a namespace, the name of the interface there, and who it is."""

    netlink: IPRoute
    name: str
    address: str
    hardware_address: str


def _connect(near: End, far: End, far_namespace: int) -> tuple[int, int]:
    """Lay a virtual cable between two namespaces; return the index of the interface at each end."""
    peer = {"ifname": far.name, "net_ns_fd": far_namespace, "address": far.hardware_address}
    near.netlink.link("add", ifname=near.name, kind="veth", address=near.hardware_address, peer=peer)
    near_index = near.netlink.link_lookup(ifname=near.name)[0]
    far_index = far.netlink.link_lookup(ifname=far.name)[0]
    near.netlink.link("set", index=near_index, state="up")
    far.netlink.link("set", index=far_index, state="up")
    # Each end knows the other: asking would need an address that the other side has a route to.
    _know(near.netlink, near_index, far)
    _know(far.netlink, far_index, near)
    return near_index, far_index


def _know(netlink: IPRoute, index: int, other: End) -> None:
    netlink.neigh("replace", dst=other.address, lladdr=other.hardware_address, ifindex=index, state="permanent")
