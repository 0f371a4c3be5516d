#!/usr/bin/python
"""Makes of files of RDF parts that a federation's members can fetch from S3."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_data_parts
short_description: Files of RDF, read, shared out over members, and put where they can fetch them
description:
  - Runs on the machine that has the data. Reads every file completely, shares the files out over the members by their
    sizes, splits what is large, and puts what members do not have yet into a bucket, each part with a URL by which its
    member can fetch it without credentials.
  - Nothing is uploaded unless all files are good RDF. What is wrong is named with file, line and the parser's words,
    for each bad file the first mistake.
  - Files are N-Triples (C(.nt), C(.ntriples)), N-Quads (C(.nq), C(.nquads)), Turtle (C(.ttl), C(.turtle)), TriG
    (C(.trig)), RDF/XML (C(.rdf), C(.owl), C(.xml)) or JSON-LD (C(.jsonld)), each also compressed (C(.gz), C(.zst)).
  - N-Triples and N-Quads are split by the checksum of their statements' subjects. Statements about blank nodes all go
    to the first part, since a label means the same blank node only inside one upload. Memory does not grow with the
    file.
  - A part is known by the SHA-256 of its file's content, unpacked, and by which part of it it is. So what is run again
    finds what was loaded, also after members joined; the same content a second time in the data is loaded twice.
  - With C(s3://bucket/prefix) the objects stay where they are. They are not read here, so that their statements are not
    known and mistakes are found by the members. They are known by their name, ETag and size, and cannot be C(.zst).
version_added: 0.1.0
options:
  bucket:
    description: The bucket for parts of local files.
    required: true
    type: str
  prefix:
    description: What the keys of parts begin with.
    default: load/
    type: str
  state:
    description: C(absent) removes all objects under the prefix; nothing else is then asked for.
    choices: [present, absent]
    default: present
    type: str
  data:
    description: A file, a folder, which means all files below it, a pattern, or C(s3://bucket/prefix).
    type: str
  members:
    description: The members, and what they have.
    type: list
    elements: dict
    suboptions:
      index:
        description: The member's index.
        required: true
        type: int
      loaded:
        description: The parts that were loaded into it.
        type: list
        elements: dict
        default: []
        suboptions:
          id:
            description: As it was in C(parts).
            required: true
            type: str
          statements:
            description: How many statements came with it.
            default: 0
            type: int
  part_bytes:
    description:
      - How much of a file, unpacked and in bytes, goes into one part. A file of more than 128 parts has larger ones.
      - A smaller file is split, too, where it is more than a member's fair share of all.
    default: 67108864
    type: int
  expires:
    description: For how long the URLs are good, in seconds; never longer than the credentials that sign them.
    default: 3600
    type: int
  folder:
    description:
      - Where parts are on the disk until they are uploaded. There has to be room for the largest file, compressed.
      - They have no names, so that nothing of them is left however this ends. Empty for the system's own folder.
    default: ""
    type: str
attributes:
  check_mode:
    description: Reads and plans, and uploads nothing; parts then have no URL, and C(bytes) is null.
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
- name: Share a folder out over two members
  federation_data_parts:
    region: us-west-2
    bucket: example-transfer-123456789012
    data: data/
    members:
      - {index: 0, loaded: []}
      - {index: 1, loaded: []}
  register: data

- name: Remove what the members have fetched
  federation_data_parts:
    region: us-west-2
    bucket: example-transfer-123456789012
    state: absent
"""

RETURN = r"""
parts:
  description:
    - What has to be loaded, each with its C(id), its C(member), the C(url) to fetch it from, its C(content_type), its
      C(compression) (V(none) or V(gzip)), its number of C(statements), which is null where it was not read here, the
      object's size in C(bytes), its C(source), which is the file's name for messages, and the C(base) that its relative
      IRIs are relative to.
    - Each has to be loaded by one request, since blank nodes are the same ones only within it.
  returned: when present
  type: list
  elements: dict
loaded:
  description: What the members have already, in the same shape without C(url); C(bytes) is null.
  returned: when present
  type: list
  elements: dict
statements:
  description: The statements of all data, duplicates as the data has them; null where something was not read here.
  returned: when present
  type: int
files:
  description: The number of files.
  returned: when present
  type: int
uploaded:
  description: The number of objects that were put into the bucket.
  returned: when present
  type: int
removed:
  description: The number of objects that were removed from the bucket.
  returned: when absent
  type: int
"""

