"""What an IAM user or a role may do: each case with what is allowed, and what must be denied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_box import AL2023, Box, code
from cloud_users import ACCOUNT, EC2, EC2_TRUST, EVERYTHING, Ann, allow, deny, document, tags

DENIED = {"ec2": "UnauthorizedOperation", "ssm": "AccessDeniedException"}


def test_who_has_no_policy_may_do_nothing(box: Box) -> None:
    ann = Ann(box)
    calls: dict[str, Callable[[Any], Any]] = {
        "ec2": lambda client: client.describe_vpcs(),
        "iam": lambda client: client.list_roles(),
        "ssm": lambda client: client.describe_parameters(),
        "s3": lambda client: client.list_buckets(),
        "resourcegroupstaggingapi": lambda client: client.get_resources(),
    }
    wanted = {"resourcegroupstaggingapi": "AccessDeniedException", **DENIED}
    for service, call in calls.items():
        assert code(lambda: call(ann.client(service))) == wanted.get(service, "AccessDenied")  # noqa: B023  called now
    assert ann.client("sts").get_caller_identity()["Arn"].endswith(":user/ann"), "which needs no permission"
    ann.may(EVERYTHING)
    for service, call in calls.items():
        call(ann.client(service))


def test_the_refusal_says_who_what_and_why(box: Box) -> None:
    ann = Ann(box, EVERYTHING, deny("ec2:CreateVpc"))
    with pytest.raises(ClientError) as refused:
        ann.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    error = refused.value.response["Error"]
    assert error["Message"] == (
        f"You are not authorized to perform this operation. User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized "
        f"to perform: ec2:CreateVpc on resource: {EC2}:vpc/* with an explicit deny in an identity-based policy"
    )
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert box.calls()[-1]["error"] == "UnauthorizedOperation"
    ann.may(allow("ec2:Describe*"))
    with pytest.raises(ClientError) as refused:
        ann.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=EC2_TRUST)
    assert refused.value.response["Error"]["Message"] == (
        f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: iam:CreateRole on resource: "
        f"arn:aws:iam::{ACCOUNT}:role/r because no identity-based policy allows the iam:CreateRole action"
    )


def test_the_account_itself_may_do_everything(box: Box) -> None:
    box.vpc()
    box.iam.create_role(RoleName="r", AssumeRolePolicyDocument=EC2_TRUST)


def test_policies_come_inline_attached_and_by_group(box: Box) -> None:
    ann = Ann(box)
    ec2 = ann.client("ec2")
    assert code(ec2.describe_vpcs) == "UnauthorizedOperation"
    arn = box.iam.create_policy(PolicyName="m", PolicyDocument=document(allow("ec2:DescribeVpcs")))["Policy"]["Arn"]
    box.iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    ec2.describe_vpcs()
    assert code(ec2.describe_subnets) == "UnauthorizedOperation"
    box.iam.create_group(GroupName="g")
    box.iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=document(allow("ec2:DescribeSubnets")))
    assert code(ec2.describe_subnets) == "UnauthorizedOperation", "not in the group yet"
    box.iam.add_user_to_group(GroupName="g", UserName="ann")
    ec2.describe_subnets()
    assert code(ec2.describe_instances) == "UnauthorizedOperation"
    box.iam.attach_group_policy(GroupName="g", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess")
    ec2.describe_instances()
    newer = box.iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=document(deny("ec2:DescribeInstances")), SetAsDefault=True
    )
    assert newer["PolicyVersion"]["IsDefaultVersion"]
    assert code(ec2.describe_instances) == "UnauthorizedOperation", "a denial wins, wherever it comes from"


def test_dry_runs_tell(box: Box) -> None:
    ann = Ann(box, allow("ec2:CreateVpc"))
    ec2 = ann.client("ec2")
    assert code(lambda: ec2.create_vpc(CidrBlock="10.0.0.0/16", DryRun=True)) == "DryRunOperation"
    assert code(lambda: ec2.create_internet_gateway(DryRun=True)) == "UnauthorizedOperation"
    assert len(box.ec2.describe_vpcs()["Vpcs"]) == 1


def test_regions(box: Box) -> None:
    ann = Ann(box, allow("ec2:*", StringEquals={"aws:RequestedRegion": "us-west-2"}))
    ann.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    east = ann.client("ec2", region="us-east-1")
    assert code(lambda: east.create_vpc(CidrBlock="10.0.0.0/16")) == "UnauthorizedOperation"
    assert code(east.describe_vpcs) == "UnauthorizedOperation"


def test_resources_by_their_arn(box: Box) -> None:
    mine, other = box.vpc(), box.vpc()
    ann = Ann(box, allow("ec2:DeleteVpc", f"{EC2}:vpc/{mine}"))
    assert code(lambda: ann.client("ec2").delete_vpc(VpcId=other)) == "UnauthorizedOperation"
    ann.client("ec2").delete_vpc(VpcId=mine)


def test_all_resources_of_a_request_must_be_allowed(box: Box) -> None:
    mine, other = box.vpc(), box.vpc("10.1.0.0/16")
    ann = Ann(box, allow("ec2:CreateSubnet", [f"{EC2}:subnet/*", f"{EC2}:vpc/{mine}"]))
    ec2 = ann.client("ec2")
    ec2.create_subnet(VpcId=mine, CidrBlock="10.0.0.0/24")
    assert code(lambda: ec2.create_subnet(VpcId=other, CidrBlock="10.1.0.0/24")) == "UnauthorizedOperation"


def test_tags_that_are_asked_for(box: Box) -> None:
    ann = Ann(
        box,
        allow("ec2:CreateVpc", StringEquals={"aws:RequestTag/Federation": "agraph"}),
        allow("ec2:CreateTags", f"{EC2}:vpc/*", StringEquals={"ec2:CreateAction": "CreateVpc"}),
    )
    ec2 = ann.client("ec2")
    make = {"CidrBlock": "10.0.0.0/16"}
    assert code(lambda: ec2.create_vpc(**make)) == "UnauthorizedOperation", "no tag"
    other = tags("vpc", Federation="other")
    assert code(lambda: ec2.create_vpc(**make, TagSpecifications=other)) == "UnauthorizedOperation"
    vpc = ec2.create_vpc(**make, TagSpecifications=tags("vpc", Federation="agraph"))["Vpc"]["VpcId"]
    later = {"Resources": [vpc], "Tags": [{"Key": "Name", "Value": "x"}]}
    assert code(lambda: ec2.create_tags(**later)) == "UnauthorizedOperation", "only while creating"


def test_creating_with_tags_needs_the_permission_to_tag(box: Box) -> None:
    ann = Ann(box, allow("ec2:CreateVpc"))
    ec2 = ann.client("ec2")
    tagged = {"CidrBlock": "10.0.0.0/16", "TagSpecifications": tags("vpc", Name="x")}
    assert code(lambda: ec2.create_vpc(**tagged)) == "UnauthorizedOperation"
    ec2.create_vpc(CidrBlock="10.0.0.0/16")


def test_tag_keys(box: Box) -> None:
    only: dict[str, Any] = {"ForAllValues:StringEquals": {"aws:TagKeys": ["Name", "Federation"]}}
    ann = Ann(box, allow("ec2:CreateTags", **only))
    vpc = box.vpc()
    ec2 = ann.client("ec2")
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "x"}])
    more = [{"Key": "Name", "Value": "x"}, {"Key": "Cost", "Value": "y"}]
    assert code(lambda: ec2.create_tags(Resources=[vpc], Tags=more)) == "UnauthorizedOperation"


@pytest.mark.parametrize("key", ["aws:ResourceTag/Federation", "ec2:ResourceTag/Federation"])
def test_tags_that_a_resource_has(box: Box, key: str) -> None:
    subnet = box.subnet(box.vpc())
    mine = box.run(subnet, TagSpecifications=tags("instance", Federation="agraph"))
    other = box.run(subnet)
    ann = Ann(box, allow("ec2:TerminateInstances", StringEquals={key: "agraph"}))
    ec2 = ann.client("ec2")
    assert code(lambda: ec2.terminate_instances(InstanceIds=[other])) == "UnauthorizedOperation"
    assert code(lambda: ec2.terminate_instances(InstanceIds=[mine, other])) == "UnauthorizedOperation"
    ec2.terminate_instances(InstanceIds=[mine])


def test_launches_are_asked_about_everything_they_use(box: Box) -> None:
    subnet = box.subnet(box.vpc())
    launch = {"ImageId": AL2023, "InstanceType": "t3.medium", "SubnetId": subnet, "MinCount": 1, "MaxCount": 1}
    kinds = ["instance/*", "volume/*", "network-interface/*", f"subnet/{subnet}"]
    resources = [f"{EC2}:{kind}" for kind in kinds] + [f"arn:aws:ec2:us-west-2::image/{AL2023}"]
    ann = Ann(box, allow("ec2:RunInstances", resources))
    ec2 = ann.client("ec2")
    ec2.run_instances(**launch)
    for left_out in resources:
        ann.may(allow("ec2:RunInstances", [each for each in resources if each != left_out]))
        assert code(lambda: ec2.run_instances(**launch)) == "UnauthorizedOperation", left_out
    ann.may(
        allow("ec2:RunInstances", resources[1:]),
        allow("ec2:RunInstances", resources[0], StringEquals={"ec2:InstanceType": "t3.medium"}),
    )
    ec2.run_instances(**launch)
    assert code(lambda: ec2.run_instances(**launch | {"InstanceType": "t3.large"})) == "UnauthorizedOperation"


def test_roles_are_passed_only_where_that_is_allowed(box: Box) -> None:
    for name in ("mine", "other"):
        box.iam.create_role(RoleName=name, Path="/ours/", AssumeRolePolicyDocument=EC2_TRUST)
        box.iam.create_instance_profile(InstanceProfileName=name)
        box.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    subnet = box.subnet(box.vpc())
    role = f"arn:aws:iam::{ACCOUNT}:role/ours/mine"
    ann = Ann(box, allow("ec2:*"))
    ec2 = ann.client("ec2")

    def launch(profile: str) -> Any:
        return ec2.run_instances(
            ImageId=AL2023,
            InstanceType="t3.medium",
            SubnetId=subnet,
            MinCount=1,
            MaxCount=1,
            IamInstanceProfile={"Name": profile},
        )

    assert code(lambda: launch("mine")) == "UnauthorizedOperation"
    ann.may(allow("ec2:*"), allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "ec2.amazonaws.com"}))
    launch("mine")
    assert code(lambda: launch("other")) == "UnauthorizedOperation"
    ann.may(allow("ec2:*"), allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "ecs.amazonaws.com"}))
    assert code(lambda: launch("mine")) == "UnauthorizedOperation"
    ann.may(allow("iam:*InstanceProfile*"))
    into = {"InstanceProfileName": "other", "RoleName": "other"}
    box.iam.remove_role_from_instance_profile(**into)
    assert code(lambda: ann.client("iam").add_role_to_instance_profile(**into)) == "AccessDenied"


def test_iam_by_path(box: Box) -> None:
    ann = Ann(box, allow("iam:*", f"arn:aws:iam::{ACCOUNT}:role/ours/*"))
    iam = ann.client("iam")
    iam.create_role(RoleName="r", Path="/ours/", AssumeRolePolicyDocument=EC2_TRUST)
    iam.get_role(RoleName="r")
    iam.list_roles(PathPrefix="/ours/")
    assert code(iam.list_roles) == "AccessDenied"
    elsewhere = {"RoleName": "s", "AssumeRolePolicyDocument": EC2_TRUST}
    assert code(lambda: iam.create_role(**elsewhere)) == "AccessDenied"
    box.iam.create_role(**elsewhere)
    assert code(lambda: iam.delete_role(RoleName="s")) == "AccessDenied"
    iam.delete_role(RoleName="r")


def test_which_policies_may_be_attached(box: Box) -> None:
    managed = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    ann = Ann(box, allow("iam:AttachRolePolicy", ArnEquals={"iam:PolicyARN": managed}))
    box.iam.create_role(RoleName="r", AssumeRolePolicyDocument=EC2_TRUST)
    iam = ann.client("iam")
    iam.attach_role_policy(RoleName="r", PolicyArn=managed)
    more = {"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    assert code(lambda: iam.attach_role_policy(**more)) == "AccessDenied"


def test_tags_of_a_role_and_of_who_asks(box: Box) -> None:
    for name in ("agraph", "other"):
        mark = [{"Key": "Federation", "Value": name}]
        box.iam.create_role(RoleName=name, AssumeRolePolicyDocument=EC2_TRUST, Tags=mark)
    ann = Ann(
        box, allow("iam:DeleteRole", StringEquals={"aws:ResourceTag/Federation": "${aws:PrincipalTag/Federation}"})
    )
    iam = ann.client("iam")
    assert code(lambda: iam.delete_role(RoleName="agraph")) == "AccessDenied"
    box.iam.tag_user(UserName="ann", Tags=[{"Key": "Federation", "Value": "agraph"}])
    assert code(lambda: iam.delete_role(RoleName="other")) == "AccessDenied"
    iam.delete_role(RoleName="agraph")


def test_a_user_and_her_own_keys(box: Box) -> None:
    box.iam.create_user(UserName="bob")
    own = allow("iam:*AccessKey*", f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")
    iam = Ann(box, own).client("iam")
    iam.list_access_keys()
    iam.list_access_keys(UserName="ann")
    assert code(lambda: iam.list_access_keys(UserName="bob")) == "AccessDenied"


def test_buckets_and_objects(box: Box) -> None:
    here = {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
    for name in ("a-bucket", "b-bucket"):
        box.s3.create_bucket(Bucket=name, **here)
    ann = Ann(
        box,
        allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::a-bucket/ann/*"),
        allow("s3:ListBucket", "arn:aws:s3:::a-bucket", StringLike={"s3:prefix": "ann/*"}),
    )
    s3 = ann.client("s3")
    mine, other = {"Bucket": "a-bucket", "Key": "ann/k"}, {"Bucket": "a-bucket", "Key": "bob/k"}
    s3.put_object(**mine, Body=b"x")
    assert s3.get_object(**mine)["Body"].read() == b"x"
    assert code(lambda: s3.put_object(**other, Body=b"x")) == "AccessDenied"
    assert code(lambda: s3.get_object(Bucket="b-bucket", Key="ann/k")) == "AccessDenied"
    assert code(lambda: s3.head_object(**other)) == "403"
    assert code(lambda: s3.delete_object(**mine)) == "AccessDenied"
    s3.list_objects_v2(Bucket="a-bucket", Prefix="ann/x")
    assert code(lambda: s3.list_objects_v2(Bucket="a-bucket")) == "AccessDenied"
    assert code(lambda: s3.copy_object(**mine, CopySource="a-bucket/bob/k")) == "AccessDenied"
    assert code(s3.list_buckets) == "AccessDenied"
    assert code(lambda: s3.delete_bucket(Bucket="b-bucket")) == "AccessDenied"


def test_parameters_of_systems_manager(box: Box) -> None:
    ann = Ann(box, allow("ssm:*Parameter*", f"arn:aws:ssm:us-west-2:{ACCOUNT}:parameter/ours/*"))
    ssm = ann.client("ssm")
    ssm.put_parameter(Name="/ours/x", Value="1", Type="String")
    assert ssm.get_parameter(Name="/ours/x")["Parameter"]["Value"] == "1"
    assert code(lambda: ssm.put_parameter(Name="/theirs/x", Value="1", Type="String")) == "AccessDeniedException"
    assert code(lambda: ssm.get_parameters(Names=["/ours/x", "/theirs/x"])) == "AccessDeniedException"


def test_roles_are_assumed_by_those_they_trust(box: Box) -> None:
    ann = Ann(box)
    bound = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    user = f"arn:aws:iam::{ACCOUNT}:user/ann"
    trust = {
        "by-name": {"AWS": user},
        "by-account": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "for-ec2": {"Service": "ec2.amazonaws.com"},
    }
    for name, who in trust.items():
        box.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document({**bound, "Principal": who}))
    sts = ann.client("sts")

    def assume(name: str) -> Any:
        return sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}", RoleSessionName="session")

    assume("by-name")
    assert code(lambda: assume("by-account")) == "AccessDenied"
    assert code(lambda: assume("for-ec2")) == "AccessDenied"
    ann.may(allow("sts:AssumeRole"))
    assume("by-account")
    assert code(lambda: assume("for-ec2")) == "AccessDenied"
    ann.may(deny("sts:AssumeRole"))
    assert code(lambda: assume("by-name")) == "AccessDenied"


def test_a_roles_keys_may_what_the_role_may_and_the_session(box: Box) -> None:
    trust = document({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    box.iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)
    box.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document(allow("ec2:Describe*")))

    def client(**more: str) -> Any:
        role = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r", "RoleSessionName": "session"}
        keys = box.sts.assume_role(**role, **more)["Credentials"]
        return box.client(
            "ec2", key=keys["AccessKeyId"], secret=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"]
        )

    ec2 = client()
    ec2.describe_vpcs()
    assert code(lambda: ec2.create_vpc(CidrBlock="10.0.0.0/16")) == "UnauthorizedOperation"
    narrow = client(Policy=document(allow("ec2:DescribeVpcs")))
    narrow.describe_vpcs()
    assert code(narrow.describe_subnets) == "UnauthorizedOperation"
    limit = box.iam.create_policy(PolicyName="b", PolicyDocument=document(allow("ec2:DescribeSubnets")))["Policy"]
    box.iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=limit["Arn"])
    ec2.describe_subnets()
    assert code(ec2.describe_vpcs) == "UnauthorizedOperation"


def test_a_condition_that_cannot_be_evaluated_is_told(box: Box) -> None:
    ann = Ann(box, EVERYTHING)
    # IAM refuses such a document: it is written past it.
    from moto.iam.models import iam_backends

    policies = iam_backends[ACCOUNT]["aws"].users["ann"].policies
    policies["p"] = document(allow("*", StringResembles={"aws:username": "ann"}))
    assert code(ann.client("ec2").describe_vpcs) == "UnsupportedOperation"
