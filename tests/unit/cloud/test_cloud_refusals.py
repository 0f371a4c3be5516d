"""What AWS refuses, so that order matters: each with AWS's code."""

from __future__ import annotations

import json

import pytest
from cloud_box import AL2023, Box, code, until

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}
)
MANAGED = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


def test_an_internet_gateway_stays_while_a_public_address_is_mapped(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    internet = box.gateway(vpc)
    instance = box.run(subnet)
    until(lambda: box.state(instance) == "running")
    allocation = box.address()
    association = box.ec2.associate_address(AllocationId=allocation, InstanceId=instance)["AssociationId"]
    detach = {"InternetGatewayId": internet, "VpcId": vpc}
    assert code(lambda: box.ec2.detach_internet_gateway(**detach)) == "DependencyViolation"
    assert code(lambda: box.ec2.release_address(AllocationId=allocation)) == "InvalidIPAddress.InUse"
    box.ec2.disassociate_address(AssociationId=association)
    box.ec2.detach_internet_gateway(**detach)
    assert code(lambda: box.ec2.detach_internet_gateway(**detach)) == "Gateway.NotAttached"
    box.ec2.delete_internet_gateway(InternetGatewayId=internet)
    again = code(lambda: box.ec2.delete_internet_gateway(InternetGatewayId=internet))
    assert again == "InvalidInternetGatewayID.NotFound"


def test_an_internet_gateway_stays_while_a_nat_gateway_has_an_address(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    internet = box.gateway(vpc)
    allocation = box.address()
    gateway = box.nat(subnet, allocation)
    association = box.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]["AssociationId"]
    assert code(lambda: box.ec2.disassociate_address(AssociationId=association)) == "AuthFailure"
    box.ec2.delete_nat_gateway(NatGatewayId=gateway)
    detach = {"InternetGatewayId": internet, "VpcId": vpc}
    assert code(lambda: box.ec2.detach_internet_gateway(**detach)) == "DependencyViolation"
    until(lambda: box.nat_state(gateway) == "deleted")
    box.ec2.detach_internet_gateway(**detach)


def test_internet_gateways_are_attached_once(box: Box) -> None:
    vpc = box.vpc()
    internet = box.gateway(vpc)
    other = box.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    assert code(lambda: box.ec2.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)) == (
        "Resource.AlreadyAssociated"
    )
    assert code(lambda: box.ec2.attach_internet_gateway(InternetGatewayId=other, VpcId=vpc)) == "InvalidParameterValue"
    assert code(lambda: box.ec2.delete_internet_gateway(InternetGatewayId=internet)) == "DependencyViolation"


def test_a_vpc_stays_while_there_is_anything_in_it(box: Box) -> None:
    vpc = box.vpc()

    def refused() -> bool:
        return code(lambda: box.ec2.delete_vpc(VpcId=vpc)) == "DependencyViolation"

    subnet = box.subnet(vpc)
    assert refused()
    box.ec2.delete_subnet(SubnetId=subnet)
    internet = box.gateway(vpc)
    assert refused()
    box.ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    table = box.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    assert refused()
    box.ec2.delete_route_table(RouteTableId=table)
    group = box.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    assert refused()
    box.ec2.delete_security_group(GroupId=group)
    box.ec2.delete_vpc(VpcId=vpc)
    only = [{"Name": "vpc-id", "Values": [vpc]}]
    assert not box.ec2.describe_security_groups(Filters=only)["SecurityGroups"]
    assert not box.ec2.describe_route_tables(Filters=only)["RouteTables"]
    assert not box.ec2.describe_network_acls(Filters=only)["NetworkAcls"]
    assert code(lambda: box.ec2.delete_vpc(VpcId=vpc)) == "InvalidVpcID.NotFound"
    assert code(lambda: box.ec2.describe_vpcs(VpcIds=[vpc])) == "InvalidVpcID.NotFound"


def test_a_subnet_stays_while_an_interface_stands_in_it(box: Box) -> None:
    subnet = box.subnet(box.vpc())
    eni = box.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    assert code(lambda: box.ec2.delete_subnet(SubnetId=subnet)) == "DependencyViolation"
    box.ec2.delete_network_interface(NetworkInterfaceId=eni)
    box.ec2.delete_subnet(SubnetId=subnet)
    assert code(lambda: box.ec2.delete_subnet(SubnetId=subnet)) == "InvalidSubnetID.NotFound"


def test_a_security_group_stays_while_an_interface_has_it(box: Box) -> None:
    vpc = box.vpc()
    group = box.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    instance = box.run(box.subnet(vpc), SecurityGroupIds=[group])
    assert box.instance(instance)["SecurityGroups"] == [{"GroupId": group, "GroupName": "g"}]
    assert code(lambda: box.ec2.delete_security_group(GroupId=group)) == "DependencyViolation"
    box.ec2.terminate_instances(InstanceIds=[instance])
    assert code(lambda: box.ec2.delete_security_group(GroupId=group)) == "DependencyViolation"
    until(lambda: box.state(instance) == "terminated")
    box.ec2.delete_security_group(GroupId=group)
    assert code(lambda: box.ec2.delete_security_group(GroupId=group)) == "InvalidGroup.NotFound"


