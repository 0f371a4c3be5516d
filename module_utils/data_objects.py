"""Data that is in S3 already: members fetch it from there, and it does not pass the controller."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import ClientError

from ansible.module_utils.bucket_objects import S3, listed_objects, signed_url, status_of
from ansible.module_utils.data_files import DataError, kind_of, listed, unknown
from ansible.module_utils.data_placement import Ledgers, Share, placed

# What text becomes when it is unpacked; only for sharing the work out.
UNPACKED = 8

Part = dict[str, Any]


@dataclass(frozen=True)
class RemoteFile:
    """An object of S3 that holds RDF."""

    url: str
    key: str
    content_type: str
    compression: str
    size: int
    """In bytes, as it is there."""
    identity: str

    @property
    def weight(self) -> int:
        """Return about how many bytes it has, unpacked."""
        return self.size * (UNPACKED if self.compression != "none" else 1)


class Source:
    """A bucket that data is taken from."""

    def __init__(self, source: str, region: str, client: Callable[[str], Any]) -> None:
        """Take `s3://bucket/prefix`, the region to ask first, and what makes a client for a region."""
        self._source = source
        self._region = region
        self._make = client
        self.bucket, _, self.prefix = source[len(S3) :].partition("/")
        if not self.bucket:
            raise DataError(f"{source} names no bucket: data in S3 is s3://bucket/prefix.")

    def files(self) -> list[RemoteFile]:
        """Return the object of this name, or where there is none all below it, sorted by key; raises DataError."""
        try:
            self._region = self._client().head_bucket(Bucket=self.bucket).get("BucketRegion") or self._region
            found = [each for each in listed_objects(self._client(), self.bucket, self.prefix) if each["Size"]]
        except ClientError as error:
            raise DataError(
                f"{self._source} cannot be listed ({status_of(error)}): is it there, and may your account list it?"
            ) from error
        folder = self.prefix if not self.prefix or self.prefix.endswith("/") else f"{self.prefix}/"
        exact = [each for each in found if each["Key"] == self.prefix]
        chosen = exact or [each for each in found if each["Key"].startswith(folder)]
        if not chosen:
            raise DataError(f"There is nothing in {self._source}: is federation_data right?")
        return [self._file(each) for each in self._checked(chosen)]

    def url(self, file: RemoteFile, seconds: int) -> str:
        """Return a URL that is good for a while, in the bucket's own region."""
        url: str = signed_url(self._client(), self.bucket, file.key, seconds)
        return url

    def _client(self) -> Any:
        return self._make(self._region)

    def _checked(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = [f"{S3}{self.bucket}/{each['Key']}" for each in entries]
        if without_kind := [name for name in names if kind_of(name) is None]:
            raise unknown(without_kind)
        if packed := [name for name in names if name.lower().endswith(".zst")]:
            raise DataError(
                f"{listed(packed)} is compressed as zstd, which members cannot unpack, and what is in S3 does not pass "
                "this machine. Put it there as .gz, or load it from a file here."
            )
        return entries

    def _file(self, entry: dict[str, Any]) -> RemoteFile:
        url = f"{S3}{self.bucket}/{entry['Key']}"
        found = kind_of(url)
        assert found, "only what is known gets here"
        kind, compression = found
        facts = f"{url}\n{entry['ETag']}\n{entry['Size']}"
        identity = f"{hashlib.sha256(facts.encode()).hexdigest()}#1"
        return RemoteFile(url, entry["Key"], kind.content_type, compression, int(entry["Size"]), identity)


def parts_of(source: Source, ledgers: Ledgers, seconds: int | None) -> tuple[list[Part], list[Part]]:
    """Return the parts to load and those that are loaded; raises DataError.

    The former have URLs that are good for so many seconds; None is for check mode, where they have none.
    """
    parts, loaded = list[Part](), list[Part]()
    files = source.files()
    members = placed([Share(file.identity, file.url, 0, file.weight) for file in files], ledgers)
    for file in files:
        held = ledgers.held.get(file.identity)
        part = {
            "id": file.identity,
            "member": members[file.identity],
            "content_type": file.content_type,
            "compression": file.compression,
            # Nobody has read it here; who has loaded it knows.
            "statements": held.statements if held else None,
            "bytes": file.size,
            "source": file.url,
            "base": file.url,
        }
        if held:
            loaded.append(part)
        else:
            parts.append({**part, "url": None if seconds is None else source.url(file, seconds)})
    return parts, loaded
