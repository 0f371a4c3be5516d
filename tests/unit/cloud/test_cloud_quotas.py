"""What an account may have, as long as nobody has asked AWS for more."""

from __future__ import annotations

from cloud_box import Box, code, until


def test_five_vpcs_the_default_one_counted(box: Box) -> None:
    vpcs = [box.vpc() for _ in range(4)]
    assert code(box.vpc) == "VpcLimitExceeded"
    box.ec2.delete_vpc(VpcId=vpcs[0])
    box.vpc()
    assert code(box.vpc) == "VpcLimitExceeded"


def test_quotas_are_those_of_a_region(box: Box) -> None:
    for _ in range(4):
        box.vpc()
    box.client("ec2", region="eu-west-1").create_vpc(CidrBlock="10.0.0.0/16")


def test_five_internet_gateways(box: Box) -> None:
    for _ in range(4):
        box.ec2.create_internet_gateway()
    assert code(box.ec2.create_internet_gateway) == "InternetGatewayLimitExceeded"


def test_five_elastic_addresses(box: Box) -> None:
    addresses = [box.address() for _ in range(5)]
    assert code(box.address) == "AddressLimitExceeded"
    box.ec2.release_address(AllocationId=addresses[0])
    box.address()


def test_five_nat_gateways_in_each_zone(box: Box) -> None:
    vpc = box.vpc()
    box.gateway(vpc)

    def subnet(zone: str, cidr: str) -> str:
        made = box.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def gateway(where: str) -> str:
        made = box.ec2.create_nat_gateway(SubnetId=where, ConnectivityType="private")
        return str(made["NatGateway"]["NatGatewayId"])

    here, near, other = (
        subnet("us-west-2a", "10.0.0.0/24"),
        subnet("us-west-2a", "10.0.1.0/24"),
        subnet("us-west-2b", "10.0.2.0/24"),
    )
    gateways = [gateway(here) for _ in range(5)]
    assert code(lambda: gateway(near)) == "NatGatewayLimitExceeded"
    gateway(other)
    box.ec2.delete_nat_gateway(NatGatewayId=gateways[0])
    assert code(lambda: gateway(here)) == "NatGatewayLimitExceeded", "until it is deleted, it counts"
    until(lambda: box.nat_state(gateways[0]) == "deleted")
    gateway(here)
