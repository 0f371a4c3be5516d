"""The same request with the same ClientToken is carried out once."""

from __future__ import annotations

from cloud_box import AL2023, Box, code, until


def test_a_launch_with_the_same_token_is_the_same_launch(box: Box) -> None:
    launch = {
        "ImageId": AL2023,
        "InstanceType": "t3.medium",
        "SubnetId": box.subnet(box.vpc()),
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": "once",
    }
    first = box.ec2.run_instances(**launch)
    again = box.ec2.run_instances(**launch)
    assert first["ReservationId"] == again["ReservationId"]
    assert len(box.ec2.describe_instances()["Reservations"]) == 1
    instance = first["Instances"][0]["InstanceId"]
    assert box.instance(instance)["ClientToken"] == "once"
    assert code(lambda: box.ec2.run_instances(**launch | {"MaxCount": 2})) == "IdempotentParameterMismatch"
    assert box.ec2.run_instances(**launch | {"ClientToken": "twice"})["ReservationId"] != first["ReservationId"]
    box.ec2.terminate_instances(InstanceIds=[instance])
    until(lambda: box.state(instance) == "terminated")
    assert box.ec2.run_instances(**launch)["Instances"][0]["InstanceId"] == instance, "also when it has ended"


def test_a_refused_request_does_not_use_its_token(box: Box) -> None:
    launch = {"ImageId": AL2023, "InstanceType": "t3.medium", "MinCount": 1, "MaxCount": 1, "ClientToken": "once"}
    assert code(lambda: box.ec2.run_instances(SubnetId="subnet-0", **launch)) == "InvalidSubnetID.NotFound"
    box.ec2.run_instances(SubnetId=box.subnet(box.vpc()), **launch)


def test_a_nat_gateway_with_the_same_token_is_the_same_gateway(box: Box) -> None:
    vpc = box.vpc()
    box.gateway(vpc)
    make = {"SubnetId": box.subnet(vpc), "AllocationId": box.address(), "ClientToken": "once"}
    first, again = box.ec2.create_nat_gateway(**make), box.ec2.create_nat_gateway(**make)
    assert first["NatGateway"]["NatGatewayId"] == again["NatGateway"]["NatGatewayId"]
    assert first["ClientToken"] == "once"
    other = {"SubnetId": make["SubnetId"], "AllocationId": box.address(), "ClientToken": "once"}
    assert code(lambda: box.ec2.create_nat_gateway(**other)) == "IdempotentParameterMismatch"


def test_others_that_take_a_token(box: Box) -> None:
    vpc = box.vpc()
    table = {"VpcId": vpc, "ClientToken": "once"}
    first = box.ec2.create_route_table(**table)["RouteTable"]["RouteTableId"]
    assert box.ec2.create_route_table(**table)["RouteTable"]["RouteTableId"] == first
    interface = {"SubnetId": box.subnet(vpc), "ClientToken": "once"}
    made = box.ec2.create_network_interface(**interface)["NetworkInterface"]["NetworkInterfaceId"]
    assert box.ec2.create_network_interface(**interface)["NetworkInterface"]["NetworkInterfaceId"] == made
    volume = {"AvailabilityZone": "us-west-2a", "Size": 8, "ClientToken": "once"}
    assert box.ec2.create_volume(**volume)["VolumeId"] == box.ec2.create_volume(**volume)["VolumeId"]
    assert code(lambda: box.ec2.create_volume(**volume | {"Size": 9})) == "IdempotentParameterMismatch"


def test_a_token_is_good_for_one_region_and_has_its_length(box: Box) -> None:
    table = {"VpcId": box.vpc(), "ClientToken": "once"}
    first = box.ec2.create_route_table(**table)["RouteTable"]["RouteTableId"]
    east = box.client("ec2", region="us-east-1")
    there = {"VpcId": east.describe_vpcs()["Vpcs"][0]["VpcId"], "ClientToken": "once"}
    assert east.create_route_table(**there)["RouteTable"]["RouteTableId"] != first
    assert code(lambda: box.ec2.create_route_table(**table | {"ClientToken": "x" * 65})) == "InvalidParameterValue"
