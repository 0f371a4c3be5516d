#!/usr/bin/python
"""Lets hosts that have no access of their own put an object into a bucket each, or read it, for a while."""

from __future__ import annotations

DOCUMENTATION = r"""
module: presigned_objects_info
short_description: URLs under which hosts can put and read objects, for a while
description:
  - Signs two URLs for each key. Whoever has the one can put that object, by HTTP's C(PUT), whoever has the other can
    read it, by C(GET), and neither can do anything else.
  - Nothing is asked of S3, so that the bucket need not be there.
version_added: 0.1.0
options:
  bucket:
    description: The bucket.
    required: true
    type: str
  keys:
    description: The keys of the objects.
    required: true
    type: list
    elements: str
  expires:
    description: For how long the URLs are good, in seconds; never longer than the credentials that sign them.
    default: 3600
    type: int
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - looks
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Let a host send its logs
  presigned_objects_info:
    region: us-west-2
    bucket: example-transfer-123456789012
    keys: [i-0123456789abcdef0/logs.tar.gz]
  register: offered
"""

RETURN = r"""
uploads:
  description: The URLs under which the objects can be put, by the keys.
  returned: success
  type: dict
downloads:
  description: The URLs under which they can be read, by the keys.
  returned: success
  type: dict
"""

import contextlib
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.bucket_objects import signed_url, signing_client
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENTS: dict[str, Any] = {
    "bucket": {"required": True},
    "keys": {"type": "list", "elements": "str", "required": True},
    "expires": {"type": "int", "default": 3600},
}


def main() -> None:
    """Sign."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    bucket, seconds = module.params["bucket"], module.params["expires"]
    try:
        client = signing_client(module, module.region)
        uploads, downloads = (
            {key: signed_url(client, operation, bucket, key, seconds) for key in module.params["keys"]}
            for operation in ("put_object", "get_object")
        )
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"Nothing can be signed for the bucket {bucket}")
    module.exit_json(changed=False, uploads=uploads, downloads=downloads)


if __name__ == "__main__":
    main()
