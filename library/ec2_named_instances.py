#!/usr/bin/python
"""Keeps EC2 instances that are each known by name: what is missing is launched, and none is ever counted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_named_instances
short_description: Keep EC2 instances that are known by their names
description:
  - Launches each wanted instance that is not there, starts the stopped ones, repairs tags and security groups, and
    waits until all run.
  - Those of an entry with C(indexes) are launched by one call, since EC2 lets an account make only two such calls a
    second; either all of them come or none. The call gives each of them all tags but its own number, which it gets
    when it runs. Whatever is left without a number, since a run died before that, gets one the next time, or ends.
  - Their metadata service takes requests with a session's token only, and answers to the instance itself alone (one
    hop); where that was changed, it is repaired. Their disks are encrypted, of the type C(gp3), and end with them.
  - A launch that fails because the instance profile is too new is tried again, since nothing else tells when a profile
    is usable.
  - With O(state=absent) terminates everything in the scope, or O(ids) of it, and waits until it is terminated, if
    O(wait).
  - M(amazon.aws.ec2_instance) counts instances or handles one at a time, with five calls for each.
version_added: 0.1.0
options:
  state:
    description: Whether the instances are to be there.
    choices: [present, absent]
    default: present
    type: str
  scope:
    description: The tags that all instances of this caller carry; no other instance is looked at.
    required: true
    type: dict
  ids:
    description:
      - Which of the scope's instances are to be absent, by their ids; none of them with an empty list, and all that
        there are without it.
    type: list
    elements: str
  instances:
    description: The wanted instances.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The C(Name) tag.
        required: true
        type: str
      indexes:
        description:
          - Stands for that many instances. The name of each ends with a hyphen and its index, from 0, which is also its
            tag C(Index); until it runs, its name ends before the hyphen.
        type: int
      tags:
        description: Further tags. An instance that lost its name is known by them.
        default: {}
        type: dict
      subnet_id:
        description: The subnet.
        type: str
      group_ids:
        description: The security groups.
        default: []
        type: list
        elements: str
  image_id:
    description: The image to launch.
    type: str
  instance_type:
    description: The type to launch.
    type: str
  instance_profile:
    description: The name of the instance profile.
    type: str
  key_name:
    description: The name of the key pair, or nothing.
    default: ""
    type: str
  user_data:
    description: What runs at first boot.
    default: ""
    type: str
  shutdown_behavior:
    description: What becomes of an instance that shuts itself down. Only for instances that are launched.
    choices: [stop, terminate]
    default: stop
    type: str
  root_volume_gb:
    description: The size of the root disk in GiB; V(0) for the image's own. Only for instances that are launched.
    default: 0
    type: int
  data_volume_gb:
    description:
      - The size of a second disk in GiB, encrypted, of the type C(gp3), which ends with the instance; V(0) for none.
        Only for instances that are launched.
    default: 0
    type: int
  data_device:
    description: The name of that disk for EC2.
    default: /dev/sdf
    type: str
  profile_timeout:
    description: How long to try again while the instance profile is not yet usable, in seconds.
    default: 180
    type: int
  wait:
    description: Whether to wait until the instances are terminated. Those that are wanted are always waited for.
    default: true
    type: bool
  timeout:
    description: How long to wait until all instances run, or are terminated, in seconds.
    default: 300
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
- name: Keep two workers
  ec2_named_instances:
    region: us-west-2
    scope: {Project: example}
    image_id: ami-0123456789abcdef0
    instance_type: t3.medium
    instances:
      - {name: example-worker, indexes: 2, subnet_id: subnet-0123, group_ids: [sg-0123]}

- name: End them
  ec2_named_instances:
    region: us-west-2
    scope: {Project: example}
    state: absent
"""

