"""The desired network, as the hosts are told of it after each change."""

from __future__ import annotations

from cloud_box import Box, until

from sandbox.world import Route, Rule


def default_group(box: Box, vpc: str) -> str:
    only = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    return str(box.ec2.describe_security_groups(Filters=only)["SecurityGroups"][0]["GroupId"])


def test_a_vpc_without_interfaces_is_nobodys_concern(box: Box) -> None:
    box.subnet(box.vpc())
    assert not box.world.networks


def test_a_subnet_follows_its_own_table_or_the_main_one(box: Box) -> None:
    vpc = box.vpc()
    public, private = box.subnet(vpc), box.subnet(vpc, "10.0.1.0/24")
    box.run(private)
    internet = box.gateway(vpc)
    table = box.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    box.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=internet)
    association = box.ec2.associate_route_table(RouteTableId=table, SubnetId=public)["AssociationId"]
    local = Route("10.0.0.0/16", "local")

    def routes() -> dict[str, tuple[Route, ...]]:
        return {each.subnet_id: each.routes for each in box.world.networks[vpc].subnets}

    assert routes() == {public: (local, Route("0.0.0.0/0", internet)), private: (local,)}
    assert box.world.networks[vpc].internet_gateway_id == internet
    box.ec2.disassociate_route_table(AssociationId=association)
    assert routes()[public] == (local,)
    box.ec2.associate_route_table(RouteTableId=table, SubnetId=private)
    box.ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    assert routes()[private] == (local, Route("0.0.0.0/0", "blackhole"))
    assert box.world.networks[vpc].internet_gateway_id is None


def test_a_route_to_a_nat_gateway_leads_somewhere_while_it_is_available(box: Box) -> None:
    vpc = box.vpc()
    public, private = box.subnet(vpc), box.subnet(vpc, "10.0.1.0/24")
    box.gateway(vpc)
    gateway = box.nat(public, box.address())
    table = box.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    box.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)
    box.ec2.associate_route_table(RouteTableId=table, SubnetId=private)

    def target() -> str:
        subnets = {each.subnet_id: each for each in box.world.networks[vpc].subnets}
        return subnets[private].routes[1].target

    until(lambda: target() == gateway)
    assert [each.gateway_id for each in box.world.networks[vpc].nat_gateways] == [gateway]
    box.ec2.delete_nat_gateway(NatGatewayId=gateway)
    assert target() == "blackhole"
    until(lambda: vpc not in box.world.networks)


def test_groups_and_their_rules(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    own = box.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    box.ec2.authorize_security_group_ingress(
        GroupId=own,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 16000, "ToPort": 17000, "IpRanges": [{"CidrIp": "1.2.3.0/24"}]},
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": own}]},
        ],
    )
    instance = box.run(subnet, SecurityGroupIds=[own])
    network = box.world.networks[vpc]
    everything = Rule("-1", cidr="0.0.0.0/0")
    assert network.groups[own].ingress == (Rule("tcp", 16000, 17000, "1.2.3.0/24"), Rule("-1", group_id=own))
    assert network.groups[own].egress == (everything,)
    default = default_group(box, vpc)
    assert network.groups[default].ingress == (Rule("-1", group_id=default),)
    interface = network.interfaces[0]
    assert (interface.address, interface.group_ids, interface.instance_id) == ("10.0.0.4", (own,), instance)
    assert (interface.subnet_id, interface.public_address) == (subnet, None)

    box.ec2.modify_instance_attribute(InstanceId=instance, Groups=[default])
    assert box.world.networks[vpc].interfaces[0].group_ids == (default,)
    assert [each["GroupId"] for each in box.instance(instance)["SecurityGroups"]] == [default]
    box.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=box.instance(instance)["NetworkInterfaces"][0]["NetworkInterfaceId"], Groups=[own, default]
    )
    assert set(box.world.networks[vpc].interfaces[0].group_ids) == {own, default}
    box.ec2.revoke_security_group_egress(
        GroupId=own, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    assert box.world.networks[vpc].groups[own].egress == ()


def test_two_vpcs_may_look_the_same(box: Box) -> None:
    one, two = box.vpc(), box.vpc()
    for vpc in (one, two):
        box.run(box.subnet(vpc))
    assert {box.world.networks[vpc].interfaces[0].address for vpc in (one, two)} == {"10.0.0.4"}
