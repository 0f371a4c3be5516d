"""What a private bucket should be like, and what of it is not so; nothing here changes anything until it is called."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

with contextlib.suppress(ImportError):  # the module that uses this says so
    from botocore.exceptions import ClientError

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

Record = dict[str, Any]
CLOSED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
ENCRYPTION = {"SSEAlgorithm": "AES256"}
OWNERSHIP = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def expiry(days: int, prefix: str) -> list[Record]:
    """Return the rules that let objects expire, and whatever is left of an upload or of an older version."""
    leavings = {
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
    }
    rule = {"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}}
    if not prefix:
        return [{**rule, **leavings}]
    return [rule, {"ID": "leavings", "Status": "Enabled", "Filter": {"Prefix": ""}, **leavings}]


def tls_only(name: str, partition: str) -> Record:
    """Return the policy that refuses everybody what is asked without TLS, of the bucket and of what is in it.

    It is not public in S3's eyes, whatever its principal, since it allows nothing.
    """
    arn = f"arn:{partition}:s3:::{name}"
    statement = {
        "Sid": "TLSOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


# S3 refuses a change while another one of the same bucket is under way, and soon after the bucket was made.
patiently = AWSRetry.jittered_backoff(retries=6, delay=1, catch_extra_error_codes=["OperationAborted", "NoSuchBucket"])


def or_missing(call: Callable[[], Any]) -> Any:
    """Ask for a property; one that was never set is an error in S3's eyes and nothing in ours."""
    try:
        return call()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise


class Bucket:
    """One bucket, seen through what is wanted of it."""

    def __init__(self, client: Any, name: str, region: str) -> None:
        self.client = client
        self.name = name
        self.region = region

    def exists(self) -> bool:
        """Say whether the bucket is there."""
        return or_missing(lambda: self.client.head_bucket(Bucket=self.name)) is not None

    def create(self) -> None:
        """Make the bucket in the region; the oldest region is the one that must not be named."""
        where = {"CreateBucketConfiguration": {"LocationConstraint": self.region}} if self.region != "us-east-1" else {}
        self.client.create_bucket(Bucket=self.name, **where)

    def repairs(self, tags: dict[str, str], days: int, prefix: str) -> dict[str, Callable[[], Any]]:
        """Return what has to be set, by the name of the property."""
        client, name = self.client, self.name
        todo: dict[str, Callable[[], Any]] = {}
        closed = or_missing(lambda: client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"])
        if closed != CLOSED:
            todo["public access"] = lambda: client.put_public_access_block(
                Bucket=name, PublicAccessBlockConfiguration=CLOSED
            )
        wanted = tls_only(name, client.meta.partition)
        policy = or_missing(lambda: client.get_bucket_policy(Bucket=name)["Policy"])
        if policy is None or compare_policies(json.loads(policy), wanted):
            todo["TLS"] = lambda: client.put_bucket_policy(Bucket=name, Policy=json.dumps(wanted))
        encryption = or_missing(lambda: client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"])
        rules = (encryption or {}).get("Rules") or [{}]
        if rules[0].get("ApplyServerSideEncryptionByDefault") != ENCRYPTION:
            todo["encryption"] = lambda: client.put_bucket_encryption(
                Bucket=name,
                ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": ENCRYPTION}]},
            )
        ownership = or_missing(lambda: client.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"])
        if ownership != OWNERSHIP:
            todo["ownership"] = lambda: client.put_bucket_ownership_controls(Bucket=name, OwnershipControls=OWNERSHIP)
        # What was versioned once can be suspended only; its old versions expire.
        if client.get_bucket_versioning(Bucket=name).get("Status") == "Enabled":
            todo["versioning"] = lambda: client.put_bucket_versioning(
                Bucket=name, VersioningConfiguration={"Status": "Suspended"}
            )
        lifecycle = or_missing(lambda: client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"])
        if lifecycle != expiry(days, prefix):
            todo["expiry"] = lambda: client.put_bucket_lifecycle_configuration(
                Bucket=name, LifecycleConfiguration={"Rules": expiry(days, prefix)}
            )
        tag_set = or_missing(lambda: client.get_bucket_tagging(Bucket=name)["TagSet"]) or []
        present = {tag["Key"]: tag["Value"] for tag in tag_set}
        if not tags.items() <= present.items():
            merged = [{"Key": key, "Value": value} for key, value in {**present, **tags}.items()]
            todo["tags"] = lambda: client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": merged})
        return todo

    def empty_and_delete(self) -> None:
        """Delete everything in the bucket, old versions too in case someone switched versioning on, and the bucket."""
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.name):
            doomed = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            ]
            if doomed:
                refused = self.client.delete_objects(Bucket=self.name, Delete={"Objects": doomed}).get("Errors", [])
                if refused:
                    raise OSError(f"{refused[0]['Key']}: {refused[0]['Code']}: {refused[0]['Message']}")
        self.client.delete_bucket(Bucket=self.name)