def test_a_security_group_stays_while_another_ones_rule_names_it(box: Box) -> None:
    vpc = box.vpc()
    one = box.ec2.create_security_group(GroupName="one", Description="g", VpcId=vpc)["GroupId"]
    two = box.ec2.create_security_group(GroupName="two", Description="g", VpcId=vpc)["GroupId"]
    everything = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": one}]}]
    box.ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=everything)
    box.ec2.authorize_security_group_ingress(GroupId=two, IpPermissions=everything)
    assert code(lambda: box.ec2.delete_security_group(GroupId=one)) == "DependencyViolation"
    again = code(lambda: box.ec2.authorize_security_group_ingress(GroupId=two, IpPermissions=everything))
    assert again == "InvalidPermission.Duplicate"
    box.ec2.revoke_security_group_ingress(GroupId=two, IpPermissions=everything)
    box.ec2.delete_security_group(GroupId=one)


def test_groups_that_cannot_be(box: Box) -> None:
    vpc = box.vpc()
    default = box.ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"][0]
    assert default["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == default["GroupId"]
    assert code(lambda: box.ec2.delete_security_group(GroupId=default["GroupId"])) == "CannotDelete"
    make = {"GroupName": "g", "Description": "g", "VpcId": vpc}
    box.ec2.create_security_group(**make)
    assert code(lambda: box.ec2.create_security_group(**make)) == "InvalidGroup.Duplicate"
    assert code(lambda: box.ec2.create_security_group(**make | {"GroupName": "sg-1"})) == "InvalidParameterValue"
    assert code(lambda: box.ec2.create_security_group(**make | {"GroupName": "x" * 256})) == "InvalidParameterValue"
    assert code(lambda: box.ec2.create_security_group(**make | {"VpcId": "vpc-0"})) == "InvalidVpcID.NotFound"


def test_a_route_table_stays_while_associated(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    table = box.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    other = box.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    association = box.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    assert code(lambda: box.ec2.associate_route_table(RouteTableId=other, SubnetId=subnet)) == (
        "Resource.AlreadyAssociated"
    )
    assert code(lambda: box.ec2.delete_route_table(RouteTableId=table)) == "DependencyViolation"
    box.ec2.disassociate_route_table(AssociationId=association)
    box.ec2.delete_route_table(RouteTableId=table)
    box.ec2.associate_route_table(RouteTableId=other, SubnetId=subnet)
    box.ec2.delete_subnet(SubnetId=subnet)
    box.ec2.delete_route_table(RouteTableId=other)
    main = box.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]
    assert code(lambda: box.ec2.delete_route_table(RouteTableId=main["RouteTableId"])) == "DependencyViolation"
    association = main["Associations"][0]["RouteTableAssociationId"]
    assert code(lambda: box.ec2.disassociate_route_table(AssociationId=association)) == "InvalidParameterValue"


def test_routes_lead_to_what_is_there(box: Box) -> None:
    vpc = box.vpc()
    internet = box.gateway(vpc)
    table = box.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    default = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    stranger = box.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    assert code(lambda: box.ec2.create_route(**default, GatewayId=stranger)) == "InvalidParameterValue"
    assert code(lambda: box.ec2.create_route(**default, GatewayId="igw-0")) == "InvalidInternetGatewayID.NotFound"
    assert code(lambda: box.ec2.create_route(**default, NatGatewayId="nat-0")) == "InvalidNatGatewayID.NotFound"
    box.ec2.create_route(**default, GatewayId=internet)
    assert code(lambda: box.ec2.create_route(**default, GatewayId=internet)) == "RouteAlreadyExists"
    box.ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    routes = box.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert [each["State"] for each in routes] == ["active", "blackhole"]
    local = {"RouteTableId": table, "DestinationCidrBlock": "10.0.0.0/16"}
    assert code(lambda: box.ec2.delete_route(**local)) == "InvalidParameterValue"


def test_an_unknown_id_makes_a_whole_batch_fail(box: Box) -> None:
    instance = box.run(box.subnet(box.vpc()))
    batch = [instance, "i-00000000000000000"]
    assert code(lambda: box.ec2.terminate_instances(InstanceIds=batch)) == "InvalidInstanceID.NotFound"
    assert box.state(instance) in ("pending", "running")
    assert code(lambda: box.ec2.terminate_instances(InstanceIds=["no"])) == "InvalidInstanceID.Malformed"


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "al2023"}, "InvalidAMIID.Malformed"),
        ({"KeyName": "nobody"}, "InvalidKeyPair.NotFound"),
        ({"InstanceType": "t3.enormous"}, "InvalidParameterValue"),
        ({"SecurityGroupIds": ["sg-00000000000000000"]}, "InvalidGroup.NotFound"),
        ({"SubnetId": "subnet-00000000000000000"}, "InvalidSubnetID.NotFound"),
        ({"IamInstanceProfile": {"Name": "nobody"}}, "InvalidParameterValue"),
    ],
)
def test_launches_that_cannot_be(box: Box, asked: dict[str, object], refused: str) -> None:
    subnet = box.subnet(box.vpc())
    launch = {"ImageId": AL2023, "InstanceType": "t3.medium", "SubnetId": subnet, "MinCount": 1, "MaxCount": 1}
    assert code(lambda: box.ec2.run_instances(**launch | asked)) == refused
    assert box.ec2.describe_instances()["Reservations"] == []


