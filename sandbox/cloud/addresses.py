"""Addresses: private ones from the subnet, public ones from the sandbox's own range, and who may have them."""

from __future__ import annotations

import ipaddress
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface as MotoNetworkInterface
from moto.ec2.models.subnets import Subnet as MotoSubnet
from moto.ec2.utils import random_eip_association_id

from sandbox.cloud import context
from sandbox.cloud.errors import refusal
from sandbox.world import GivesAddresses

MAPPED_BY_OTHERS = "You do not have permission to access the specified resource."


class Subnet(MotoSubnet):  # type: ignore[misc]
    """A subnet that gives each address to one interface at a time, and the last one given only after all others."""

    def taken(self) -> set[str]:
        """Return the addresses that are in use."""
        standing = (eni for eni in self.ec2_backend.enis.values() if eni.subnet.id == self.id)
        used = {each["PrivateIpAddress"] for eni in standing for each in eni.private_ip_addresses}
        return used | set(self._subnet_ips)

    def free_count(self) -> int:
        """Return how many addresses are left: the first four and the last are AWS's own."""
        return int(self.cidr.num_addresses) - 5 - len(self.taken())

    def get_available_subnet_ip(self, instance: Any) -> str:
        """Take the next free address."""
        world = context.current().world
        if isinstance(world, GivesAddresses):
            address = world.private_address()
            self._subnet_ips[address] = instance
            return address
        taken = self.taken()
        first, last = int(self.cidr.network_address) + 4, int(self.cidr.broadcast_address) - 1
        start = max(first, getattr(self, "_next_address", first))
        for number in (*range(start, last + 1), *range(first, start)):
            address = str(ipaddress.IPv4Address(number))
            if address not in taken:
                self._next_address = number + 1
                self._subnet_ips[address] = instance
                return address
        raise refusal(
            "InsufficientFreeAddressesInSubnet",
            f"There are not enough free addresses in subnet '{self.id}' to satisfy the requested number of instances.",
        )

    def request_ip(self, ip: str, instance: Any) -> None:
        """Take a certain address."""
        if isinstance(context.current().world, GivesAddresses):
            raise refusal(
                "UnsupportedOperation",
                f"Address {ip} cannot be had in a sandbox without namespaces, which gives the addresses itself.",
            )
        address = ipaddress.IPv4Address(ip)
        if address not in self.cidr:
            raise refusal("InvalidParameterValue", f"Address {ip} does not fall within the subnet's address range")
        if int(address) - int(self.cidr.network_address) < 4 or address == self.cidr.broadcast_address:
            raise refusal("InvalidParameterValue", f"Address {ip} is in subnet's reserved address range")
        if ip in self.taken():
            raise refusal("InvalidIPAddress.InUse", f"Address {ip} is in use.")
        self._subnet_ips[ip] = instance

    def del_subnet_ip(self, ip: str) -> None:
        """Give an address back."""
        self._subnet_ips.pop(ip, None)


class NetworkInterface(MotoNetworkInterface):  # type: ignore[misc]
    """A network interface; its automatic public address comes from the sandbox's range."""

    def check_auto_public_ip(self) -> None:
        """Give the interface a public address, where its subnet or its launch asked for one."""
        if str(self.public_ip_auto_assign).lower() == "true":
            self.public_ip = self.ec2_backend.free_public_address()

    def name_it(self) -> None:
        """Give the interface the private name that AWS would."""
        dashed = str(self.private_ip_address).replace(".", "-")
        region = self.ec2_backend.region_name
        domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
        self.private_dns_name = f"ip-{dashed}.{domain}"

    @property
    def group_set(self) -> list[Any]:
        """Return the interface's security groups: the instance's are those of its interfaces."""
        return list(dict.fromkeys(self._group_set))

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        """Return what a filter looks at; AWS knows some more than moto."""
        if filter_name == "status":
            return self.status
        if filter_name == "interface-type":
            return self.interface_type
        if filter_name == "association.public-ip":
            return self.public_ip
        if filter_name == "private-dns-name":
            return self.private_dns_name
        return super().get_filter_value(filter_name, method_name)


