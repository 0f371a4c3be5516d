"""S3, where moto lets through a name that AWS refuses and gives more at a time."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import moto.s3.models
from moto.s3.exceptions import InvalidBucketName
from moto.s3.models import S3Backend

from sandbox.cloud.pages import LARGEST

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def is_valid(name: str) -> bool:
    """Tell whether AWS would make a bucket of this name."""
    if not NAME.fullmatch(name) or ".." in name or name.startswith("xn--") or name.endswith("-s3alias"):
        return False
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return True
    return False


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

    def _truncate_result(self, result_keys: Any, max_keys: int) -> Any:
        return super()._truncate_result(result_keys, min(LARGEST, max_keys))

    def list_object_versions(self, bucket_name: str, *more: Any, max_keys: int = LARGEST, **others: Any) -> Any:
        """List versions, a thousand at most."""
        return super().list_object_versions(bucket_name, *more, max_keys=min(LARGEST, max_keys), **others)


SandboxS3Backend.__module__ = "moto.s3.models"  # moto finds the service's URLs by it


def install() -> None:
    """Put it in moto's place; before the first request."""
    moto.s3.models.s3_backends.backend = SandboxS3Backend