def test_a_group_of_another_vpc_does_not_fit(box: Box) -> None:
    group = box.ec2.create_security_group(GroupName="g", Description="g", VpcId=box.vpc())["GroupId"]
    subnet = box.subnet(box.vpc())
    assert code(lambda: box.run(subnet, SecurityGroupIds=[group])) == "InvalidParameter"


@pytest.mark.parametrize(
    ("cidr", "refused"),
    [
        ("10.1.0.0/24", "InvalidSubnet.Range"),
        ("10.0.0.0/29", "InvalidSubnet.Range"),
        ("ten", "InvalidParameterValue"),
        ("10.0.0.128/25", "InvalidSubnet.Conflict"),
    ],
)
def test_subnets_that_cannot_be(box: Box, cidr: str, refused: str) -> None:
    vpc = box.vpc()
    box.subnet(vpc)
    assert code(lambda: box.subnet(vpc, cidr)) == refused


def test_subnets_are_of_this_region_and_not_public_by_themselves(box: Box) -> None:
    vpc = box.vpc("10.0.0.1/16")
    subnet = box.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.7/24")["Subnet"]
    assert subnet["CidrBlock"] == "10.0.1.0/24"
    assert subnet["AvailabilityZone"].startswith("us-west-2")
    assert not subnet["MapPublicIpOnLaunch"]
    assert not subnet["DefaultForAz"]
    other = {"VpcId": vpc, "CidrBlock": "10.0.2.0/24", "AvailabilityZone": "eu-west-1a"}
    assert code(lambda: box.ec2.create_subnet(**other)) == "InvalidParameterValue"


def test_addresses_are_mapped_where_they_can_be(box: Box) -> None:
    vpc = box.vpc()
    subnet = box.subnet(vpc)
    first = box.address()
    instance = box.run(subnet)
    mapping = {"AllocationId": first, "InstanceId": instance}
    assert code(lambda: box.ec2.associate_address(**mapping)) == "IncorrectInstanceState"
    until(lambda: box.state(instance) == "running")
    assert code(lambda: box.ec2.associate_address(**mapping)) == "Gateway.NotAttached"
    box.gateway(vpc)
    box.ec2.associate_address(**mapping)
    other = box.run(subnet)
    until(lambda: box.state(other) == "running")
    taken = {"AllocationId": first, "InstanceId": other, "AllowReassociation": False}
    assert code(lambda: box.ec2.associate_address(**taken)) == "Resource.AlreadyAssociated"
    unknown = {"AllocationId": "eipalloc-0", "InstanceId": other}
    assert code(lambda: box.ec2.associate_address(**unknown)) == "InvalidAllocationID.NotFound"
    assert code(lambda: box.ec2.release_address(AllocationId="eipalloc-0")) == "InvalidAllocationID.NotFound"


def test_an_interface_in_use_is_not_deleted(box: Box) -> None:
    instance = box.run(box.subnet(box.vpc()))
    eni = box.instance(instance)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert code(lambda: box.ec2.delete_network_interface(NetworkInterfaceId=eni)) == "InvalidParameterValue"


def test_states_from_which_nothing_starts(box: Box) -> None:
    instance = box.run(box.subnet(box.vpc()))
    box.ec2.terminate_instances(InstanceIds=[instance])
    assert code(lambda: box.ec2.start_instances(InstanceIds=[instance])) == "IncorrectInstanceState"
    assert code(lambda: box.ec2.stop_instances(InstanceIds=[instance])) == "IncorrectInstanceState"


