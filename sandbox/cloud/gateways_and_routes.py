"""Internet gateways, route tables and routes: what may be attached to what, and which routes are black holes."""

from __future__ import annotations

import ipaddress
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.route_tables import Route as MotoRoute

from sandbox.cloud.errors import has_dependencies, refusal


class Route(MotoRoute):  # type: ignore[misc]
    """A route that becomes a black hole when what it leads to goes."""

    @property
    def state(self) -> str:
        """Return ``active`` or ``blackhole``."""
        backend = self.route_table.ec2_backend
        if self.nat_gateway is not None:
            return "active" if self.nat_gateway.state in ("pending", "available") else "blackhole"
        if self.gateway is not None and self.gateway.id.startswith("igw-"):
            vpc = self.gateway.vpc
            here = self.gateway.id in backend.internet_gateways and vpc and vpc.id == self.route_table.vpc_id
            return "active" if here else "blackhole"
        if self.instance is not None:
            return "active" if self.instance.state == "running" else "blackhole"
        if self.interface is not None:
            return "active" if self.interface.id in backend.enis else "blackhole"
        return "active"


class GatewaysAndRoutes(EC2Backend):  # type: ignore[misc]
    """Internet gateways, route tables and routes."""

    def get_internet_gateway(self, internet_gateway_id: str) -> Any:
        """Return a gateway."""
        if internet_gateway_id not in self.internet_gateways:
            raise refusal(
                "InvalidInternetGatewayID.NotFound", f"The internetGateway ID '{internet_gateway_id}' does not exist"
            )
        return self.internet_gateways[internet_gateway_id]

    def describe_internet_gateways(
        self, internet_gateway_ids: list[str] | None = None, filters: Any = None
    ) -> list[Any]:
        """List gateways."""
        for each in internet_gateway_ids or []:
            self.get_internet_gateway(each)
        return super().describe_internet_gateways(internet_gateway_ids or None, filters)  # type: ignore[no-any-return]

    def attach_internet_gateway(self, internet_gateway_id: str, vpc_id: str) -> Any:
        """Attach a gateway to a VPC that has none."""
        gateway = self.get_internet_gateway(internet_gateway_id)
        self.get_vpc(vpc_id)
        if gateway.vpc:
            raise refusal(
                "Resource.AlreadyAssociated",
                f"resource {internet_gateway_id} is already attached to network {gateway.vpc.id}",
            )
        if any(each.vpc and each.vpc.id == vpc_id for each in self.internet_gateways.values()):
            raise refusal("InvalidParameterValue", f"Network {vpc_id} already has an internet gateway attached")
        return super().attach_internet_gateway(internet_gateway_id, vpc_id)

    def detach_internet_gateway(self, internet_gateway_id: str, vpc_id: str) -> None:
        """Detach a gateway from a VPC in which no public address is mapped."""
        gateway = self.get_internet_gateway(internet_gateway_id)
        if not gateway.vpc or gateway.vpc.id != vpc_id:
            raise refusal("Gateway.NotAttached", f"resource {internet_gateway_id} is not attached to network {vpc_id}")
        if any(eni.vpc_id == vpc_id and eni.public_ip for eni in self.enis.values()):
            raise refusal(
                "DependencyViolation",
                f"Network {vpc_id} has some mapped public address(es). "
                "Please unmap those public address(es) before detaching the gateway.",
            )
        gateway.vpc = None

    def delete_internet_gateway(self, internet_gateway_id: str) -> None:
        """Delete a gateway that is attached nowhere."""
        if self.get_internet_gateway(internet_gateway_id).vpc:
            raise has_dependencies("internetGateway", internet_gateway_id)
        self.internet_gateways.pop(internet_gateway_id)
        self.tags.pop(internet_gateway_id, None)

    def get_route_table(self, route_table_id: str) -> Any:
        """Return a route table."""
        if route_table_id not in self.route_tables:
            raise refusal("InvalidRouteTableID.NotFound", f"The routeTable ID '{route_table_id}' does not exist")
        return self.route_tables[route_table_id]

    def delete_route_table(self, route_table_id: str) -> None:
        """Delete a route table that no subnet uses."""
        table = self.get_route_table(route_table_id)
        if table._associations or table.main_association_id:
            raise has_dependencies("routeTable", route_table_id)
        self.remove_route_table(route_table_id)

    def remove_route_table(self, route_table_id: str) -> None:
        """Take a route table away, whoever used it."""
        self.route_tables.pop(route_table_id)
        self.tags.pop(route_table_id, None)

    def associate_route_table(
        self, route_table_id: str, gateway_id: str | None = None, subnet_id: str | None = None
    ) -> Any:
        """Associate a table with a subnet that follows no other table by name."""
        table = self.get_route_table(route_table_id)
        if subnet_id is not None:
            if self.get_subnet(subnet_id).vpc_id != table.vpc_id:
                raise refusal(
                    "InvalidParameterValue",
                    f"Route table {route_table_id} and subnet {subnet_id} belong to different networks",
                )
            for other in self.route_tables.values():
                if other is not table and subnet_id in other._associations.values():
                    raise refusal(
                        "Resource.AlreadyAssociated",
                        f"the specified association for route table {route_table_id} conflicts with an existing "
                        "association",
                    )
        return super().associate_route_table(route_table_id, gateway_id, subnet_id)

    def disassociate_route_table(self, association_id: str) -> Any:
        """End an association; the main one cannot be ended."""
        if any(table.main_association_id == association_id for table in self.route_tables.values()):
            raise refusal(
                "InvalidParameterValue", f"cannot disassociate the main route table association {association_id}"
            )
        if not any(association_id in table._associations for table in self.route_tables.values()):
            raise refusal("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")
        return super().disassociate_route_table(association_id)

    def create_route(
        self, route_table_id: str, destination_cidr_block: str | None, *others: Any, **targets: Any
    ) -> Any:
        """Make a route to something that exists in the table's VPC."""
        table = self.get_route_table(route_table_id)
        self._check_target(table, targets)
        if destination_cidr_block and not targets.get("local"):
            self._check_destination(table, destination_cidr_block)
        route = super().create_route(route_table_id, destination_cidr_block, *others, **targets)
        route.__class__ = Route
        return route

    def replace_route(
        self,
        route_table_id: str,
        destination_cidr_block: str,
        destination_ipv6_cidr_block: str | None = None,
        destination_prefix_list_id: str | None = None,
        nat_gateway_id: str | None = None,
        *others: Any,
        **targets: Any,
    ) -> Any:
        """Lead an existing route somewhere else."""
        self._check_target(self.get_route_table(route_table_id), targets | {"nat_gateway_id": nat_gateway_id})
        return super().replace_route(
            route_table_id,
            destination_cidr_block,
            destination_ipv6_cidr_block,
            destination_prefix_list_id,
            nat_gateway_id,
            *others,
            **targets,
        )

    def delete_route(self, route_table_id: str, destination_cidr_block: str, *others: Any, **more: Any) -> Any:
        """Delete a route; the local one stays as long as the VPC."""
        for route in self.get_route_table(route_table_id).routes:
            if route.local and route.destination_cidr_block == destination_cidr_block:
                raise refusal(
                    "InvalidParameterValue",
                    f"cannot remove local route {destination_cidr_block} in route table {route_table_id}",
                )
        return super().delete_route(route_table_id, destination_cidr_block, *others, **more)

    def _check_target(self, table: Any, targets: dict[str, Any]) -> None:
        gateway_id, nat_gateway_id = targets.get("gateway_id"), targets.get("nat_gateway_id")
        if gateway_id and gateway_id.startswith("igw-"):
            vpc = self.get_internet_gateway(gateway_id).vpc
            if not vpc or vpc.id != table.vpc_id:
                raise refusal(
                    "InvalidParameterValue",
                    f"route table {table.id} and network gateway {gateway_id} belong to different networks",
                )
        if nat_gateway_id:
            gateway = self.nat_gateways.get(nat_gateway_id)
            if gateway is None or gateway.state not in ("pending", "available"):
                raise refusal("InvalidNatGatewayID.NotFound", f"The natGateway ID '{nat_gateway_id}' does not exist")
            if gateway.vpc_id != table.vpc_id:
                raise refusal(
                    "InvalidParameterValue",
                    f"route table {table.id} and network gateway {nat_gateway_id} belong to different networks",
                )

    def _check_destination(self, table: Any, destination: str) -> None:
        try:
            wanted = ipaddress.IPv4Network(destination, strict=False)
        except ValueError:
            return  # moto says so
        for route in table.routes:
            if route.local and route.destination_cidr_block:
                local = ipaddress.IPv4Network(route.destination_cidr_block, strict=False)
                if wanted.subnet_of(local) and wanted == local:
                    raise refusal("RouteAlreadyExists", f"The route identified by {destination} already exists.")