RETURN = r"""
instances:
  description: The wanted instances, each with C(name), C(id), C(state) and C(private_ip).
  returned: when O(state=present)
  type: list
  elements: dict
launched:
  description: The names of those that were launched.
  returned: success
  type: list
  elements: str
terminated:
  description: The names of those that were terminated; the ids of those that had no number yet.
  returned: success
  type: list
  elements: str
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.ec2_instances import DEAD, InstanceError, Record, tags_of
from ansible.module_utils.named_instances import Instances, assign, expand, is_unnumbered, launch_token, launches
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

# More at once only meets EC2's throttle.
CALLS_AT_ONCE = 5
# EC2 has buckets of its own for launches and tags, and other users of the account drink from them, too.
THROTTLED = AWSRetry.jittered_backoff(retries=12, delay=2, max_delay=20)


def ensure_present(instances: Instances, wanted: list[Record], check_mode: bool) -> Record:
    """Launch what is missing, repair what is there, end what has no number, and wait until all of it runs."""
    existing = instances.existing()
    assigned = assign(wanted, existing)
    missing = [want for want in wanted if want["name"] not in assigned]
    repairs = [
        do for want in wanted if want["name"] in assigned for do in instances.repairs(want, assigned[want["name"]])
    ]
    ids = {name: have["InstanceId"] for name, have in assigned.items()}
    unnumbered = [
        have["InstanceId"]
        for have in existing
        if have["State"]["Name"] not in DEAD
        and have["InstanceId"] not in ids.values()
        and any(is_unnumbered(want, have) for want in wanted)
    ]
    if not check_mode:
        if missing:
            instances.look_at_image()
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            launched = [pool.submit(instances.launch, each, launch_token(each, existing)) for each in launches(missing)]
            for do in repairs:
                do()
            if unnumbered:
                instances.terminate(unnumbered)
        # Only now, so that one refused launch does not hide what became of the others.
        for launch in launched:
            ids |= launch.result()
        instances.names = {identity: name for name, identity in ids.items()}
        found = instances.wait_for(dict.fromkeys(ids.values(), "running"))
        assigned = {name: found[identity] for name, identity in ids.items()}
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            numbers = [pool.submit(do) for want in missing for do in instances.repairs(want, assigned[want["name"]])]
        for number in numbers:
            number.result()
    return {
        "changed": bool(missing or repairs or unnumbered),
        "launched": [want["name"] for want in missing],
        "terminated": unnumbered,
        "instances": [
            {
                "name": name,
                "id": it["InstanceId"],
                "state": it["State"]["Name"],
                "private_ip": it.get("PrivateIpAddress"),
            }
            for name, it in assigned.items()
        ],
    }


def ensure_absent(instances: Instances, check_mode: bool) -> Record:
    """Terminate everything in the scope, or those of it that are named, and wait for it unless that is not wanted."""
    ids = instances.parameters["ids"]
    dying = [each for each in instances.existing() if each["State"]["Name"] != "terminated"]
    dying = [each for each in dying if ids is None or each["InstanceId"] in ids]
    living = [each for each in dying if each["State"]["Name"] not in DEAD]
    if not check_mode and dying:
        if living:
            instances.terminate([each["InstanceId"] for each in living])
        if instances.parameters["wait"]:
            instances.wait_for({each["InstanceId"]: "terminated" for each in dying})
    names = sorted(tags_of(each).get("Name") or str(each["InstanceId"]) for each in living)
    return {"changed": bool(living), "launched": [], "terminated": names, "instances": []}


def main() -> None:
    """Bring the instances of the scope to the wanted state."""
    wanted = {
        "name": {"required": True},
        "indexes": {"type": "int"},
        "tags": {"type": "dict", "default": {}},
        "subnet_id": {},
        "group_ids": {"type": "list", "elements": "str", "default": []},
    }
    options = {
        "state": {"choices": ["present", "absent"], "default": "present"},
        "scope": {"type": "dict", "required": True},
        "ids": {"type": "list", "elements": "str"},
        "instances": {"type": "list", "elements": "dict", "default": [], "options": wanted},
        "image_id": {},
        "instance_type": {},
        "instance_profile": {},
        "key_name": {"default": "", "no_log": False},
        "user_data": {"default": ""},
        "shutdown_behavior": {"choices": ["stop", "terminate"], "default": "stop"},
        "root_volume_gb": {"type": "int", "default": 0},
        "data_volume_gb": {"type": "int", "default": 0},
        "data_device": {"default": "/dev/sdf"},
        "profile_timeout": {"type": "int", "default": 180},
        "wait": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 300},
    }
    module = AnsibleAWSModule(
        argument_spec=options,
        supports_check_mode=True,
        required_if=[("state", "present", ("image_id", "instance_type"))],
    )
    instances = Instances(module.client("ec2", retry_decorator=THROTTLED), module.params)
    try:
        if module.params["state"] == "present":
            result = ensure_present(instances, expand(module.params["instances"]), module.check_mode)
        else:
            result = ensure_absent(instances, module.check_mode)
    except InstanceError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="Could not bring the instances to the wanted state")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