class Addresses(EC2Backend):  # type: ignore[misc]
    """Network interfaces and Elastic IPs."""

    def free_public_address(self) -> str:
        """Return a public address that nobody has; one that was given back comes last."""
        from moto.ec2.models import ec2_backends

        used = set()
        for _, _, backend in ec2_backends.iter_backends():
            used |= {address.public_ip for address in backend.addresses}
            used |= {eni.public_ip for eni in backend.enis.values()}
        here = context.current()
        prefix = here.address.rsplit(".", 2)[0]
        start = here.next_public
        for number in (*range(start, 255), *range(1, start)):
            if f"{prefix}.1.{number}" not in used:
                here.next_public = number + 1
                return f"{prefix}.1.{number}"
        raise refusal("AddressLimitExceeded", "The maximum number of addresses has been reached.")

    def create_network_interface(
        self,
        subnet: Any,
        private_ip_address: Any,
        private_ip_addresses: list[dict[str, Any]] | None = None,
        group_ids: list[str] | None = None,
        description: str | None = None,
        tags: dict[str, str] | None = None,
        delete_on_termination: bool | None = False,
        **options: Any,
    ) -> NetworkInterface:
        """Make an interface with an address of its subnet."""
        subnet = self.get_subnet(subnet) if isinstance(subnet, str) else subnet
        if isinstance(private_ip_address, list):
            private_ip_address = private_ip_address[0] if private_ip_address else None
        for group_id in group_ids or []:
            self._check_group(group_id, subnet)
        for each in private_ip_addresses or []:
            wanted = each["PrivateIpAddress"] if isinstance(each, dict) else each
            if wanted != private_ip_address:
                subnet.request_ip(wanted, None)
        if not private_ip_address and not private_ip_addresses:
            private_ip_address = subnet.get_available_subnet_ip(None)
        elif private_ip_address and private_ip_address not in subnet._subnet_ips:
            # An instance takes its address before it makes its interface.
            subnet.request_ip(private_ip_address, None)
        eni = NetworkInterface(
            self,
            subnet,
            private_ip_address,
            private_ip_addresses,
            group_ids=group_ids,
            description=description,
            tags=tags,
            delete_on_termination=delete_on_termination,
            **options,
        )
        eni.name_it()
        self.enis[eni.id] = eni
        return eni

    def _check_group(self, group_id: str, subnet: Any) -> None:
        group = self.get_security_group_from_id(group_id)
        if group is None:
            raise refusal("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        if group.vpc_id != subnet.vpc_id:
            raise refusal(
                "InvalidParameter",
                f"Security group {group_id} and subnet {subnet.id} belong to different networks.",
            )

    def delete_network_interface(self, eni_id: str) -> None:
        """Delete an interface that nothing uses."""
        eni = self.get_network_interface(eni_id)
        if eni.status == "in-use":
            raise refusal("InvalidParameterValue", f"Network interface '{eni_id}' is currently in use.")
        self.remove_interface(eni)

    def remove_interface(self, eni: Any) -> None:
        """Take an interface away with its address, whoever used it."""
        for address in self.addresses:
            if address.eni is eni:
                self._unmap(address)
        self.enis.pop(eni.id, None)
        for each in eni.private_ip_addresses:
            eni.subnet.del_subnet_ip(each["PrivateIpAddress"])
        self.tags.pop(eni.id, None)

    def modify_network_interface_attribute(self, eni_id: str, group_ids: list[str], *options: Any, **more: Any) -> None:
        """Change an interface; unknown groups are refused."""
        eni = self.get_network_interface(eni_id)
        for group_id in group_ids:
            self._check_group(group_id, eni.subnet)
        super().modify_network_interface_attribute(eni_id, group_ids, *options, **more)

    def allocate_address(self, domain: str, address: str | None = None, tags: dict[str, str] | None = None) -> Any:
        """Allocate an Elastic IP of the sandbox's range."""
        if address is not None:
            raise refusal("InvalidAddress.NotFound", f"Address '{address}' not found.")
        return super().allocate_address("vpc", address=self.free_public_address(), tags=tags)

    def associate_address(
        self,
        instance: Any = None,
        eni: Any = None,
        address: str | None = None,
        allocation_id: str | None = None,
        reassociate: bool = False,
    ) -> Any:
        """Map an Elastic IP to an interface."""
        elastic = self._elastic(address, allocation_id)
        if instance is not None:
            eni = instance.nics.get(0)
            if eni is None:
                raise refusal("InvalidInstanceID", f"The instance '{instance.id}' is not in a valid state.")
        if eni.instance is not None and eni.instance.state == "pending":
            raise refusal(
                "IncorrectInstanceState",
                f"The pending-instance-creation instance to which '{eni.id}' is attached is not in a valid state "
                "for this operation",
            )
        if not any(gateway.vpc and gateway.vpc.id == eni.vpc_id for gateway in self.internet_gateways.values()):
            raise refusal("Gateway.NotAttached", f"Network {eni.vpc_id} is not attached to any internet gateway")
        if elastic.eni is eni:
            return elastic
        if elastic.eni is not None and not reassociate:
            raise refusal(
                "Resource.AlreadyAssociated",
                f"resource {elastic.allocation_id} is already associated with associate-id {elastic.association_id}",
            )
        holder = next((each for each in self.addresses if each.eni is eni), None)
        if holder is not None and not reassociate:
            raise refusal(
                "Resource.AlreadyAssociated",
                f"resource {eni.id} is already associated with associate-id {holder.association_id}",
            )
        if holder is not None:
            self._unmap(holder)
        self._unmap(elastic)
        self.map_address(elastic, eni)
        return elastic

    def _elastic(self, address: str | None, allocation_id: str | None) -> Any:
        """Return the Elastic IP that is meant."""
        if address:
            return self.address_by_ip([address])[0]
        if not allocation_id:
            raise refusal("MissingParameter", "The request must contain the parameter allocationId")
        return self.address_by_allocation([allocation_id])[0]

    def map_address(self, elastic: Any, eni: Any) -> None:
        """Map an Elastic IP that is free."""
        elastic.eni = eni
        elastic.instance = eni.instance
        elastic.association_id = random_eip_association_id()
        eni.public_ip = elastic.public_ip

    def _unmap(self, elastic: Any) -> None:
        if elastic.eni is not None:
            elastic.eni.public_ip = None
        elastic.eni = elastic.instance = elastic.association_id = None

    def disassociate_address(self, address: str | None = None, association_id: str | None = None) -> None:
        """Take an Elastic IP off its interface; a NAT gateway's stays until the gateway is deleted."""
        elastic = (self.address_by_ip([address]) if address else self.address_by_association([association_id]))[0]
        eni = elastic.eni
        if eni is not None and eni.requester_managed:
            raise refusal("AuthFailure", MAPPED_BY_OTHERS)
        self._unmap(elastic)
        if eni is not None and eni.instance is not None and eni.instance.state == "running":
            eni.check_auto_public_ip()

    def release_address(self, address: str | None = None, allocation_id: str | None = None) -> None:
        """Release an Elastic IP that is not in use."""
        elastic = self._elastic(address, allocation_id)
        if elastic.eni is not None:
            raise refusal("InvalidIPAddress.InUse", f"Address {elastic.public_ip} is in use.")
        self.tags.pop(elastic.id, None)
        self.addresses.remove(elastic)

    def address_by_allocation(self, allocation_ids: list[str]) -> list[Any]:
        """Return addresses by allocation."""
        for each in allocation_ids:
            if not any(address.allocation_id == each for address in self.addresses):
                raise refusal("InvalidAllocationID.NotFound", f"The allocation ID '{each}' does not exist")
        return [address for address in self.addresses if address.allocation_id in allocation_ids]

    def describe_addresses(
        self,
        allocation_ids: list[str] | None = None,
        public_ips: list[str] | None = None,
        filters: Any = None,
    ) -> list[Any]:
        """List Elastic IPs."""
        if allocation_ids:
            self.address_by_allocation(allocation_ids)
        return super().describe_addresses(allocation_ids, public_ips, filters)  # type: ignore[no-any-return]
