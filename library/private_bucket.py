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
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says what is missing
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.private_bucket import Bucket, or_missing, patiently
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

Record = dict[str, Any]
ARGUMENTS: dict[str, Any] = {
    "name": {"required": True},
    "state": {"choices": ["present", "absent"], "default": "present"},
    "tags": {"type": "dict", "default": {}},
    "expire_days": {"type": "int", "default": 1},
    "expire_prefix": {"default": ""},
}


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
