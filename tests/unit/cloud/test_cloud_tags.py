"""Tags as the modules look for them, and the tagging API's leftovers."""

from __future__ import annotations

from typing import Any

from cloud_box import AL2023, Box, code, until

TAGS = [{"Key": "Federation", "Value": "f"}]


def tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS}]


def found(box: Box) -> set[str]:
    pages = box.resourcegroupstaggingapi.get_paginator("get_resources").paginate(
        TagFilters=[{"Key": "Federation", "Values": ["f"]}]
    )
    return {each["ResourceARN"].rpartition(":")[2] for page in pages for each in page["ResourceTagMappingList"]}


def test_resource_types_have_aws_names(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    box.gateway(vpc)
    allocation = box.ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    gateway = box.ec2.create_nat_gateway(
        SubnetId=subnet, AllocationId=allocation, TagSpecifications=tagged("natgateway")
    )["NatGateway"]["NatGatewayId"]
    for kind, identifier in (("elastic-ip", allocation), ("natgateway", gateway)):
        answer = box.ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": [kind]}])["Tags"]
        assert [(each["ResourceId"], each["Value"]) for each in answer] == [(identifier, "f")]
    only = [{"Name": "tag:Federation", "Values": ["f"]}]
    assert box.ec2.describe_nat_gateways(Filter=only)["NatGateways"][0]["NatGatewayId"] == gateway
    other = [{"Name": "tag:Federation", "Values": ["g"]}]
    assert box.ec2.describe_nat_gateways(Filter=other)["NatGateways"] == []
    assert box.ec2.describe_nat_gateways(Filter=[{"Name": "state", "Values": ["deleted"]}])["NatGateways"] == []
    assert box.ec2.describe_addresses(Filters=only)["Addresses"][0]["AllocationId"] == allocation


def test_what_is_gone_has_no_tags(box: Box) -> None:
    vpc = box.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    subnet = box.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", TagSpecifications=tagged("subnet"))
    group = box.ec2.create_security_group(
        GroupName="g", Description="g", VpcId=vpc, TagSpecifications=tagged("security-group")
    )["GroupId"]
    box.ec2.create_key_pair(KeyName="k", TagSpecifications=tagged("key-pair"))
    assert len(box.ec2.describe_tags()["Tags"]) == 4
    box.ec2.delete_key_pair(KeyName="k")
    box.ec2.delete_security_group(GroupId=group)
    box.ec2.delete_subnet(SubnetId=subnet["Subnet"]["SubnetId"])
    box.ec2.delete_vpc(VpcId=vpc)
    assert box.ec2.describe_tags()["Tags"] == []
    assert code(lambda: box.ec2.create_tags(Resources=["nat-00000000000000000"], Tags=TAGS)) == "NatGatewayNotFound"


def test_the_tagging_api_names_what_lives_and_what_died_lately(box: Box) -> None:
    vpc = box.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    subnet = box.subnet(vpc)
    allocation = box.ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    gateway = box.ec2.create_nat_gateway(
        SubnetId=subnet, AllocationId=allocation, TagSpecifications=tagged("natgateway")
    )["NatGateway"]["NatGatewayId"]
    instance = box.run(subnet, TagSpecifications=[*tagged("instance"), *tagged("volume")])
    volume = box.instance(instance)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert found(box) == {
        f"vpc/{vpc}",
        f"elastic-ip/{allocation}",
        f"natgateway/{gateway}",
        f"instance/{instance}",
        f"volume/{volume}",
    }
    until(lambda: box.nat_state(gateway) == "failed")
    box.ec2.terminate_instances(InstanceIds=[instance])
    until(lambda: box.state(instance) == "terminated")
    box.ec2.release_address(AllocationId=allocation)
    assert found(box) == {f"vpc/{vpc}", f"natgateway/{gateway}", f"instance/{instance}"}


def test_amazons_latest_image_is_the_sandboxs(box: Box) -> None:
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    assert box.ssm.get_parameter(Name=name)["Parameter"]["Value"] == AL2023
    image = box.ec2.describe_images(ImageIds=[AL2023])["Images"][0]
    assert image["RootDeviceName"] == "/dev/xvda"
    assert image["Architecture"] == "x86_64"
    assert image["Name"].startswith("al2023-ami-2023.")
    assert box.ec2.describe_images(Owners=["amazon"])["Images"]
    assert box.ec2.describe_images(Owners=["self"])["Images"] == []


def test_a_launch_tags_the_interface_that_it_makes_and_no_other(box: Box) -> None:
    subnet = box.subnet(box.vpc())
    mark = [{"Key": "Federation", "Value": "agraph"}]
    asked = {"TagSpecifications": [{"ResourceType": "network-interface", "Tags": mark}]}
    instance = box.run(subnet, **asked)

    def tags_of(interface: str) -> Any:
        return box.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]["TagSet"]

    made = box.instance(instance)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert tags_of(made) == mark
    other = box.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    given = [{"DeviceIndex": 0, "NetworkInterfaceId": other}]
    launch = {"ImageId": AL2023, "InstanceType": "t3.medium", "MinCount": 1, "MaxCount": 1}
    box.ec2.run_instances(**launch, NetworkInterfaces=given, **asked)
    assert tags_of(other) == []
    box.ec2.terminate_instances(InstanceIds=[instance])
    until(lambda: box.state(instance) == "terminated")
    assert made not in {each["ResourceId"] for each in box.ec2.describe_tags()["Tags"]}
