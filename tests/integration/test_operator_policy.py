"""All verbs run as a user who may do what docs/operator-policy.md says and nothing else, and need all of it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import Run, Sandbox
from operators import Operator
from policies import NODES, OPERATOR, allows, distinct, operator, read, without, without_actions

pytestmark = pytest.mark.timeout(3600)

# AWS's own policies for Session Manager have it since 2025; the sandbox's data channel takes the session's token alone.
NOT_ASKED = {"OpenSessions: ssmmessages:OpenDataChannel"}
# Refused on purpose: the VPC's own group has no tag.
LEFT = {"ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"}
# Without it a session is left to end by itself, or a tag as it is: no run of `up` that begins with nothing shows that.
LATER = {"TagOurs", "OwnSessions", "OpenSessions"}

# A verb takes half a minute, and on a machine with other work much longer.
PATIENCE = 1500.0

Decision = dict[str, Any]
# What the one test of the verbs leaves to the others: what was asked in all of them, and in the first up.
asked: dict[str, list[Decision]] = {}


@pytest.fixture(scope="module")
def olga(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """The operator, with the policies as they are, and the policy that the nodes are to have."""
    user = Operator(sandbox, tmp_path_factory.mktemp("operator") / "home")
    for path in OPERATOR:
        user.may(path.stem, read(path))
    sandbox.client("iam").create_policy(PolicyName="agraph-node", PolicyDocument=json.dumps(read(NODES)))
    return user


@pytest.fixture(scope="module")
def settings(olga: Operator) -> dict[str, Any]:
    """What `up` is told: one member, a key pair, and the nodes' policy."""
    return {
        "federation_member_count": 1,
        "federation_key_name": "agraph-olga",
        "federation_key_file": str(olga.home / "key.pem"),
        **{f"federation_{what}_timeout": int(PATIENCE) for what in ("gateway", "instance", "agent", "server")},
        "federation_node_policy": f"arn:aws:iam::{olga.state['account']}:policy/agraph-node",
    }


def spoil(sandbox: Sandbox) -> None:
    """Change what `up` repairs, as somebody might by hand."""
    ec2, iam = sandbox.client("ec2"), sandbox.client("iam")

    def found(operation: str, key: str, name: str) -> dict[str, Any]:
        (item,) = getattr(ec2, operation)(Filters=[{"Name": "tag:Name", "Values": [name]}])[key]
        return dict(item)

    public, private = (
        found("describe_route_tables", "RouteTables", f"agraph-{it}-routes") for it in ("public", "private")
    )
    gateway = found("describe_internet_gateways", "InternetGateways", "agraph-internet-gateway")["InternetGatewayId"]
    group = found("describe_security_groups", "SecurityGroups", "agraph-manager-group")
    member = found("describe_instances", "Reservations", "agraph-member-0")["Instances"][0]["InstanceId"]
    ec2.delete_tags(Resources=[public["RouteTableId"]], Tags=[{"Key": "Role"}])
    ec2.create_route(RouteTableId=public["RouteTableId"], DestinationCidrBlock="192.0.2.0/24", GatewayId=gateway)
    ec2.replace_route(RouteTableId=private["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for rules, change in (("IpPermissions", "ingress"), ("IpPermissionsEgress", "egress")):
        getattr(ec2, f"revoke_security_group_{change}")(GroupId=group["GroupId"], IpPermissions=group[rules])
        odd = [{"IpProtocol": "udp", "FromPort": 9, "ToPort": 9, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}]
        getattr(ec2, f"authorize_security_group_{change}")(GroupId=group["GroupId"], IpPermissions=odd)
    ec2.modify_instance_metadata_options(InstanceId=member, HttpTokens="optional")
    ec2.modify_instance_attribute(InstanceId=member, Groups=[group["GroupId"]])
    ec2.stop_instances(InstanceIds=[member])
    s3, bucket = sandbox.client("s3"), f"agraph-ssm-{sandbox.state['account']}"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.delete_public_access_block(Bucket=bucket)
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    by_key = {"SSEAlgorithm": "aws:kms"}
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by_key}]},
    )
    role = iam.get_role(RoleName="agraph-node-role")["Role"]["AssumeRolePolicyDocument"]
    role["Statement"][0]["Principal"] = {"Service": "lambda.amazonaws.com"}
    iam.update_assume_role_policy(RoleName="agraph-node-role", PolicyDocument=json.dumps(role))


