"""private_bucket: private, encrypted, unversioned, and everything in it expires."""

from __future__ import annotations

from typing import Any

import pytest
from pretended_agraph import Run

from library import private_bucket

BUCKET = {"name": "f-ssm-123456789012", "region": "us-west-2"}


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
    storage.put_object(Bucket=BUCKET["name"], Key="unversioned", Body=b"1")
    storage.put_bucket_versioning(Bucket=BUCKET["name"], VersioningConfiguration={"Status": "Enabled"})
    storage.put_object(Bucket=BUCKET["name"], Key="versioned", Body=b"1")
    storage.delete_object(Bucket=BUCKET["name"], Key="versioned")
    assert run(private_bucket, **BUCKET, state="absent")["changed"]
    assert storage.list_buckets()["Buckets"] == []
    assert not run(private_bucket, **BUCKET, state="absent")["changed"]
