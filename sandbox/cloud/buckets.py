"""S3, where moto lets through what AWS refuses, gives more at a time, and leaves open what AWS closes by itself."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import moto.s3.models
import moto.s3.responses
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import InvalidBucketName, S3AccessDeniedError, S3ClientError
from moto.s3.models import FakeBucket, PublicAccessBlock, S3Backend

from sandbox.cloud.authorisation.bucket_policies import is_public, is_set, problem_of
from sandbox.cloud.pages import LARGEST

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

ENCRYPTION = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}}
"""What S3 does with objects of which nobody says anything else."""


def is_valid(name: str) -> bool:
    """Tell whether AWS would make a bucket of this name."""
    if not NAME.fullmatch(name) or ".." in name or name.startswith("xn--") or name.endswith("-s3alias"):
        return False
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return True
    return False


class MalformedPolicyError(S3ClientError):  # type: ignore[misc]
    """A document that is no policy of this bucket."""

    code = "MalformedPolicy"


class SandboxBucket(FakeBucket):  # type: ignore[misc]
    """A bucket, made as AWS makes them: encrypted, closed to the public, and its owner's alone."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.public_access_block = PublicAccessBlock(*["true"] * 4)
        self.encryption = ENCRYPTION
        self.ownership_rule = "BucketOwnerEnforced"

    def get_permission(self, action: str, resource: str) -> Any:
        """Permit all that gets so far: policies, with all that moto leaves out, were asked before."""
        return PermissionResult.PERMITTED


class SandboxS3Backend(S3Backend):  # type: ignore[misc]
    """Buckets."""

    def create_bucket(self, bucket_name: str, *more: Any, **others: Any) -> Any:
        """Make a bucket of a name that may be."""
        if not is_valid(bucket_name):
            raise InvalidBucketName
        return super().create_bucket(bucket_name, *more, **others)

    def delete_bucket(self, bucket_name: str) -> Any:
        """Delete an empty bucket, and its tags with it: the next one of its name has none."""
        bucket = self.get_bucket(bucket_name)
        deleted = super().delete_bucket(bucket_name)
        if deleted is not None:
            self.tagger.delete_all_tags_for_resource(bucket.arn)
        return deleted

    def put_bucket_policy(self, bucket_name: str, policy: bytes) -> None:
        """Give a bucket a policy that can be one, and a public one only where that is not blocked."""
        bucket = self.get_bucket(bucket_name)
        if problem := problem_of(policy, bucket_name):
            raise MalformedPolicyError(problem)
        block = bucket.public_access_block
        if block is not None and is_set(block.block_public_policy) and is_public(policy):
            raise S3AccessDeniedError
        super().put_bucket_policy(bucket_name, policy)

    def delete_bucket_encryption(self, bucket_name: str) -> None:
        """Take the default for objects back to S3's own: there is no bucket without."""
        super().put_bucket_encryption(bucket_name, ENCRYPTION)

    def _truncate_result(self, result_keys: Any, max_keys: int) -> Any:
        return super()._truncate_result(result_keys, min(LARGEST, max_keys))

    def list_object_versions(self, bucket_name: str, *more: Any, max_keys: int = LARGEST, **others: Any) -> Any:
        """List versions, a thousand at most."""
        return super().list_object_versions(bucket_name, *more, max_keys=min(LARGEST, max_keys), **others)


SandboxS3Backend.__module__ = "moto.s3.models"  # moto finds the service's URLs by it


def install() -> None:
    """Put it in moto's place; before the first request."""
    moto.s3.models.s3_backends.backend = SandboxS3Backend
    moto.s3.models.FakeBucket = SandboxBucket
    # moto gives up what a version holds before it deletes one; a delete marker holds nothing, and cannot do that.
    moto.s3.models.FakeDeleteMarker.dispose = lambda _, garbage=False: None
    moto.s3.responses.bucket_policy_is_public = is_public
