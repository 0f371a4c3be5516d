#!/usr/bin/python
"""Shows how far members are that load data, by what they put into a bucket."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_load_progress
short_description: Show how far members are that load data
description:
  - With O(state=offered) each member gets a URL, under which M(agraph_load) can PUT how far it is.
  - With O(state=watched) these reports are read until all members have ended, and one line for a person is written
    into the file that the environment's C(FEDERATION_PROGRESS_FILE) names. Without such a file it ends at once.
  - Nothing depends on it. A member that says nothing any more is not waited for.
version_added: 0.1.0
options:
  state:
    description: Whether to make the URLs, or to watch.
    required: true
    type: str
    choices: [offered, watched]
  bucket:
    description: The bucket.
    required: true
    type: str
  prefix:
    description: What the keys of the reports begin with.
    default: load/progress/
    type: str
  members:
    description: The members that load.
    required: true
    type: list
    elements: dict
    suboptions:
      index:
        description: The member's number.
        required: true
        type: int
      bytes:
        description: How many bytes it is to fetch.
        default: 0
        type: int
  expires:
    description: For how long the URLs are good, in seconds.
    default: 3600
    type: int
  silence:
    description: After how many seconds without anything new a member is not waited for.
    default: 60
    type: float
  timeout:
    description: How long to watch, in seconds.
    default: 3600
    type: int
attributes:
  check_mode:
    description: Can run in check mode; it changes nothing.
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
- name: Let members say how far they are
  federation_load_progress:
    state: offered
    bucket: example-transfer-123456789012
    members: [{index: 0}, {index: 1}]
  register: reports
"""

RETURN = r"""
urls:
  description: A URL for each member, by its number as text.
  returned: when O(state=offered)
  type: dict
ended:
  description: The numbers of the members that were seen to end.
  returned: when O(state=watched)
  type: list
  elements: int
"""

import contextlib
import json
import os
import time
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.load_reports import Reports
from ansible.module_utils.progress import VARIABLE, Progress
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

MEMBER = {"index": {"type": "int", "required": True}, "bytes": {"type": "int", "default": 0}}
ARGUMENTS: dict[str, Any] = {
    "state": {"required": True, "choices": ["offered", "watched"]},
    "bucket": {"required": True},
    "prefix": {"default": "load/progress/"},
    "members": {"type": "list", "elements": "dict", "required": True, "options": MEMBER},
    "expires": {"type": "int", "default": 3600},
    "silence": {"type": "float", "default": 60.0},
    "timeout": {"type": "int", "default": 3600},
}
# Seconds between two looks.
PAUSE = 1.0
# The longest that S3 takes a signature for, in seconds.
LONGEST = 604_800


def main() -> None:
    """Offer or watch."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    settings = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    client = module.client("s3", config=settings)
    try:
        if module.params["state"] == "offered":
            module.exit_json(changed=False, urls=offered(client, module.params))
        module.exit_json(changed=False, ended=watched(client, module.params))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"How far the load is cannot be seen in {module.params['bucket']}")


def key_of(wanted: dict[str, Any], index: int) -> str:
    """Return the key of a member's report."""
    return f"{wanted['prefix']}{index}"


def offered(client: Any, wanted: dict[str, Any]) -> dict[str, str]:
    """Return a URL to PUT to for each member."""
    urls = {}
    for index in (each["index"] for each in wanted["members"]):
        place = {"Bucket": wanted["bucket"], "Key": key_of(wanted, index)}
        seconds = min(wanted["expires"], LONGEST)
        urls[str(index)] = str(client.generate_presigned_url("put_object", Params=place, ExpiresIn=seconds))
    return urls


def watched(client: Any, wanted: dict[str, Any]) -> list[int]:
    """Write a line now and then until nobody is to be waited for; return who ended."""
    reports = Reports({each["index"]: each["bytes"] for each in wanted["members"]}, wanted["silence"])
    deadline = time.monotonic() + wanted["timeout"]
    progress = Progress()
    while os.environ.get(VARIABLE) and time.monotonic() < deadline:
        for index in reports.waiting:
            reports.hear(index, report(client, wanted["bucket"], key_of(wanted, index)))
        progress.say(reports.line())
        if not reports.waiting:
            break
        time.sleep(PAUSE)
    return list(reports.ended)


def report(client: Any, bucket: str, key: str) -> dict[str, Any] | None:
    """Return what a member has said last; None where it has said nothing yet."""
    try:
        said: dict[str, Any] = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    except client.exceptions.NoSuchKey:
        return None
    except ValueError:
        return None
    return said


if __name__ == "__main__":
    main()
