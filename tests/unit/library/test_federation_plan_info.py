"""federation_plan_info: what federation_resources_info does not say is looked at, and nothing is touched."""

from __future__ import annotations

from typing import Any

import pytest
from plan_samples import SETTINGS, names
from pretended_agraph import Run

from library import federation_plan_info, federation_resources_info

TRUST = {"Version": "2012-10-17", "Statement": []}


@pytest.fixture
def planned(aws: Any, image: str, run: Run) -> Any:
    """Return what plans with other settings, in an account that may have been filled meanwhile."""
    settings = {key: value for key, value in SETTINGS.items() if key != "not_asked"}

    def plan(servers: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
        found = run(federation_resources_info, name="f", region="us-west-2", bucket="f-bucket")["resources"]
        wanted = {**settings, "image_id": image, "trust_policy_document": TRUST, **more}
        given = {"names": names(), "resources": found, "settings": wanted, "servers": servers or []}
        return run(federation_plan_info, region="us-west-2", **given)

    return plan


def entry(plan: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = (each for each in plan["entries"] if each["kind"] == kind)
    return dict(found)


def tagged(kind: str, what: str) -> list[dict[str, Any]]:
    tags = [{"Key": key, "Value": value} for key, value in names()[what].items()]
    return [{"ResourceType": kind, "Tags": tags}]


def test_an_empty_account(planned: Any) -> None:
    plan = planned()
    assert plan["changed"] is False
    assert plan["line"].startswith("plan: make 22, change 0, remove 0, keep 0; ")
    assert (plan["cost_hour_now"], plan["notes"]) == (0.0, [])
    assert plan["cost_hour"] > 0.18


def test_a_vpc_that_a_dead_run_has_left(aws: Any, planned: Any) -> None:
    aws("ec2").create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", "vpc"))
    vpc = entry(planned(), "VPC")
    assert (vpc["action"], vpc["why"]) == ("change", "DNS names; its own security group is emptied")


def test_a_role_a_profile_and_a_bucket_that_are_not_as_wanted(aws: Any, planned: Any) -> None:
    iam = aws("iam")
    tags = [{"Key": key, "Value": value} for key, value in names()["node_role"].items()]
    iam.create_role(RoleName="f-node-role", Path="/f/", AssumeRolePolicyDocument="{}", Tags=tags)
    iam.create_instance_profile(InstanceProfileName="f-node-profile", Path="/f/")
    aws("s3").create_bucket(Bucket="f-bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    plan = planned()
    assert entry(plan, "role")["why"] == "who takes it; what it may do (f-node-policy)"
    assert entry(plan, "instance profile")["why"] == "tags Federation, Role, Name; its role"
    assert entry(plan, "bucket")["why"].startswith("public access, TLS, ")


def test_a_key_pair_of_the_accounts_own_is_used(aws: Any, planned: Any) -> None:
    assert entry(planned(key_name="k", key_file="/k"), "key pair")["action"] == "make"
    aws("ec2").create_key_pair(KeyName="k")
    kept = entry(planned(key_name="k", key_file="/k"), "key pair")
    assert (kept["action"], kept["why"], kept["id"] is not None) == ("keep", "the account's own", True)


def test_nodes_say_what_they_have_and_who_says_nothing_is_named(planned: Any) -> None:
    said: dict[str, list[str]] = {"behind": [], "done": []}
    asked = [
        {"name": "f-member-0", "id": "i-0", "answer": {**said, "behind": ["wrote /etc/agraph/agraph.cfg"]}},
        {"name": "f-member-1", "id": "i-1", "answer": {}},
        {"name": "f-manager", "id": "i-2", "answer": said},
    ]
    plan = planned(servers=asked, image_has_agraph=False)
    servers = {each["name"]: each["action"] for each in plan["entries"] if each["kind"] == "AllegroGraph"}
    assert servers == {"f-member-0": "change", "f-manager": "keep"}
    assert plan["notes"][-1].startswith("f-member-1 could not be asked what is installed")
