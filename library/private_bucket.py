#!/usr/bin/python
"""Keeps one private S3 bucket that speaks TLS only and whose objects expire."""

from __future__ import annotations

DOCUMENTATION = r"""
module: private_bucket
short_description: Keep a private, encrypted, unversioned bucket that speaks TLS only and whose objects expire
description:
  - Makes the bucket, closes it to the public, has it refuse whatever comes without TLS, encrypts it, gives it to its
    owner alone, and lets its objects expire and their old versions with them; what is found otherwise is repaired.
    With O(state=absent) empties and deletes it.
  - The bucket's policy is this module's, and another one is replaced. It does nothing but refuse plain HTTP, to
    everybody; who may do what with TLS stays what it is.
  - M(amazon.aws.s3_bucket) knows neither check mode nor expiry.
version_added: 0.1.0
options:
  name:
    description: The bucket's name.
    required: true
    type: str
  state:
    description: Whether the bucket is to be there.
    choices: [present, absent]
    default: present
    type: str
  tags:
    description: The bucket's tags; others are kept.
    default: {}
    type: dict
  expire_days:
    description: After how many days objects, and parts of uploads that never ended, expire.
    default: 1
    type: int
  expire_prefix:
    description: What the keys of objects that expire begin with. Empty for all objects.
    default: ""
    type: str
attributes:
  check_mode:
    description: Can run in check mode and says what it would do.
    support: full
  diff_mode:
    description: Names what was not as wanted.
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Keep a bucket for what is only passing through
  private_bucket:
    name: example-transfer-123456789012
    region: us-west-2
    tags: {Project: example}
"""

RETURN = r"""
name:
  description: The bucket's name.
  returned: success
  type: str
repaired:
  description: Which of the bucket's properties were not as wanted.
  returned: success
  type: list
  elements: str
"""

import contextlib
import json
from collections.abc import Callable
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says what is missing
    from botocore.exceptions import BotoCoreError, ClientError

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

Record = dict[str, Any]
ARGUMENTS: dict[str, Any] = {
    "name": {"required": True},
    "state": {"choices": ["present", "absent"], "default": "present"},
    "tags": {"type": "dict", "default": {}},
    "expire_days": {"type": "int", "default": 1},
    "expire_prefix": {"default": ""},
}
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


def ensure_present(bucket: Bucket, tags: dict[str, str], days: int, prefix: str, check_mode: bool) -> Record:
    """Make the bucket and set what is not as wanted."""
    exists = bucket.exists()
    if check_mode and not exists:
        return {"changed": True, "repaired": []}
    if not exists:
        bucket.create()
    repairs = bucket.repairs(tags, days, prefix)
    if not check_mode:
        for repair in repairs.values():
            patiently(repair)()
    return {"changed": bool(repairs) or not exists, "repaired": list(repairs)}


def ensure_absent(bucket: Bucket, check_mode: bool) -> Record:
    """Remove the bucket with everything in it."""
    exists = bucket.exists()
    if exists and not check_mode:
        or_missing(bucket.empty_and_delete)
    return {"changed": exists, "repaired": []}


def main() -> None:
    """Bring the bucket to the wanted state."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = module.params
    try:
        bucket = Bucket(module.client("s3"), wanted["name"], module.region)
        if wanted["state"] == "present":
            expire = (wanted["expire_days"], wanted["expire_prefix"])
            result = ensure_present(bucket, wanted["tags"], *expire, module.check_mode)
        else:
            result = ensure_absent(bucket, module.check_mode)
    except OSError as error:
        module.fail_json(msg=f"The bucket {wanted['name']} cannot be emptied ({error}). Empty it, then repeat the run.")
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The bucket {wanted['name']} cannot be made {wanted['state']}")
    before = "\n".join(f"{each}: not as wanted" for each in result["repaired"])
    after = "\n".join(f"{each}: as wanted" for each in result["repaired"])
    module.exit_json(name=wanted["name"], diff={"before": before, "after": after}, **result)


if __name__ == "__main__":
    main()