import contextlib
import signal
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.bucket_objects import S3, Shelf, signing_client
from ansible.module_utils.data_files import BadFileError, DataError
from ansible.module_utils.data_objects import Source, parts_of
from ansible.module_utils.data_parts import Settings, Workshop, planned
from ansible.module_utils.data_placement import Ledgers
from ansible.module_utils.progress import Progress
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

PART = {"id": {"required": True}, "statements": {"type": "int", "default": 0}}
LOADED = {"type": "list", "elements": "dict", "default": [], "options": PART}
ARGUMENTS: dict[str, Any] = {
    "bucket": {"required": True},
    "prefix": {"default": "load/"},
    "state": {"choices": ["present", "absent"], "default": "present"},
    "data": {},
    "members": {
        "type": "list",
        "elements": "dict",
        "options": {"index": {"type": "int", "required": True}, "loaded": LOADED},
    },
    "part_bytes": {"type": "int", "default": 64 << 20},
    "expires": {"type": "int", "default": 3600},
    "folder": {"default": ""},
}


def from_here(module: Any, ledgers: Ledgers) -> dict[str, Any]:
    """Return the parts of local files, which are then in the bucket; raises DataError."""
    wanted, progress = module.params, Progress()
    plan = planned(wanted["data"], ledgers, wanted["part_bytes"], progress)
    shelf = Shelf(signing_client(module, module.region), wanted["bucket"], wanted["prefix"])
    settings = Settings(wanted["expires"], wanted["folder"], module.check_mode)
    workshop = Workshop(plan, ledgers, shelf, settings, progress)
    workshop.work()
    return {
        "changed": workshop.uploaded > 0,
        "uploaded": workshop.uploaded,
        "files": len(plan.contents),
        **results(workshop.parts, workshop.loaded),
    }


def from_s3(module: Any, ledgers: Ledgers) -> dict[str, Any]:
    """Return the parts of objects, which stay where they are; raises DataError."""
    source = Source(module.params["data"], module.region, lambda region: signing_client(module, region))
    parts, loaded = parts_of(source, ledgers, None if module.check_mode else module.params["expires"])
    return {"changed": False, "uploaded": 0, "files": len(parts) + len(loaded), **results(parts, loaded)}


def results(parts: list[dict[str, Any]], loaded: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the parts and the sum of their statements, where it is known."""
    counts = [part["statements"] for part in (*parts, *loaded)]
    return {"parts": parts, "loaded": loaded, "statements": None if None in counts else sum(counts)}


def cleared(module: Any) -> dict[str, Any]:
    """Remove all objects under the prefix; raises OSError for one that stays."""
    shelf = Shelf(signing_client(module, module.region), module.params["bucket"], module.params["prefix"])
    keys = sorted(shelf.keys())
    if not module.check_mode:
        shelf.remove(keys)
    return {"changed": bool(keys), "removed": len(keys)}


def act(module: Any) -> dict[str, Any]:
    """Do what is wanted; raises DataError."""
    wanted = module.params
    if not wanted["prefix"]:
        raise DataError("The prefix of parts is empty, so that they could not be told from others' objects: set one.")
    if wanted["state"] == "absent":
        return cleared(module)
    ledgers = Ledgers(wanted["members"])
    if not ledgers.members:
        raise DataError("There are no members to load into: make the federation first, with up.yml.")
    if wanted["part_bytes"] < 1:
        raise DataError("A part of less than one byte holds nothing: set part_bytes to some megabytes.")
    return from_s3(module, ledgers) if wanted["data"].startswith(S3) else from_here(module, ledgers)


def main() -> None:
    """Make the parts, or remove them."""
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS, supports_check_mode=True, required_if=[("state", "present", ("data", "members"))]
    )
    wanted = module.params
    try:
        result = act(module)
    except (BadFileError, DataError) as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The bucket {wanted['bucket']} cannot take the data or hand it on")
    except OSError as error:
        module.fail_json(
            msg=f"The parts of {wanted['data']} cannot be kept until they are uploaded ({error}). They need room for "
            "the largest file, compressed: make some, or set another folder for temporary files with TMPDIR."
        )
    module.exit_json(**result)


if __name__ == "__main__":
    # Ctrl-C ends it at once, even in the middle of an upload: what is on the disk has no name and goes with it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
