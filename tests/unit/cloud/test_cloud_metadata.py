"""The metadata service's answers, and which instances Systems Manager may have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloud_box import Box, code, until
from harness import ROOT

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
CORE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
OLDER = "arn:aws:iam::aws:policy/service-role/AmazonEC2RoleforSSM"
UNRELATED = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def profile(box: Box, *policies: str, name: str = "p") -> str:
    box.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    for policy in policies:
        box.iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    box.iam.create_instance_profile(InstanceProfileName=name)
    box.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return name


def booted(box: Box, **more: Any) -> tuple[str, Any]:
    instance = box.run(box.subnet(box.vpc()), **more)
    return instance, until(lambda: box.world.metadata.get(instance))


def credentials(metadata: Any) -> dict[str, str]:
    role = metadata("/latest/meta-data/iam/security-credentials/")
    return dict(json.loads(metadata(f"/latest/meta-data/iam/security-credentials/{role}")))


def test_what_an_instance_learns_about_itself(box: Box) -> None:
    key = box.ec2.create_key_pair(KeyName="mine")
    assert "PRIVATE KEY" in key["KeyMaterial"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "x"}]}]
    instance, ask = booted(box, KeyName="mine", UserData="#!/bin/sh\n", TagSpecifications=tags)
    shown = box.instance(instance)
    mac = shown["NetworkInterfaces"][0]["MacAddress"]
    assert ask("/latest/meta-data/instance-id") == instance
    assert ask("/latest/meta-data/local-ipv4") == "10.0.0.4"
    assert ask("/latest/meta-data/local-hostname") == "ip-10-0-0-4.us-west-2.compute.internal"
    assert ask("/latest/meta-data/ami-launch-index") == "0"
    assert ask("/latest/meta-data/placement/region") == "us-west-2"
    assert ask("/latest/meta-data/placement/availability-zone") == shown["Placement"]["AvailabilityZone"]
    assert ask("/latest/meta-data/instance-type") == "t3.medium"
    assert ask(f"/latest/meta-data/network/interfaces/macs/{mac}/subnet-id") == shown["SubnetId"]
    assert ask("/latest/user-data") == "#!/bin/sh\n"
    assert ask("/latest/meta-data/public-keys/") == "0=mine"
    assert str(ask("/latest/meta-data/public-keys/0/openssh-key")).startswith("ssh-rsa ")
    assert json.loads(str(ask("/latest/dynamic/instance-identity/document")))["instanceId"] == instance
    assert "instance-id" in str(ask("/latest/meta-data/")).splitlines()
    assert "placement/" in str(ask("/latest/meta-data/")).splitlines()
    for absent in ("public-ipv4", "public-hostname", "iam", "iam/info", "tags/instance/Name", "no-such-thing"):
        assert ask(f"/latest/meta-data/{absent}") is None, absent


def test_tags_show_where_they_are_wanted(box: Box) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "x"}]}]
    options = {"InstanceMetadataTags": "enabled"}
    _, ask = booted(box, TagSpecifications=tags, MetadataOptions=options)
    assert ask("/latest/meta-data/tags/instance/Name") == "x"


def test_a_public_address_shows_when_it_is_mapped(box: Box) -> None:
    instance, ask = booted(box)
    box.gateway(box.instance(instance)["VpcId"])
    box.ec2.associate_address(AllocationId=box.address(), InstanceId=instance)
    assert ask("/latest/meta-data/public-ipv4") == "127.0.1.1"


def test_a_roles_credentials_are_good_for_calls(box: Box) -> None:
    instance, ask = booted(box, IamInstanceProfile={"Name": profile(box, CORE)})
    assert json.loads(str(ask("/latest/meta-data/iam/info")))["InstanceProfileArn"].endswith("instance-profile/p")
    given = credentials(ask)
    assert given == credentials(ask)
    sts = box.client("sts", key=given["AccessKeyId"], secret=given["SecretAccessKey"], aws_session_token=given["Token"])
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:sts::123456789012:assumed-role/p/{instance}"
    without = box.client("sts", key=given["AccessKeyId"], secret=given["SecretAccessKey"])
    assert code(without.get_caller_identity) == "InvalidClientTokenId"


@pytest.mark.parametrize(
    ("policies", "refused"), [([CORE], False), ([OLDER], False), ([UNRELATED], True), ([], True), (None, True)]
)
def test_an_agent_may_register_where_its_role_lets_it(box: Box, policies: list[str] | None, refused: bool) -> None:
    more = {} if policies is None else {"IamInstanceProfile": {"Name": profile(box, *policies)}}
    instance, ask = booted(box, **more)
    key = "none" if policies is None else credentials(ask)["AccessKeyId"]
    reason = box.cloud.authorise(instance, key)
    assert (reason is not None) == refused
    assert box.cloud.authorise(instance, "AKIASANDBOX000000000") is not None
    assert box.cloud.authorise("i-00000000000000000", key) is not None


NODES = json.loads((ROOT / "roles/identity/files/node_policy.json").read_text())
ACTIONS = NODES["Statement"][0]["Action"]


@pytest.mark.parametrize("left_out", [None, *ACTIONS])
def test_an_agent_needs_all_that_the_nodes_policy_allows(box: Box, left_out: str | None) -> None:
    statement = NODES["Statement"][0]
    allowed = [each for each in ACTIONS if each != left_out]
    document = {**NODES, "Statement": [{**statement, "Action": allowed}]}
    name = profile(box)
    box.iam.put_role_policy(RoleName=name, PolicyName="inside", PolicyDocument=json.dumps(document))
    instance, ask = booted(box, IamInstanceProfile={"Name": name})
    reason = box.cloud.authorise(instance, credentials(ask)["AccessKeyId"])
    assert reason == (None if left_out is None else f"the role p of {instance} does not allow {left_out}")


def test_an_agent_is_held_by_its_roles_boundary_too(box: Box) -> None:
    name = profile(box, CORE)
    nothing = json.dumps({**NODES, "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
    limit = box.iam.create_policy(PolicyName="limit", PolicyDocument=nothing)["Policy"]["Arn"]
    box.iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=limit)
    instance, ask = booted(box, IamInstanceProfile={"Name": name})
    assert box.cloud.authorise(instance, credentials(ask)["AccessKeyId"]) is not None
