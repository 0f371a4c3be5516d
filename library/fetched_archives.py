#!/usr/bin/python
"""Fetches archives that machines have put into a bucket, unpacks each into a folder of its own, and deletes them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fetched_archives
short_description: Fetch archives from a bucket, and unpack them
description:
  - Fetches each object, a tar.gz, unpacks it into a folder by the name of the machine that it comes from, in place of
    what was there, and deletes the object.
  - What comes from a machine is not trusted. Nothing but regular files is unpacked, nothing outside of the folder, and
    nothing of an archive that has more in it than it may.
  - One that cannot be fetched or unpacked keeps none of the others.
version_added: 0.1.0
options:
  bucket:
    description: The bucket.
    required: true
    type: str
  folder:
    description: Where the folders are; made if missing.
    required: true
    type: path
  archives:
    description: The archives.
    required: true
    type: list
    elements: dict
    suboptions:
      key: {description: The object's key., required: true, type: str}
      id: {description: The machine's id., required: true, type: str}
      name: {description: The machine's name, which the folder has if it is good for one., required: true, type: str}
  megabytes:
    description: How much an archive may have in it, in MB.
    default: 20
    type: int
attributes:
  check_mode:
    description: Can run in check mode; it fetches nothing.
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
- name: Fetch the logs of a machine
  fetched_archives:
    region: us-west-2
    bucket: example-transfer-123456789012
    folder: logs
    archives:
      - {key: i-0123456789abcdef0/logs.tar.gz, id: i-0123456789abcdef0, name: worker}
"""

RETURN = r"""
files:
  description: The files that there are now, by their paths.
  returned: success
  type: list
  elements: str
size:
  description: How many bytes they have.
  returned: success
  type: int
lost:
  description: Why an archive was not fetched or unpacked, by the machine's id.
  returned: success
  type: dict
"""

import contextlib
import tempfile
from pathlib import Path
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.archives import ArchiveError, folders, unpack
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENTS: dict[str, Any] = {
    "bucket": {"required": True},
    "folder": {"type": "path", "required": True},
    "archives": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {name: {"required": True} for name in ("key", "id", "name")},
    },
    "megabytes": {"type": "int", "default": 20},
}
MEGABYTE = 1000000


def fetch(client: Any, bucket: str, key: str, folder: Path, largest: int) -> tuple[list[Path], bool]:
    """Fetch one archive, unpack it and delete it; return its files and whether they are new. Raises ArchiveError."""
    size = client.head_object(Bucket=bucket, Key=key)["ContentLength"]
    try:
        # Packed it is smaller; what it has in it is counted when it is unpacked.
        if size > largest + MEGABYTE:
            raise ArchiveError(f"it has {size} bytes, and {largest} at most were asked for")
        with tempfile.TemporaryDirectory() as place:
            archive = Path(place, "archive.tar.gz")
            client.download_file(bucket, key, str(archive))
            found: tuple[list[Path], bool] = unpack(archive, folder, largest)
            return found
    finally:
        client.delete_object(Bucket=bucket, Key=key)


def main() -> None:
    """Fetch all."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    bucket, root, largest = given["bucket"], Path(given["folder"]), given["megabytes"] * MEGABYTE
    places = folders({each["id"]: each["name"] for each in given["archives"]})
    files: list[Path] = []
    lost: dict[str, str] = {}
    changed = False
    client = module.client("s3")
    for each in [] if module.check_mode else given["archives"]:
        try:
            found, is_new = fetch(client, bucket, each["key"], root / places[each["id"]], largest)
        except (ArchiveError, OSError) as error:
            lost[each["id"]] = f"what it sent is not kept, since {error}"
        except (BotoCoreError, ClientError) as error:
            lost[each["id"]] = f"what it sent could not be fetched ({error})"
        else:
            files, changed = [*files, *found], changed or is_new
    size = sum(each.stat().st_size for each in files)
    module.exit_json(changed=changed, files=[str(each) for each in files], size=size, lost=lost)


if __name__ == "__main__":
    main()
