#!/usr/bin/python
"""Tells how a federation is, or every federation of the account: its instances, its age, its end, what it costs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_status_info
short_description: Tell how a federation is, or all of them
description:
  - Says what stands, by the describe and list calls of M(federation_leftovers_info). Whether the servers answer is not
    looked at; M(agraph_node_info) does on each node, and M(federation_status_page) puts both together.
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
  member_count:
    description: How many members make it whole; with the name C(all), one does.
    default: 1
    type: int
  details:
    description: Whether to return C(cloud), too; not for C(all).
    default: false
    type: bool
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - looks
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: See how a federation is
  federation_status_info:
    name: agraph
    bucket: agraph-ssm-123456789012
    member_count: 2
    region: us-west-2
  register: seen
"""

RETURN = r"""
status:
  description: How it is.
  returned: success
  type: dict
  contains:
    federation: {description: The name., type: str, returned: always}
    state:
      description:
        - C(absent) if nothing stands, C(overdue) if something stands after its end, C(stopped) if all instances are,
          C(ready) if the gateway is available and manager and members run, else C(partly). The worst of them with the
          name C(all).
      type: str
      returned: always
    instances: {description: How many stand., type: int, returned: always}
    age: {description: Seconds since the first was made; C(null) if nothing tells., type: int, returned: always}
    ends: {description: When the instances end themselves; empty for never., type: str, returned: always}
    cost: {description: USD an hour of all whose cost is known; volumes are in it., type: float, returned: always}
cloud:
  description:
    - What stands in detail, with I(details), as M(federation_status_page) takes it; in UTC and seconds.
  returned: success, with I(details)
  type: dict
  contains:
    made: {description: When it was looked., type: str, returned: always}
    age: {description: Seconds since the first was made; C(null) if nothing tells., type: int, returned: always}
    ends: {description: When the instances end themselves; empty for never., type: str, returned: always}
    overdue: {description: Whether that is over., type: bool, returned: always}
    network:
      description: C(vpc), C(internet_gateway) and C(nat_gateway), each C(null) where there is none, and C(subnets).
      type: dict
      returned: always
    instances:
      description: The instances with their volumes, the manager first.
      type: list
      elements: dict
      returned: always
    costs:
      description: >-
        C(hourly) and C(so_far) in USD, in all and for each of the C(parts) by its C(kind) and C(number); in C(unknown)
        what has no known price. So far counts since AWS's own time of each thing.
      type: dict
      returned: always
    strays: {description: What serves nothing, or nothing any more., type: list, elements: dict, returned: always}
    free: {description: How many things stand for nothing., type: int, returned: always}
table:
  description: The instances and the rest for a person; empty if nothing stands.
  returned: success
  type: str
line:
  description: The status as one line for scripts.
  returned: success
  type: str
"""

import contextlib
import datetime

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.federation_cloud import cloud
from ansible.module_utils.federation_leftovers import ALL, find
from ansible.module_utils.federation_status import line, status, table, wanted_members
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    """Find, sum up, and shape it for a person and for scripts."""
    options = {
        "name": {"required": True},
        "bucket": {"required": True},
        "member_count": {"type": "int", "default": 1},
        "details": {"type": "bool", "default": False},
    }
    module = AnsibleAWSModule(argument_spec=options, supports_check_mode=True)
    name, now = module.params["name"], datetime.datetime.now(datetime.UTC)
    try:
        found = find(module.client, name, module.params["bucket"], now, whole=True)
    except (BotoCoreError, ClientError) as error:
        whose = "all federations are" if name == "all" else f"the federation {name} is"
        module.fail_json_aws(error, msg=f"Could not look how {whose}")
    summed_up = status(name, found, wanted_members(name, module.params["member_count"]))
    details = {"cloud": cloud(found, now)} if module.params["details"] and name != ALL else {}
    module.exit_json(changed=False, status=summed_up, table=table(found, now), line=line(summed_up), **details)


if __name__ == "__main__":
    main()
