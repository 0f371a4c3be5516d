"""NAT gateways as AWS has them: an interface in their subnet, states that take time, failures that show later."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import EC2Backend
from moto.ec2.models.nat_gateways import NatGateway as MotoNatGateway
from moto.ec2.utils import generic_filter, random_nat_gateway_id

from sandbox.cloud import accidents, context
from sandbox.cloud.errors import refusal


class NatGateway(MotoNatGateway):  # type: ignore[misc]
    """A NAT gateway."""

    def __init__(self, backend: Any, subnet: Any, elastic: Any, connectivity_type: str, private_address: Any) -> None:
        self.ec2_backend = backend
        self.id = random_nat_gateway_id()
        self.subnet_id = subnet.id
        self.vpc_id = subnet.vpc_id
        self.connectivity_type = connectivity_type
        self.state = "pending"
        self.elastic = elastic
        self.failure_code: str | None = None
        self.failure_message: str | None = None
        self.delete_time: datetime | None = None
        self.created: datetime = utcnow()
        self.interface = backend.create_network_interface(
            subnet, private_address, description=f"Interface for NAT Gateway {self.id}"
        )
        self.interface.requester_managed = True
        self.interface.interface_type = "nat_gateway"
        self.interface.status = "in-use"
        self.interface._group_set = []
        self.address_set: list[dict[str, Any]] = [
            {
                "AllocationId": elastic.allocation_id if elastic else None,
                "PrivateIp": self.interface.private_ip_address,
                "NetworkInterfaceId": self.interface.id,
                "IsPrimary": True,
                "Status": "associating",
            }
        ]

    @property
    def create_time(self) -> datetime:
        """Return when the gateway was asked for."""
        return self.created

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        """Return what a filter looks at."""
        if filter_name == "nat-gateway-id":
            return self.id
        return super().get_filter_value(filter_name, "DescribeNatGateways")


class NatGateways(EC2Backend):  # type: ignore[misc]
    """NAT gateways."""

    def get_nat_gateway(self, nat_gateway_id: str) -> Any:
        """Return a gateway that is known, deleted ones included."""
        if nat_gateway_id not in self.nat_gateways:
            raise refusal("NatGatewayNotFound", f"The Nat Gateway {nat_gateway_id} was not found")
        return self.nat_gateways[nat_gateway_id]

    def create_nat_gateway(
        self,
        subnet_id: str,
        allocation_id: str | None,
        tags: dict[str, str] | None = None,
        connectivity_type: str | None = None,
        private_address: str | None = None,
    ) -> Any:
        """Ask for a gateway; it is available, or has failed, a while later."""
        subnet = self.get_subnet(subnet_id)
        connectivity_type = connectivity_type or "public"
        elastic = None
        if connectivity_type == "public":
            if not allocation_id:
                raise refusal("MissingParameter", "The request must contain the parameter AllocationId")
            elastic = self.address_by_allocation([allocation_id])[0]
        gateway = NatGateway(self, subnet, elastic, connectivity_type, private_address)
        self.nat_gateways[gateway.id] = gateway
        gateway.add_tags(tags or {})
        if elastic is not None and elastic.eni is None:
            self.map_address(elastic, gateway.interface)
            gateway.address_set[0] |= {
                "PublicIp": elastic.public_ip,
                "AssociationId": elastic.association_id,
            }
        here = context.current()
        failure = accidents.gateway_failure(gateway)
        here.after(here.latency.nat_gateway_create, lambda: self._created(gateway, failure))
        return gateway

    def _created(self, gateway: Any, failure: tuple[str, str] | None) -> None:
        if gateway.state != "pending":
            return
        if failure is not None:
            self._failed(gateway, *failure)
            return
        attached = any(each.vpc and each.vpc.id == gateway.vpc_id for each in self.internet_gateways.values())
        if gateway.connectivity_type == "public" and not attached:
            self._failed(gateway, "Gateway.NotAttached", f"Network {gateway.vpc_id} has no Internet gateway attached")
        elif gateway.elastic is not None and gateway.elastic.eni is not gateway.interface:
            self._failed(
                gateway,
                "Resource.AlreadyAssociated",
                f"Elastic IP address [{gateway.elastic.allocation_id}] is already associated",
            )
        else:
            gateway.state = "available"
            gateway.address_set[0]["Status"] = "succeeded"

    def _failed(self, gateway: Any, code: str, message: str) -> None:
        gateway.state = "failed"
        gateway.failure_code, gateway.failure_message = code, message
        gateway.address_set[0] |= {"Status": "failed", "FailureMessage": message}
        self._ended(gateway)

    def delete_nat_gateway(self, nat_gateway_id: str) -> Any:
        """Delete a gateway: its interface and the use of its address end when it is deleted; routes stay."""
        gateway = self.get_nat_gateway(nat_gateway_id)
        if gateway.state == "deleted":
            raise refusal("NatGatewayNotFound", f"The Nat Gateway {nat_gateway_id} was not found")
        if gateway.state == "failed":
            gateway.state = "deleted"
            gateway.delete_time = utcnow()
        elif gateway.state != "deleting":
            gateway.state = "deleting"
            gateway.delete_time = utcnow()
            here = context.current()
            here.after(here.latency.nat_gateway_delete, lambda: self._deleted(gateway))
        return gateway

    def _deleted(self, gateway: Any) -> None:
        gateway.state = "deleted"
        self._ended(gateway)

    def _ended(self, gateway: Any) -> None:
        self.remove_interface(gateway.interface)
        here = context.current()
        here.after(here.latency.nat_gateway_visible, lambda: self._forgotten(gateway))

    def _forgotten(self, gateway: Any) -> None:
        self.nat_gateways.pop(gateway.id, None)
        self.tags.pop(gateway.id, None)

    def describe_nat_gateways(self, filters: Any, nat_gateway_ids: list[str] | None) -> list[Any]:
        """List gateways, by tags too."""
        if nat_gateway_ids:
            for each in nat_gateway_ids:
                if each not in self.nat_gateways:
                    raise refusal("NatGatewayNotFound", f"NatGateway {each} was not found")
        gateways = [each for each in self.nat_gateways.values() if not nat_gateway_ids or each.id in nat_gateway_ids]
        return generic_filter(filters, gateways)  # type: ignore[no-any-return]
