"""The desired network, as the hosts need it: computed from the EC2 backends' state after each change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.world import Interface, NatGateway, Network, Route, Rule, SecurityGroup, Subnet


def networks(backends: Iterable[Any]) -> dict[str, Network]:
    """Return every VPC in which an interface stands; one without any has no packets to forward."""
    found = {}
    for backend in backends:
        inhabited = {eni.vpc_id for eni in backend.enis.values()}
        for vpc_id in inhabited & set(backend.vpcs):
            found[vpc_id] = _network(backend, backend.vpcs[vpc_id])
    return found


def _network(backend: Any, vpc: Any) -> Network:
    tables = [table for table in backend.route_tables.values() if table.vpc_id == vpc.id]
    main = next((table for table in tables if table.main_association_id), None)
    explicit = {subnet_id: table for table in tables for subnet_id in table._associations.values()}
    gateways = [
        gateway
        for gateway in backend.nat_gateways.values()
        if gateway.vpc_id == vpc.id and gateway.state == "available" and gateway.connectivity_type == "public"
    ]
    available = {gateway.id for gateway in gateways}
    return Network(
        vpc_id=vpc.id,
        cidr=vpc.cidr_block,
        internet_gateway_id=next(
            (each.id for each in backend.internet_gateways.values() if each.vpc and each.vpc.id == vpc.id), None
        ),
        subnets=tuple(
            Subnet(
                subnet_id=subnet.id,
                cidr=subnet.cidr_block,
                routes=_routes(explicit.get(subnet.id, main), available),
            )
            for subnet in backend.describe_subnets()
            if subnet.vpc_id == vpc.id
        ),
        nat_gateways=tuple(
            NatGateway(
                gateway_id=gateway.id,
                subnet_id=gateway.subnet_id,
                private_address=gateway.interface.private_ip_address,
                public_address=gateway.interface.public_ip,
            )
            for gateway in gateways
        ),
        interfaces=tuple(
            Interface(
                address=eni.private_ip_address,
                subnet_id=eni.subnet.id,
                group_ids=tuple(sorted({group.id for group in eni.group_set})),
                public_address=eni.public_ip,
                instance_id=eni.instance.id if eni.instance else None,
            )
            for eni in backend.enis.values()
            if eni.vpc_id == vpc.id and eni.interface_type != "nat_gateway"
        ),
        groups={
            group.id: SecurityGroup(
                ingress=_rules(group.ingress_rules),
                egress=_rules(group.egress_rules),
            )
            for group in backend.groups[vpc.id].values()
        },
    )


def _routes(table: Any, available: set[str]) -> tuple[Route, ...]:
    """Return a table's routes; what leads to something that is not there is a black hole."""
    if table is None:
        return ()
    routes = []
    for route in table.routes:
        if not route.destination_cidr_block:
            continue  # IPv6 and prefix lists: there is no such thing in the sandbox
        target = "blackhole"
        if route.local:
            target = "local"
        elif route.state == "active" and route.gateway_id and route.gateway_id.startswith("igw-"):
            target = route.gateway_id
        elif route.nat_gateway_id in available:
            target = route.nat_gateway_id
        routes.append(Route(destination=route.destination_cidr_block, target=target))
    return tuple(routes)


def _rules(rules: Iterable[Any]) -> tuple[Rule, ...]:
    found = []
    for rule in rules:
        cidr, group_id = rule.cidr_ipv4, rule.source_group.get("GroupId")
        if cidr or group_id:
            found.append(
                Rule(
                    protocol=str(rule.ip_protocol),
                    from_port=-1 if rule.from_port is None else int(rule.from_port),
                    to_port=-1 if rule.to_port is None else int(rule.to_port),
                    cidr=cidr,
                    group_id=None if cidr else group_id,
                )
            )
    return tuple(found)
