"""Objects of S3 for hosts without credentials: they are put once, and fetched by URLs that are signed here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import IO, Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config
    from botocore.exceptions import ClientError

S3 = "s3://"
PIECES: dict[str, Any] = {"multipart_threshold": 64 << 20, "multipart_chunksize": 8 << 20, "use_threads": False}


def signing_client(module: Any, region: str) -> Any:
    """Return a client that signs for a bucket's own address in its region.

    Without `virtual` it would be S3's global one, which redirects whoever asks for a young bucket.
    """
    settings = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    return module.client("s3", config=settings, region=region)


def signed_url(client: Any, bucket: str, key: str, seconds: int) -> str:
    """Return a URL under which an object can be fetched without credentials, for a while."""
    return str(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds))


def status_of(error: Any) -> int:
    """Return the HTTP status that an error of S3 came with."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def head(client: Any, bucket: str, key: str) -> Any:
    """Return what S3 says of an object, None where there is none."""
    try:
        return client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if status_of(error) == 404:
            return None
        raise


def listed_objects(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield S3's entries of all objects whose keys begin so."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])


class Shelf:
    """A bucket's objects below a prefix."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self.bucket = bucket
        self.prefix = prefix

    def keys(self) -> set[str]:
        """Return the keys of all objects; none where the bucket is not there yet."""
        try:
            return {str(each["Key"]) for each in listed_objects(self._client, self.bucket, self.prefix)}
        except ClientError as error:
            if status_of(error) == 404:
                return set()
            raise

    def described(self, key: str) -> tuple[int, dict[str, str]]:
        """Return an object's size in bytes and what was noted about it; -1 where it is not there."""
        found = head(self._client, self.bucket, key)
        return (int(found["ContentLength"]), dict(found["Metadata"])) if found else (-1, {})

    def put(self, key: str, file: IO[bytes], notes: dict[str, str], notice: Callable[[int], None]) -> None:
        """Upload what is in a file, in pieces where it is large; `notice` is told how many bytes more are there.

        Several may be under way in threads of the caller's: each then holds a piece in memory, and no more.
        """
        extra = {"Metadata": notes}
        settings = TransferConfig(**PIECES)
        self._client.upload_fileobj(file, self.bucket, key, ExtraArgs=extra, Config=settings, Callback=notice)

    def url(self, key: str, seconds: int) -> str:
        """Return a URL that is good for a while."""
        return signed_url(self._client, self.bucket, key, seconds)

    def remove(self, keys: list[str]) -> None:
        """Remove objects; raises OSError for one that stays."""
        for start in range(0, len(keys), 1000):
            doomed = [{"Key": key} for key in keys[start : start + 1000]]
            answer = self._client.delete_objects(Bucket=self.bucket, Delete={"Objects": doomed, "Quiet": True})
            if refused := answer.get("Errors"):
                raise OSError(f"{refused[0]['Key']}: {refused[0]['Code']}: {refused[0]['Message']}")
