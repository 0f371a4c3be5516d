"""What an account may have of each thing in a region, as long as nobody has asked AWS for more."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend
from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend

from sandbox.cloud.errors import refusal

VPCS = 5
INTERNET_GATEWAYS = 5
ELASTIC_ADDRESSES = 5
NAT_GATEWAYS = 5
"""In each zone."""
CODES = {
    ("vpc", "L-F678F1CE"): ("VPCs per Region", VPCS),
    ("vpc", "L-A4707A72"): ("Internet gateways per Region", INTERNET_GATEWAYS),
    ("vpc", "L-FE5A380F"): ("NAT gateways per Availability Zone", NAT_GATEWAYS),
    ("ec2", "L-0263D0A3"): ("EC2-VPC Elastic IPs", ELASTIC_ADDRESSES),
}
"""What Service Quotas calls them, by service and quota; it has no others."""


class SandboxServiceQuotasBackend(ServiceQuotasBackend):  # type: ignore[misc]
    """Service Quotas, as far as the sandbox keeps to them."""

    def get_service_quota(self, service_code: str, quota_code: str) -> dict[str, Any]:
        """Return a quota with its value."""
        if (service_code, quota_code) not in CODES:
            raise NoSuchResource
        name, value = CODES[service_code, quota_code]
        return {
            "ServiceCode": service_code,
            "QuotaCode": quota_code,
            "QuotaName": name,
            "Value": float(value),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }


SandboxServiceQuotasBackend.__module__ = "moto.servicequotas.models"  # moto finds the service's URLs by it


class Quotas(EC2Backend):  # type: ignore[misc]
    """Refuses to make one too many; what came with the account counts."""

    def create_vpc(self, cidr_block: str, *options: Any, **more: Any) -> Any:
        """Make a VPC."""
        if len(self.vpcs) >= VPCS:
            raise refusal("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
        return super().create_vpc(cidr_block, *options, **more)

    def create_internet_gateway(self, *options: Any, **more: Any) -> Any:
        """Make an internet gateway."""
        if len(self.internet_gateways) >= INTERNET_GATEWAYS:
            raise refusal("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
        return super().create_internet_gateway(*options, **more)

    def allocate_address(self, *options: Any, **more: Any) -> Any:
        """Allocate an Elastic IP."""
        if len(self.addresses) >= ELASTIC_ADDRESSES:
            raise refusal("AddressLimitExceeded", "The maximum number of addresses has been reached.")
        return super().allocate_address(*options, **more)

    def create_nat_gateway(self, subnet_id: str, *options: Any, **more: Any) -> Any:
        """Ask for a NAT gateway; those that are still being deleted count."""
        zone = self.get_subnet(subnet_id).availability_zone
        living = [each for each in self.nat_gateways.values() if each.state in ("pending", "available", "deleting")]
        if sum(each.interface.subnet.availability_zone == zone for each in living) >= NAT_GATEWAYS:
            raise refusal(
                "NatGatewayLimitExceeded",
                f"Performing this operation would exceed the limit of {NAT_GATEWAYS} NAT gateways",
            )
        return super().create_nat_gateway(subnet_id, *options, **more)