def test_iam_conflicts(box: Box) -> None:
    box.iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    box.iam.attach_role_policy(RoleName="r", PolicyArn=MANAGED)
    assert code(lambda: box.iam.delete_role(RoleName="r")) == "DeleteConflict"
    box.iam.detach_role_policy(RoleName="r", PolicyArn=MANAGED)
    box.iam.create_instance_profile(InstanceProfileName="p")
    box.iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="r")
    assert code(lambda: box.iam.delete_role(RoleName="r")) == "DeleteConflict"
    assert code(lambda: box.iam.delete_instance_profile(InstanceProfileName="p")) == "DeleteConflict"
    second = code(lambda: box.iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="r"))
    assert second == "LimitExceeded"
    box.iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="r")
    again = code(lambda: box.iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="r"))
    assert again == "NoSuchEntity"
    box.iam.delete_instance_profile(InstanceProfileName="p")
    box.iam.put_role_policy(RoleName="r", PolicyName="own", PolicyDocument=POLICY)
    assert code(lambda: box.iam.delete_role(RoleName="r")) == "DeleteConflict"
    box.iam.delete_role_policy(RoleName="r", PolicyName="own")
    box.iam.delete_role(RoleName="r")
    assert code(lambda: box.iam.delete_role(RoleName="r")) == "NoSuchEntity"


@pytest.mark.parametrize("kind", ["instance_profile", "role", "user", "group", "policy"])
def test_iam_lists_what_lies_under_a_path(box: Box, kind: str) -> None:
    noun = kind.title().replace("_", "")
    more = {"role": {"AssumeRolePolicyDocument": TRUST}, "policy": {"PolicyDocument": POLICY}}.get(kind, {})
    for path in ("/ours/", "/ours/deeper/", "/theirs/", "/"):
        name = f"of{path.replace('/', '-')}"
        getattr(box.iam, f"create_{kind}")(**{f"{noun}Name": name, "Path": path}, **more)
    plural = "policies" if kind == "policy" else f"{kind}s"

    def listed(**asked: str) -> set[str]:
        answer = getattr(box.iam, f"list_{plural}")(**({"Scope": "Local"} if kind == "policy" else {}), **asked)
        assert not answer["IsTruncated"]
        return {each["Path"] for each in answer[plural.title().replace("_", "")]}

    assert listed(PathPrefix="/ours/") == {"/ours/", "/ours/deeper/"}
    assert listed(PathPrefix="/the") == {"/theirs/"}
    assert listed(PathPrefix="/nobodys/") == set()
    assert listed() == {"/ours/", "/ours/deeper/", "/theirs/", "/"}


@pytest.mark.parametrize("name", ["a b", "x" * 65, "größe"])
def test_role_names_that_iam_does_not_take(box: Box, name: str) -> None:
    make = {"RoleName": name, "AssumeRolePolicyDocument": TRUST}
    assert code(lambda: box.iam.create_role(**make)) == "ValidationError"


def test_other_names_that_iam_does_not_take(box: Box) -> None:
    bad = {"RoleName": "r", "AssumeRolePolicyDocument": TRUST, "Path": "no-slash"}
    assert code(lambda: box.iam.create_role(**bad)) == "ValidationError"
    assert code(lambda: box.iam.create_instance_profile(InstanceProfileName="a b")) == "ValidationError"


def test_a_profile_is_unknown_to_ec2_for_a_while(box: Box) -> None:
    slow = type(box.cloud.context.latency)(instance_profile_propagation=0.3, instance_pending=0.01)
    box.cloud.context.latency = slow
    subnet = box.subnet(box.vpc())
    box.iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    box.iam.create_instance_profile(InstanceProfileName="p")
    box.iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="r")
    box.iam.get_waiter("instance_profile_exists").wait(InstanceProfileName="p")
    assert code(lambda: box.run(subnet, IamInstanceProfile={"Name": "p"})) == "InvalidParameterValue"

    def launched() -> str | None:
        try:
            return box.run(subnet, IamInstanceProfile={"Name": "p"})
        except box.ec2.exceptions.ClientError as refused:
            assert "Invalid IAM Instance Profile name" in str(refused)
            return None

    instance = until(launched)
    assert box.instance(instance)["IamInstanceProfile"]["Arn"].endswith(":instance-profile/p")


def test_a_bucket_with_objects_stays(box: Box) -> None:
    here = {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
    box.s3.create_bucket(Bucket="a-bucket", **here)
    box.s3.put_object(Bucket="a-bucket", Key="a/b", Body=b"x")
    assert code(lambda: box.s3.delete_bucket(Bucket="a-bucket")) == "BucketNotEmpty"
    assert code(lambda: box.s3.create_bucket(Bucket="a-bucket", **here)) == "BucketAlreadyOwnedByYou"
    assert code(lambda: box.s3.create_bucket(Bucket="A_Bucket", **here)) == "InvalidBucketName"
    box.s3.delete_object(Bucket="a-bucket", Key="a/b")
    box.s3.delete_bucket(Bucket="a-bucket")
    assert code(lambda: box.s3.delete_bucket(Bucket="a-bucket")) == "NoSuchBucket"
