#!/usr/bin/python
"""Finds whatever is left of a federation, or of every federation of the account, with its age and what it costs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_leftovers_info
short_description: Find what is left of a federation, or of all of them
description:
  - Looks further than a removal does. What carries the federation's tags, network interfaces and volumes that nothing
    of it holds any more, roles and profiles under its IAM path, its bucket, and parameters under its name.
  - By describe and list calls only, never by the tagging API, which also names the dead. Terminated instances and
    deleted gateways do not count; failed gateways do.
  - What merely looks like it (the same name without the tags, another path) is not listed.
version_added: 0.1.0
options:
  name:
    description: The federation's name, or C(all) for every federation.
    required: true
    type: str
  bucket:
    description: The name of the bucket of the federation I(name); it begins with I(name), for C(all), too.
    required: true
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - looks
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Look for what is left of any federation
  federation_leftovers_info:
    name: all
    bucket: all-ssm-123456789012
    region: us-west-2
  register: leftovers
"""

RETURN = r"""
leftovers:
  description: What is left, sorted by federation; the dearest first.
  returned: success
  type: list
  elements: dict
  contains:
    federation: {description: Whose it is., type: str, returned: always}
    kind: {description: For example C(NAT gateway)., type: str, returned: always}
    name: {description: Its name; empty if it has none., type: str, returned: always}
    id: {description: Its id or ARN., type: str, returned: always}
    role: {description: Its tag C(Role); empty if it has none., type: str, returned: always}
    state: {description: For example C(running); empty where AWS has none., type: str, returned: always}
    address: {description: Its public address, or else its private one, or empty., type: str, returned: always}
    age: {description: Seconds since it was made; C(null) where AWS does not say., type: int, returned: always}
    cost: {description: USD an hour in us-west-2; C(null) where it is not known., type: float, returned: always}
    ends: {description: When its federation's instances end themselves; empty for never., type: str, returned: always}
    overdue: {description: Whether that is over., type: bool, returned: always}
table:
  description: The same for a person; empty if nothing is left.
  returned: success
  type: str
cost:
  description: USD an hour of all whose cost is known.
  returned: success
  type: float
costly:
  description: What costs, for a person, for example C(1 NAT gateway, 2 addresses).
  returned: success
  type: str
overdue:
  description: The federations whose time is over.
  returned: success
  type: list
  elements: str
"""

import contextlib
import datetime

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.federation_leftovers import costly, find, table
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Find, and shape it for a person."""
    options = {"name": {"required": True}, "bucket": {"required": True}}
    module = AnsibleAWSModule(argument_spec=options, supports_check_mode=True)
    name = module.params["name"]
    try:
        found = find(module.client, name, module.params["bucket"], datetime.datetime.now(datetime.UTC))
    except (BotoCoreError, ClientError) as error:
        whose = "any federation" if name == "all" else f"the federation {name}"
        module.fail_json_aws(error, msg=f"Could not look for what is left of {whose}")
    cost = round(sum(each["cost"] or 0.0 for each in found), 4)
    overdue = sorted({each["federation"] for each in found if each["overdue"]})
    module.exit_json(
        changed=False, leftovers=found, table=table(found), cost=cost, costly=costly(found), overdue=overdue
    )


if __name__ == "__main__":
    main()