def test_all_verbs_run(sandbox: Sandbox, olga: Operator, settings: dict[str, Any]) -> None:
    def done(verb: str, ends: str = "", code: int = 0, **more: Any) -> Run:
        ended = olga.playbook(verb, timeout=PATIENCE, **{**settings, **more})
        assert ended.returncode == code, str(ended)
        assert ended.last_line.startswith(ends), str(ended)
        return ended

    made = done("up", ends="up: ready federation=agraph")
    assert "The VPC's own security group is left as AWS made it" in made.stdout, str(made)
    asked["up"] = distinct(olga.asked())
    spoil(sandbox)
    # One session that breaks off and is resumed.
    sandbox.faults([{"session": "interrupted", "bytes": 500}])
    repaired = done("up", ends="up: ready federation=agraph")
    assert repaired.changed >= 5, str(repaired)
    sandbox.clear_faults()
    assert "| avg |" in done("query").stdout
    assert "| avg |" in done("query", federation_access="tunnel").stdout
    # Its parts go through the bucket, and the member gets a tag.
    (olga.home / "two.nt").write_text("<ex://a> <ex://p> <ex://o> .\n<ex://b> <ex://p> <ex://o> .\n")
    done("load", ends="load: loaded 2 statements of 1 files", federation_data=str(olga.home / "two.nt"))
    # A plain image is looked for by AWS's own parameter.
    plain: dict[str, Any] = {
        "federation_ami_id": "",
        "federation_agraph_version": "8.5.2",
        "federation_agraph_tarball": "https://example.com/agraph-8.5.2-linuxamd64.64.tar.gz",
    }
    done("preflight", ends="preflight: good", **plain, federation_agraph_sha256="0" * 64)
    # What lies beside the lease is looked at by its tags.
    mark = [{"Key": "Federation", "Value": "agraph"}]
    sandbox.client("ssm").put_parameter(Name="/agraph/note", Value="x", Type="String", Tags=mark)
    done("status", ends="status: federation=agraph state=ready")
    done("stop", ends="stop: stopped 2 of 2 federation=agraph; still costs ")
    done("start", ends="start: ready federation=agraph")
    done("plan", ends="plan: make 0, change 1, remove 0, keep ")
    done("logs", ends="logs: 2 of 2 nodes, ", federation_logs_folder=str(olga.home / "logs"))
    done("leftovers", ends="leftovers: ", code=2, federation_name="all")
    sandbox.client("ssm").delete_parameter(Name="/agraph/note")
    done("down", ends="leftovers: 0")
    asked["all"] = distinct(olga.asked())
    refused = {each["action"] for each in asked["all"] if not each["allowed"]}
    assert refused
    assert refused <= LEFT


def test_every_action_of_every_statement_is_needed() -> None:
    whole = operator()
    assert all(allows(whole, each) == each["allowed"] for each in asked["all"])
    needless = [
        name
        for name, less in without_actions(whole)
        if not any(each["allowed"] and not allows(less, each) for each in asked["all"])
    ]
    assert set(needless) == NOT_ASKED


def refused_without(sid: str, sandbox: Sandbox, olga: Operator, settings: dict[str, Any]) -> str:
    """Take a statement out, run `up` on nothing, and return what it ends with, which has to name what is missing."""
    for path in OPERATOR:
        olga.may(path.stem, without(read(path), sid))
    before = len(sandbox.journal())
    ended = olga.playbook("up", timeout=PATIENCE, **settings, federation_on_failure="keep")
    assert ended.returncode != 0, f"{sid}\n{ended}"
    refusals = [
        {call["operation"], decision["action"]}
        for call in sandbox.journal()[before:]
        for decision in call.get("authorisation", [])
        if not decision["allowed"] and not (decision["action"] in LEFT and sid != "Ours")
    ]
    assert ended.last_line.startswith("ERROR: "), f"{sid}\n{ended}"
    assert "docs/operator-policy.md" in ended.last_line, f"{sid}\n{ended}"
    # Of two lanes that are refused something, the first is told.
    assert any(name in ended.last_line for names in refusals for name in names), f"{sid}: {refusals}\n{ended}"
    return ended.last_line


def needed_by_up() -> list[str]:
    """The statements without which the first `up` would have been refused something."""
    whole = operator()
    sids = [each["Sid"] for each in whole["Statement"]]
    return [
        sid for sid in sids if any(each["allowed"] and not allows(without(whole, sid), each) for each in asked["up"])
    ]


def test_a_statement_taken_out_ends_up_with_what_is_missing(
    sandbox: Sandbox, olga: Operator, settings: dict[str, Any], notice: Callable[[str], None]
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    candidates = [sid for sid in needed_by_up() if sid not in LATER]
    sid = random.Random(seed).choice(candidates)
    notice(f"operator policy: seed {seed}: without {sid} of {len(candidates)}")
    refused_without(sid, sandbox, olga, settings)


@pytest.mark.slow
def test_each_statement_taken_out_ends_up_with_what_is_missing(
    sandbox: Sandbox, olga: Operator, settings: dict[str, Any], notice: Callable[[str], None]
) -> None:
    for sid in [each["Sid"] for each in operator()["Statement"] if each["Sid"] not in LATER]:
        notice(f"without {sid}: {refused_without(sid, sandbox, olga, settings)}")
        gone = sandbox.playbook("down", timeout=PATIENCE)
        assert gone.returncode == 0, str(gone)
        Path(settings["federation_key_file"]).unlink(missing_ok=True)
