"""States that take time, machines that follow them, and the addresses that go with them."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from cloud_box import AGRAPH, Box, code, until


def test_an_instance_passes_through_its_states_and_its_machine_follows(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc, "10.0.1.0/24")
    instance = box.run(
        subnet, ImageId=AGRAPH, UserData="#!/bin/sh\necho hello\n", MetadataOptions={"HttpTokens": "required"}
    )
    assert box.state(instance) == "pending"
    assert not box.world.machines
    machine = until(lambda: box.world.machines.get(instance))
    assert box.state(instance) == "running"
    assert machine.image == "al2023-agraph"
    assert machine.vpc_id == vpc
    assert machine.private_address == "10.0.1.4"
    assert machine.host_name == "ip-10-0-1-4"
    assert machine.user_data == b"#!/bin/sh\necho hello\n"
    assert machine.http_tokens == "required"

    answer = box.ec2.stop_instances(InstanceIds=[instance])["StoppingInstances"][0]
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == ("running", "stopping")
    until(lambda: box.state(instance) == "stopped")
    assert box.world.events == [("boot", instance), ("halt", instance)]

    box.ec2.start_instances(InstanceIds=[instance])
    until(lambda: box.state(instance) == "running")
    until(lambda: box.world.machines)
    assert box.instance(instance)["PrivateIpAddress"] == "10.0.1.4"

    box.ec2.terminate_instances(InstanceIds=[instance])
    assert box.state(instance) == "shutting-down"
    assert code(lambda: box.ec2.delete_subnet(SubnetId=subnet)) == "DependencyViolation"
    until(lambda: box.state(instance) == "terminated")
    until(lambda: ("discard", instance) in box.world.events)
    gone = box.instance(instance)
    assert "PrivateIpAddress" not in gone
    assert "VpcId" not in gone
    assert gone["NetworkInterfaces"] == []
    assert not box.ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkInterfaces"]
    assert not box.ec2.describe_volumes()["Volumes"]
    box.ec2.delete_subnet(SubnetId=subnet)
    box.ec2.delete_vpc(VpcId=vpc)
    assert not box.world.networks


def test_waiters_of_botocore_work(box: Box) -> None:
    subnet = box.subnet(box.vpc())
    instance = box.run(subnet)
    quick = {"Delay": 1, "MaxAttempts": 5}
    box.ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig=quick)
    box.ec2.terminate_instances(InstanceIds=[instance])
    box.ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig=quick)


def test_what_happens_meanwhile_wins(box: Box) -> None:
    instance = box.run(box.subnet(box.vpc()))
    box.ec2.terminate_instances(InstanceIds=[instance])
    until(lambda: box.state(instance) == "terminated")
    box.cloud.context.machines.wait(2)
    assert ("boot", instance) not in box.world.events


def test_private_addresses_come_from_the_subnet_and_are_never_given_twice(box: Box) -> None:
    subnet = box.subnet(box.vpc(), "10.0.1.0/28")
    cidr = ipaddress.IPv4Network("10.0.1.0/28")
    many: dict[str, Any] = box.ec2.run_instances(
        ImageId=AGRAPH, InstanceType="t3.medium", MinCount=1, MaxCount=11, SubnetId=subnet
    )
    addresses = [ipaddress.IPv4Address(each["PrivateIpAddress"]) for each in many["Instances"]]
    assert len(set(addresses)) == 11
    assert all(address in cidr for address in addresses)
    assert not {int(address) - int(cidr[0]) for address in addresses} & {0, 1, 2, 3, 15}
    assert [each["AmiLaunchIndex"] for each in many["Instances"]] == list(range(11))
    assert code(lambda: box.run(subnet)) == "InsufficientFreeAddressesInSubnet"
    assert len(box.ec2.describe_instances()["Reservations"]) == 1
    first = many["Instances"][0]["InstanceId"]
    box.ec2.terminate_instances(InstanceIds=[first])
    until(lambda: box.state(first) == "terminated")
    again = box.run(subnet)
    assert box.instance(again)["PrivateIpAddress"] == "10.0.1.4"
    assert code(lambda: box.run(subnet, PrivateIpAddress="10.0.1.4")) == "InsufficientFreeAddressesInSubnet"


def test_certain_addresses_may_be_asked_for(box: Box) -> None:
    subnet = box.subnet(box.vpc())
    box.run(subnet, PrivateIpAddress="10.0.0.77")
    assert code(lambda: box.run(subnet, PrivateIpAddress="10.0.0.77")) == "InvalidIPAddress.InUse"
    assert code(lambda: box.run(subnet, PrivateIpAddress="10.0.0.3")) == "InvalidParameterValue"
    assert code(lambda: box.run(subnet, PrivateIpAddress="10.9.0.3")) == "InvalidParameterValue"
    assert len(box.ec2.describe_instances()["Reservations"]) == 1


def test_a_nat_gateway_stands_in_its_subnet_and_takes_its_time(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    box.gateway(vpc)
    allocation = box.address()
    public = box.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]["PublicIp"]
    gateway = box.nat(subnet, allocation)
    assert box.nat_state(gateway) == "pending"
    until(lambda: box.nat_state(gateway) == "available")
    shown = box.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]
    address = shown["NatGatewayAddresses"][0]
    assert (address["PrivateIp"], address["PublicIp"], address["AllocationId"]) == ("10.0.0.4", public, allocation)
    eni = box.ec2.describe_network_interfaces(NetworkInterfaceIds=[address["NetworkInterfaceId"]])["NetworkInterfaces"][
        0
    ]
    assert (eni["SubnetId"], eni["InterfaceType"], eni["RequesterManaged"]) == (subnet, "nat_gateway", True)
    until(lambda: box.world.networks[vpc].nat_gateways)
    made = box.world.networks[vpc].nat_gateways[0]
    assert (made.gateway_id, made.private_address, made.public_address) == (gateway, "10.0.0.4", public)

    table = box.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    box.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)
    box.ec2.delete_nat_gateway(NatGatewayId=gateway)
    assert box.nat_state(gateway) == "deleting"
    assert code(lambda: box.ec2.release_address(AllocationId=allocation)) == "InvalidIPAddress.InUse"
    assert code(lambda: box.ec2.delete_subnet(SubnetId=subnet)) == "DependencyViolation"
    until(lambda: box.nat_state(gateway) == "deleted")
    routes = box.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert [(each.get("NatGatewayId"), each["State"]) for each in routes] == [(None, "active"), (gateway, "blackhole")]
    assert code(lambda: box.ec2.delete_nat_gateway(NatGatewayId=gateway)) == "NatGatewayNotFound"
    box.ec2.release_address(AllocationId=allocation)
    box.ec2.delete_subnet(SubnetId=subnet)


def test_a_nat_gateway_without_an_internet_gateway_fails(box: Box) -> None:
    allocation = box.address()
    gateway = box.nat(box.subnet(box.vpc()), allocation)
    until(lambda: box.nat_state(gateway) == "failed")
    shown = box.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]
    assert shown["FailureCode"] == "Gateway.NotAttached"
    assert "has no Internet gateway attached" in shown["FailureMessage"]
    box.ec2.release_address(AllocationId=allocation)


def test_a_nat_gateway_whose_address_is_taken_fails(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    box.gateway(vpc)
    allocation = box.address()
    first, second = box.nat(subnet, allocation), box.nat(subnet, allocation)
    until(lambda: box.nat_state(second) == "failed")
    assert box.nat_state(first) == "available"
    shown = box.ec2.describe_nat_gateways(NatGatewayIds=[second])["NatGateways"][0]
    assert shown["FailureCode"] == "Resource.AlreadyAssociated"


def test_the_same_client_token_makes_one_thing(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    box.gateway(vpc)
    allocation = box.address()
    first = box.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation, ClientToken="once")
    again = box.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation, ClientToken="once")
    assert first["NatGateway"]["NatGatewayId"] == again["NatGateway"]["NatGatewayId"]
    one, two = box.run(subnet, ClientToken="once"), box.run(subnet, ClientToken="once")
    assert one == two
    assert code(lambda: box.run(subnet, ClientToken="once", InstanceType="t3.large")) == "IdempotentParameterMismatch"


def test_public_addresses_come_from_the_sandboxs_range(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    box.gateway(vpc)
    allocation = box.address()
    elastic = box.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]["PublicIp"]
    assert elastic == "127.0.1.1"
    box.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    instance = box.run(subnet)
    until(lambda: box.state(instance) == "running")
    assert box.instance(instance)["PublicIpAddress"] == "127.0.1.2"
    until(lambda: instance in box.world.machines)
    assert box.world.networks[vpc].interfaces[0].public_address == "127.0.1.2"
    box.ec2.associate_address(AllocationId=allocation, InstanceId=instance)
    assert box.instance(instance)["PublicIpAddress"] == elastic
    assert box.world.networks[vpc].interfaces[0].public_address == elastic
    box.ec2.stop_instances(InstanceIds=[instance])
    until(lambda: box.state(instance) == "stopped")
    assert box.instance(instance)["PublicIpAddress"] == elastic
    box.ec2.terminate_instances(InstanceIds=[instance])
    until(lambda: box.state(instance) == "terminated")
    assert "AssociationId" not in box.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]
    box.ec2.release_address(AllocationId=allocation)
    assert box.ec2.describe_addresses()["Addresses"] == []


def test_an_automatic_address_goes_with_a_stop(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    box.gateway(vpc)
    instance = box.ec2.run_instances(
        ImageId=AGRAPH,
        InstanceType="t3.medium",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}],
    )["Instances"][0]["InstanceId"]
    before = box.instance(instance)["PublicIpAddress"]
    until(lambda: box.state(instance) == "running")
    box.ec2.stop_instances(InstanceIds=[instance])
    until(lambda: box.state(instance) == "stopped")
    assert "PublicIpAddress" not in box.instance(instance)
    box.ec2.start_instances(InstanceIds=[instance])
    until(lambda: box.state(instance) == "running")
    assert box.instance(instance)["PublicIpAddress"] != before


def test_a_fresh_account_looks_like_one(box: Box) -> None:
    vpcs = box.ec2.describe_vpcs()["Vpcs"]
    assert [(each["CidrBlock"], each["IsDefault"]) for each in vpcs] == [("172.31.0.0/16", True)]
    assert len(box.ec2.describe_internet_gateways()["InternetGateways"]) == 1
    for kind in ("addresses", "key_pairs", "network_interfaces", "volumes", "nat_gateways", "tags"):
        answer = getattr(box.ec2, f"describe_{kind}")()
        answer.pop("ResponseMetadata")
        assert not any(answer.values()), kind
    assert box.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    assert box.iam.list_roles()["Roles"] == []
    assert box.iam.list_users()["Users"] == []
    assert box.s3.list_buckets()["Buckets"] == []
    assert not box.world.networks


def test_a_bucket_made_anew_has_none_of_the_tags_of_the_one_before(box: Box) -> None:
    for attempt in range(2):
        box.s3.create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        assert code(lambda: box.s3.get_bucket_tagging(Bucket="a-bucket")) == "NoSuchTagSet"
        box.s3.put_bucket_tagging(Bucket="a-bucket", Tagging={"TagSet": [{"Key": "Made", "Value": str(attempt)}]})
        box.s3.delete_bucket(Bucket="a-bucket")


def test_a_bucket_that_was_versioned_can_be_emptied(box: Box) -> None:
    bucket = {"Bucket": "a-bucket"}
    box.s3.create_bucket(**bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    box.s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        box.s3.put_object(**bucket, Key="k", Body=b"1")
        box.s3.delete_object(**bucket, Key="k")
    box.s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Suspended"})
    found = box.s3.list_object_versions(**bucket)
    versions = [*found["Versions"], *found["DeleteMarkers"]]
    assert len(versions) == 4
    doomed = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]
    assert "Errors" not in box.s3.delete_objects(**bucket, Delete={"Objects": doomed})
    box.s3.delete_bucket(**bucket)
    assert box.s3.list_buckets()["Buckets"] == []


def test_an_instance_without_a_subnet_goes_to_the_default_vpc(box: Box) -> None:
    made = box.ec2.run_instances(ImageId=AGRAPH, InstanceType="t3.medium", MinCount=1, MaxCount=1)["Instances"][0]
    default = box.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    assert made["VpcId"] == default
    assert ipaddress.IPv4Address(made["PrivateIpAddress"]) in ipaddress.IPv4Network("172.31.0.0/16")
    assert made["NetworkInterfaces"]


def test_status_checks_are_late(box: Box) -> None:
    instance = box.run(box.subnet(box.vpc()))
    until(lambda: box.state(instance) == "running")
    status = box.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]
    assert status["InstanceStatus"]["Status"] == "initializing"


def test_an_instance_that_cannot_be_started_is_terminated_with_the_reason(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def boot(*_: object) -> None:
        raise RuntimeError("There is no room for another node.")

    monkeypatch.setattr(box.world, "boot", boot)
    instance = box.run(box.subnet(box.vpc()))
    until(lambda: box.state(instance) == "terminated")
    assert box.instance(instance)["StateReason"] == {
        "Code": "Server.InternalError",
        "Message": "Server.InternalError: There is no room for another node.",
    }


def test_metadata_options_that_are_not_named_stay(box: Box) -> None:
    instance = box.run(box.subnet(box.vpc()), MetadataOptions={"HttpTokens": "required"})
    box.ec2.modify_instance_metadata_options(InstanceId=instance, HttpPutResponseHopLimit=3)
    options = box.instance(instance)["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 3)


def test_a_dry_run_looks_at_everything(box: Box) -> None:
    launch = {"ImageId": AGRAPH, "InstanceType": "t3.medium", "MinCount": 1, "MaxCount": 1, "DryRun": True}
    assert code(lambda: box.ec2.run_instances(**launch)) == "DryRunOperation"
    assert code(lambda: box.ec2.run_instances(**launch | {"ImageId": "ami-00000000000000000"})) == (
        "InvalidAMIID.NotFound"
    )
    assert code(lambda: box.ec2.run_instances(**launch | {"InstanceType": "t3.huge"})) == "InvalidParameterValue"
    assert box.ec2.describe_instances()["Reservations"] == []


def test_what_is_not_said_of_the_root_disk_is_the_images(box: Box) -> None:
    subnet = box.subnet(box.vpc())

    def disk(**asked: Any) -> dict[str, Any]:
        mappings = [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "VolumeType": "gp3", **asked}}]
        instance = until(lambda: box.instance(box.run(subnet, BlockDeviceMappings=mappings)))
        (shown,) = instance["BlockDeviceMappings"]
        return dict(box.ec2.describe_volumes(VolumeIds=[shown["Ebs"]["VolumeId"]])["Volumes"][0])

    assert [(each["Size"], each["Encrypted"]) for each in (disk(), disk(VolumeSize=20))] == [(8, True), (20, True)]
    assert code(lambda: disk(VolumeSize=4)) == "InvalidBlockDeviceMapping"
