#!/usr/bin/python
"""Makes files fetchable for hosts that have no access of their own: each gets a URL that is good for a while."""

from __future__ import annotations

DOCUMENTATION = r"""
module: presigned_files
short_description: URLs under which hosts can fetch files, for a while
description:
  - A local file is put into a bucket, unless it is there already under its SHA-256, and its URL is signed. So it
    travels once from here, and from there to as many hosts as want it.
  - An object of S3 that is there already, C(s3://bucket/key), is left where it is, and its URL is signed.
  - Any other URL is handed on as it is.
version_added: 0.1.0
options:
  bucket:
    description: The bucket for local files.
    required: true
    type: str
  prefix:
    description: What the keys of local files begin with.
    default: files/
    type: str
  files:
    description: The files.
    required: true
    type: list
    elements: dict
    suboptions:
      name:
        description: By which the answer has the file.
        required: true
        type: str
      source:
        description: A path on this machine, C(s3://bucket/key), or an C(https) URL.
        required: true
        type: str
      sha256:
        description: What the SHA-256 of a local file must be. Empty for whatever it is.
        default: ""
        type: str
  expires:
    description: For how long the URLs are good, in seconds; never longer than the credentials that sign them.
    default: 3600
    type: int
attributes:
  check_mode:
    description: Can run in check mode and says what it would do.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Let hosts fetch a tarball from here
  presigned_files:
    region: us-west-2
    bucket: example-transfer-123456789012
    files:
      - {name: tarball, source: example.tar.gz, sha256: "{{ sha256_of_the_tarball }}"}
  register: offered
"""

RETURN = r"""
files:
  description: For each file, by its name, its C(url) and its C(sha256), which is empty where it is not known here.
  returned: success
  type: dict
uploaded:
  description: The names of the files that were put into the bucket.
  returned: success
  type: list
  elements: str
"""

import contextlib
import hashlib
from pathlib import Path
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.presigned import signed, signing_client
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENTS: dict[str, Any] = {
    "bucket": {"required": True},
    "prefix": {"default": "files/"},
    "files": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"name": {"required": True}, "source": {"required": True}, "sha256": {"default": ""}},
    },
    "expires": {"type": "int", "default": 3600},
}
S3 = "s3://"


class FileError(Exception):
    """A sentence that says which file cannot be had, and what to do."""


class Offers:
    """Where files can be fetched."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._clients: dict[str, Any] = {}
        self.uploaded: list[str] = []

    def client(self, region: str) -> Any:
        """Return a client that signs for a region."""
        if region not in self._clients:
            self._clients[region] = signing_client(self._module, region)
        return self._clients[region]

    def offer(self, file: dict[str, str]) -> dict[str, str]:
        """Return a file's URL and its SHA-256, as far as it is known; raises FileError."""
        if file["source"].startswith(S3):
            return {"url": self._url_of_object(file["source"]), "sha256": file["sha256"]}
        if "://" in file["source"]:
            return {"url": file["source"], "sha256": file["sha256"]}
        return self._url_of_local(file)

    def _url_of_object(self, source: str) -> str:
        bucket, _, key = source.removeprefix(S3).partition("/")
        client = self.client(self._module.region)
        try:
            region = client.head_bucket(Bucket=bucket).get("BucketRegion") or self._module.region
            self.client(region).head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            code = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise FileError(f"{source} cannot be read ({code}): is it there, and may your account read it?") from None
        return self._signed(self.client(region), bucket, key)

    def _url_of_local(self, file: dict[str, str]) -> dict[str, str]:
        path, client = Path(file["source"]).expanduser(), self.client(self._module.region)
        bucket = self._module.params["bucket"]
        sha256 = file["sha256"].lower() or digest_of(path)
        key = f"{self._module.params['prefix']}{sha256}/{path.name}"
        if not exists(client, bucket, key):
            if (found := digest_of(path)) != sha256:
                raise FileError(
                    f"{path} has the SHA-256 {found}, and {sha256} was expected: it goes to no node. Compare it with "
                    "what its publisher says, and set the one that is right."
                )
            if not self._module.check_mode:
                client.upload_file(str(path), bucket, key)
            self.uploaded.append(file["name"])
        return {"url": self._signed(client, bucket, key), "sha256": sha256}

    def _signed(self, client: Any, bucket: str, key: str) -> str:
        return str(signed(client, "get_object", bucket, key, self._module.params["expires"]))


def digest_of(path: Path) -> str:
    """Return a local file's SHA-256 in hexadecimal; raises FileError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.") from error


def exists(client: Any, bucket: str, key: str) -> bool:
    """Tell whether a bucket has an object."""
    try:
        client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True


def main() -> None:
    """Offer all files."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        offers = Offers(module)
        files = {file["name"]: offers.offer(file) for file in module.params["files"]}
    except FileError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError, S3UploadFailedError) as error:
        module.fail_json_aws(error, msg=f"The bucket {module.params['bucket']} cannot hand the files on")
    module.exit_json(changed=bool(offers.uploaded), files=files, uploaded=offers.uploaded)


if __name__ == "__main__":
    main()
