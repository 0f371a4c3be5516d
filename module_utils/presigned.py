"""URLs that S3 answers for a while, whoever asks: signed by whoever may, for hosts that have no access of their own."""

from __future__ import annotations

import contextlib
from typing import Any

with contextlib.suppress(ImportError):  # the module that uses this says so
    from botocore.config import Config


def signing_client(module: Any, region: str) -> Any:
    """Return a client of S3 that signs for a bucket's own address in its region.

    Without `virtual` it would be S3's global one, which redirects whoever asks for a young bucket.
    """
    settings = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    return module.client("s3", config=settings, region=region)


def signed(client: Any, operation: str, bucket: str, key: str, seconds: int) -> str:
    """Return the URL of one operation on an object, `get_object` or `put_object`, good for so many seconds."""
    wanted = {"Bucket": bucket, "Key": key}
    return str(client.generate_presigned_url(operation, Params=wanted, ExpiresIn=seconds))
