"""private_bucket: private, encrypted, unversioned, by TLS only, and everything in it expires."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.private_bucket import patiently
from botocore.exceptions import ClientError
from pretended_agraph import Run

from library import private_bucket

BUCKET = {"name": "f-ssm-123456789012", "region": "us-west-2"}
ARN = f"arn:aws:s3:::{BUCKET['name']}"


@pytest.fixture
def storage(aws: Any) -> Any:
    return aws("s3")


def test_it_is_made_once(storage: Any, run: Run) -> None:
    assert run(private_bucket, **BUCKET, tags={"Federation": "f"})["changed"]
    assert not run(private_bucket, **BUCKET, tags={"Federation": "f"})["changed"]
    (rule,) = storage.get_bucket_lifecycle_configuration(Bucket=BUCKET["name"])["Rules"]
    assert rule["Expiration"] == {"Days": 1}


def test_what_is_to_stay_does_not_expire(storage: Any, run: Run) -> None:
    assert run(private_bucket, **BUCKET, expire_prefix="i-")["changed"]
    assert not run(private_bucket, **BUCKET, expire_prefix="i-")["changed"]
    rules = storage.get_bucket_lifecycle_configuration(Bucket=BUCKET["name"])["Rules"]
    assert [each["Filter"]["Prefix"] for each in rules if "Expiration" in each] == ["i-"]
    assert [each["Filter"]["Prefix"] for each in rules if "AbortIncompleteMultipartUpload" in each] == [""]


def test_check_mode_makes_nothing(storage: Any, run: Run) -> None:
    assert run(private_bucket, check=True, **BUCKET)["changed"]
    assert storage.list_buckets()["Buckets"] == []


def test_what_was_changed_is_repaired_and_foreign_tags_are_kept(storage: Any, run: Run) -> None:
    run(private_bucket, **BUCKET, tags={"Federation": "f"})
    storage.delete_public_access_block(Bucket=BUCKET["name"])
    storage.delete_bucket_lifecycle(Bucket=BUCKET["name"])
    storage.put_bucket_tagging(Bucket=BUCKET["name"], Tagging={"TagSet": [{"Key": "Cost", "Value": "1"}]})
    repaired = run(private_bucket, **BUCKET, tags={"Federation": "f"})
    assert repaired["repaired"] == ["public access", "expiry", "tags"]
    tags = {tag["Key"]: tag["Value"] for tag in storage.get_bucket_tagging(Bucket=BUCKET["name"])["TagSet"]}
    assert tags == {"Cost": "1", "Federation": "f"}
    assert not run(private_bucket, **BUCKET, tags={"Federation": "f"})["changed"]


def test_it_is_emptied_and_removed_with_old_versions(storage: Any, run: Run) -> None:
    run(private_bucket, **BUCKET)
    # moto takes no condition into account, and denies everything to everybody.
    storage.delete_bucket_policy(Bucket=BUCKET["name"])
    storage.put_object(Bucket=BUCKET["name"], Key="unversioned", Body=b"1")
    storage.put_bucket_versioning(Bucket=BUCKET["name"], VersioningConfiguration={"Status": "Enabled"})
    storage.put_object(Bucket=BUCKET["name"], Key="versioned", Body=b"1")
    storage.delete_object(Bucket=BUCKET["name"], Key="versioned")
    assert run(private_bucket, **BUCKET, state="absent")["changed"]
    assert storage.list_buckets()["Buckets"] == []
    assert not run(private_bucket, **BUCKET, state="absent")["changed"]


def test_it_denies_everybody_what_comes_without_tls(storage: Any, run: Run) -> None:
    run(private_bucket, **BUCKET)
    (statement,) = json.loads(storage.get_bucket_policy(Bucket=BUCKET["name"])["Policy"])["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [ARN, f"{ARN}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_another_policy_is_replaced_and_the_same_in_other_words_is_not(storage: Any, run: Run) -> None:
    run(private_bucket, **BUCKET)
    own = json.loads(storage.get_bucket_policy(Bucket=BUCKET["name"])["Policy"])
    (statement,) = own["Statement"]
    condition = {"Bool": {"aws:SecureTransport": ["false"]}}
    words = statement | {"Action": ["s3:*"], "Resource": statement["Resource"][::-1], "Condition": condition}
    storage.put_bucket_policy(Bucket=BUCKET["name"], Policy=json.dumps({**own, "Statement": words}))
    assert not run(private_bucket, **BUCKET)["changed"]
    opened = statement | {"Effect": "Allow", "Action": "s3:GetObject"}
    for others in (
        [statement | {"Resource": f"{ARN}/*"}],
        [statement | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}],
        [statement | {"Principal": {"AWS": "arn:aws:iam::123456789012:user/ann"}}],
        [statement, opened],
    ):
        storage.put_bucket_policy(Bucket=BUCKET["name"], Policy=json.dumps({**own, "Statement": others}))
        looked = run(private_bucket, check=True, **BUCKET)
        assert (looked["changed"], looked["repaired"]) == (True, ["TLS"]), others
        assert looked["diff"] == {"before": "TLS: not as wanted", "after": "TLS: as wanted"}
        assert run(private_bucket, **BUCKET)["repaired"] == ["TLS"], others
        assert json.loads(storage.get_bucket_policy(Bucket=BUCKET["name"])["Policy"]) == own


def test_all_that_it_sets_is_repaired(storage: Any, run: Run) -> None:
    name = {"Bucket": BUCKET["name"]}
    run(private_bucket, **BUCKET)
    storage.delete_public_access_block(**name)
    storage.delete_bucket_policy(**name)
    storage.delete_bucket_encryption(**name)
    storage.put_bucket_ownership_controls(**name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    storage.put_bucket_versioning(**name, VersioningConfiguration={"Status": "Enabled"})
    (rule,) = storage.get_bucket_lifecycle_configuration(**name)["Rules"]
    storage.put_bucket_lifecycle_configuration(
        **name, LifecycleConfiguration={"Rules": [rule | {"Status": "Disabled"}]}
    )
    everything = ["public access", "TLS", "encryption", "ownership", "versioning", "expiry"]
    assert run(private_bucket, check=True, **BUCKET)["repaired"] == everything
    assert run(private_bucket, **BUCKET)["repaired"] == everything
    assert storage.get_bucket_versioning(**name)["Status"] == "Suspended"
    assert not run(private_bucket, **BUCKET)["changed"]


@pytest.mark.parametrize(("partition", "region"), [("aws", "eu-west-1"), ("aws-cn", "cn-north-1")])
def test_the_policy_names_the_bucket_as_its_region_does(partition: str, region: str, storage: Any, run: Run) -> None:
    run(private_bucket, **BUCKET | {"region": region})
    policy = json.loads(storage.get_bucket_policy(Bucket=BUCKET["name"])["Policy"])
    assert policy["Statement"][0]["Resource"][0] == f"arn:{partition}:s3:::{BUCKET['name']}"


def test_a_change_that_meets_another_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    refused = iter(["OperationAborted", "NoSuchBucket"])

    def change() -> str:
        if code := next(refused, ""):
            raise ClientError({"Error": {"Code": code}}, "PutBucketPolicy")
        return "made"

    assert patiently(change)() == "made"
