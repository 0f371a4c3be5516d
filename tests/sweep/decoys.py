"""What is in the account besides the federation: much like it, and none of it ours."""

from __future__ import annotations

from typing import Any

from harness import Sandbox

ACCOUNT = "123456789012"
TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", '
    '"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
)


def tagged(kind: str, **tags: str) -> list[dict[str, Any]]:
    """Return the tags of a thing that is created."""
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def plant(sandbox: Sandbox, federation: str) -> None:
    """Put them there, and wait until they no longer change by themselves."""
    ec2 = sandbox.client("ec2")
    _network(ec2, "other", {"Federation": "other"})
    # Our own names, and not our tags.
    _network(ec2, federation, {})
    someone = _network(ec2, "someone", {"Owner": "someone"})
    theirs: list[Any] = [{"Name": "vpc-id", "Values": [someone]}]
    # What was just created may be unknown to a describe for a moment.
    ec2.get_waiter("subnet_available").wait(Filters=theirs, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    (subnet,) = ec2.describe_subnets(Filters=theirs)["Subnets"]
    (image,) = ec2.describe_images(ImageIds=["ami-0a12023000000002"])["Images"]
    ec2.create_network_interface(SubnetId=subnet["SubnetId"])
    (instance,) = ec2.run_instances(
        ImageId=image["ImageId"],
        InstanceType="t3.micro",
        SubnetId=subnet["SubnetId"],
        MinCount=1,
        MaxCount=1,
        TagSpecifications=tagged("instance", Name=f"{federation}-manager"),
    )["Instances"]
    ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", Name=f"{federation}-nat-address"))
    ec2.create_key_pair(KeyName=f"{federation}-sweep-2", TagSpecifications=tagged("key-pair", Federation="other"))
    _others(sandbox, federation)
    ec2.get_waiter("instance_status_ok").wait(
        InstanceIds=[instance["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def _network(ec2: Any, name: str, tags: dict[str, str]) -> str:
    """Make a VPC with a subnet, a gateway and a security group, and return its id."""
    vpc: str = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", Name=f"{name}-vpc", **tags))[
        "Vpc"
    ]["VpcId"]
    ec2.create_subnet(
        VpcId=vpc,
        CidrBlock="10.0.0.0/24",
        TagSpecifications=tagged("subnet", Name=f"{name}-public-subnet", **tags),
    )
    gateway = ec2.create_internet_gateway(
        TagSpecifications=tagged("internet-gateway", Name=f"{name}-internet-gateway", **tags)
    )["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table", Name=f"{name}-public-routes", **tags))
    ec2.create_security_group(
        GroupName=f"{name}-manager-group",
        Description="Somebody else's",
        VpcId=vpc,
        TagSpecifications=tagged("security-group", Name=f"{name}-manager-group", **tags),
    )
    return vpc


def _others(sandbox: Sandbox, federation: str) -> None:
    """Make what lies outside of EC2: identities, a bucket, a lease."""
    iam, s3, ssm = (sandbox.client(name) for name in ("iam", "s3", "ssm"))
    # A path that begins with ours is not ours.
    for path, name in (("/other/", "other"), (f"/{federation}-2/", f"{federation}-2"), ("/", f"{federation}-x")):
        iam.create_role(Path=path, RoleName=f"{name}-node-role", AssumeRolePolicyDocument=TRUST)
        iam.create_instance_profile(Path=path, InstanceProfileName=f"{name}-node-profile")
        iam.add_role_to_instance_profile(InstanceProfileName=f"{name}-node-profile", RoleName=f"{name}-node-role")
    for name in ("other", f"{federation}-2"):
        s3.create_bucket(
            Bucket=f"{name}-ssm-{ACCOUNT}", CreateBucketConfiguration={"LocationConstraint": sandbox.state["region"]}
        )
        ssm.put_parameter(Name=f"/{name}/lease", Value="{}", Type="String")
        ssm.put_parameter(
            Name=f"/{name}/reader", Value="theirs", Type="SecureString", Tags=tagged("", Federation=name)[0]["Tags"]
        )
    ssm.put_parameter(Name=f"/{federation}/theirs", Value="theirs", Type="SecureString")
