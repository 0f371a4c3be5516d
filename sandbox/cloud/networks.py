"""VPCs, subnets and security groups: what they may look like, and what keeps them from being deleted."""

from __future__ import annotations

import ipaddress
from typing import Any

from moto.ec2.models import EC2Backend

from sandbox.cloud.addresses import Subnet
from sandbox.cloud.errors import has_dependencies, refusal


def canonical(cidr: str | None) -> str | None:
    """Return a CIDR as AWS keeps it, without host bits; what is none is left for moto to refuse."""
    try:
        return str(ipaddress.IPv4Network(str(cidr), strict=False)) if cidr else cidr
    except ValueError:
        return cidr


class Networks(EC2Backend):  # type: ignore[misc]
    """VPCs, subnets and security groups."""

    def create_default_vpc(self) -> Any:
        """Make the default VPC as a fresh account has it: with a gateway, and a route to it."""
        vpc = super().create_default_vpc()
        for subnet in self.describe_subnets():
            subnet.default_for_az = subnet.map_public_ip_on_launch = True
        gateway = self.create_internet_gateway()
        self.attach_internet_gateway(gateway.id, vpc.id)
        main = next(table for table in self.route_tables.values() if table.vpc_id == vpc.id)
        self.create_route(main.id, "0.0.0.0/0", gateway_id=gateway.id)
        return vpc

    def create_vpc(self, cidr_block: str, *options: Any, **more: Any) -> Any:
        """Make a VPC; the members of its default group may talk to each other."""
        vpc = super().create_vpc(canonical(cidr_block), *options, **more)
        default = self.get_default_security_group(vpc.id)
        self.authorize_security_group_ingress(
            default.id, "-1", None, None, [], source_groups=[{"GroupId": default.id}], vpc_id=vpc.id
        )
        return vpc

    def get_vpc(self, vpc_id: str) -> Any:
        """Return a VPC."""
        if vpc_id not in self.vpcs:
            raise refusal("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")
        return self.vpcs[vpc_id]

    def describe_vpcs(self, vpc_ids: list[str] | None = None, filters: Any = None) -> list[Any]:
        """List VPCs."""
        for each in vpc_ids or []:
            self.get_vpc(each)
        return super().describe_vpcs(vpc_ids, filters)  # type: ignore[no-any-return]

    def delete_vpc(self, vpc_id: str) -> Any:
        """Delete a VPC in which there is nothing but what came with it."""
        vpc = self.get_vpc(vpc_id)
        tables = [table for table in self.route_tables.values() if table.vpc_id == vpc_id]
        groups = list(self.groups[vpc_id].values())
        lists = [each for each in self.network_acls.values() if each.vpc_id == vpc_id]
        added = (
            any(subnet.vpc_id == vpc_id for subnet in self.describe_subnets())
            or any(eni.vpc_id == vpc_id for eni in self.enis.values())
            or any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in self.internet_gateways.values())
            or any(gateway.vpc_id == vpc_id for gateway in self.egress_only_internet_gateways.values())
            or any(point.vpc_id == vpc_id and point.state != "deleted" for point in self.vpc_end_points.values())
            or any(vpc_id in gateway.attachments for gateway in self.vpn_gateways.values())
            or any(not table.main_association_id for table in tables)
            or any(not group.is_default for group in groups)
            or any(not each.default for each in lists)
        )
        if added:
            raise has_dependencies("vpc", vpc_id)
        for table in tables:
            self.remove_route_table(table.id)
        for group in groups:
            self._remove_group(group)
        for each in lists:
            self.network_acls.pop(each.id)
            self.tags.pop(each.id, None)
        self.groups.pop(vpc_id, None)
        self.vpcs.pop(vpc_id)
        self.tags.pop(vpc_id, None)
        return vpc

    def create_subnet(self, vpc_id: str, cidr_block: str, *options: Any, **more: Any) -> Any:
        """Make a subnet; only those of the default VPC are default ones."""
        cidr_block = canonical(cidr_block) or cidr_block
        if cidr_block and "/" in cidr_block and not 16 <= int(cidr_block.rpartition("/")[2]) <= 28:
            raise refusal("InvalidSubnet.Range", f"The CIDR '{cidr_block}' is invalid.")
        zones = [zone.name for zone in self.describe_availability_zones()]
        zone = more.get("availability_zone") or (options[1] if len(options) > 1 else None)
        if zone is not None and zone not in zones:
            raise refusal(
                "InvalidParameterValue",
                f"Value ({zone}) for parameter availabilityZone is invalid. "
                f"Subnets can currently only be created in the following availability zones: {', '.join(zones)}.",
            )
        subnet = super().create_subnet(vpc_id, cidr_block, *options, **more)
        subnet.__class__ = Subnet
        subnet.default_for_az = subnet.map_public_ip_on_launch = False
        return subnet

    def create_default_subnet(self, availability_zone: str) -> Any:
        """Make a zone's default subnet."""
        subnet = super().create_default_subnet(availability_zone)
        subnet.default_for_az = subnet.map_public_ip_on_launch = True
        return subnet

    def delete_subnet(self, subnet_id: str) -> Any:
        """Delete a subnet in which no interface stands."""
        subnet = self.get_subnet(subnet_id)
        if any(eni.subnet.id == subnet_id for eni in self.enis.values()):
            raise has_dependencies("subnet", subnet_id)
        for table in self.route_tables.values():
            table._associations = {
                association: target for association, target in table._associations.items() if target != subnet_id
            }
        for each in self.network_acls.values():
            each._associations = {
                name: link for name, link in each._associations.items() if link.subnet_id != subnet_id
            }
        super().delete_subnet(subnet_id)
        self.tags.pop(subnet_id, None)
        return subnet

    def create_security_group(self, name: str, description: str, vpc_id: str | None = None, **more: Any) -> Any:
        """Make a security group; its name and description may hold what AWS lets them hold."""
        vpc_id = vpc_id or (default.id if (default := self.get_default_vpc()) else None)
        if vpc_id is None:
            raise refusal("VPCIdNotSpecified", "No default VPC for this user")
        self.get_vpc(vpc_id)
        if name.startswith("sg-"):
            raise refusal(
                "InvalidParameterValue", f"Invalid value '{name}' for groupName. Names may not begin with sg-."
            )
        for value, parameter in ((name, "groupName"), (description or "", "groupDescription")):
            if len(value) > 255 or not value.isascii():
                raise refusal(
                    "InvalidParameterValue",
                    f"Value ({value}) for parameter {parameter} is invalid. "
                    "Up to 255 characters of the ASCII character set are supported.",
                )
        if any(group.name == name for group in self.groups[vpc_id].values()):
            raise refusal("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc_id}'")
        return super().create_security_group(name, description, vpc_id, force=True, **more)

    def describe_security_groups(
        self, group_ids: list[str] | None = None, groupnames: list[str] | None = None, filters: Any = None
    ) -> list[Any]:
        """List security groups."""
        for each in group_ids or []:
            if self.get_security_group_from_id(each) is None:
                raise refusal("InvalidGroup.NotFound", f"The security group '{each}' does not exist")
        return super().describe_security_groups(group_ids, groupnames, filters)  # type: ignore[no-any-return]

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> None:
        """Delete a security group that no interface has and no other group's rule names."""
        group = self.get_security_group_from_id(group_id) if group_id else self.get_security_group_from_name(name)
        if group is None:
            raise refusal("InvalidGroup.NotFound", f"The security group '{group_id or name}' does not exist")
        if group.is_default:
            raise refusal(
                "CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user'
            )
        used = any(group in eni.group_set for eni in self.enis.values())
        if used or any(self._names(other, group) for other in self.groups[group.vpc_id].values() if other is not group):
            raise refusal("DependencyViolation", f"resource {group.id} has a dependent object")
        self._remove_group(group)

    @staticmethod
    def _names(other: Any, group: Any) -> bool:
        rules = (*other.ingress_rules, *other.egress_rules)
        return any(rule.source_group.get("GroupId") == group.id for rule in rules)

    def _remove_group(self, group: Any) -> None:
        self.groups[group.vpc_id].pop(group.id)
        for gone in (group, *group.ingress_rules, *group.egress_rules):
            self.tags.pop(gone.id, None)
