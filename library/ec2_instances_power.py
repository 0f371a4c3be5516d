#!/usr/bin/python
"""Stops EC2 instances that have the same tags, or starts them again, and waits until all of them are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_instances_power
short_description: Stop all EC2 instances with the same tags, or start them again
description:
  - Stops or starts all instances of a scope with one call, and waits until each is stopped, or runs. None is made, and
    none is removed; one that has ended, or ends, is none of them.
  - Where EC2 has no room for all of them, each is started by itself, so that those run for which there is room, and the
    error names the others. Repeated, it goes on from there.
version_added: 0.1.0
options:
  state:
    description: What the instances are to do.
    choices: [running, stopped]
    required: true
    type: str
  scope:
    description: The tags that all of the instances carry; no other instance is looked at.
    required: true
    type: dict
  timeout:
    description: How long to wait until all of them do, in seconds.
    default: 300
    type: int
  remedy:
    description: What a person should do when not all of them do; the end of the error.
    default: repeat the run, it goes on from here
    type: str
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
- name: Stop them for the night
  ec2_instances_power:
    region: us-west-2
    scope: {Project: example}
    state: stopped

- name: Start them again
  ec2_instances_power:
    region: us-west-2
    scope: {Project: example}
    state: running
"""

RETURN = r"""
instances:
  description:
    - All instances of the scope that have not ended, each with C(name), C(id), C(state), C(role), the tag C(Role), and
      C(launched), the moment at which it was started last.
  returned: success
  type: list
  elements: dict
turned:
  description: The names of those that were stopped or started.
  returned: success
  type: list
  elements: str
"""

import contextlib
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.ec2_instances import DEAD, InstanceError, described, state_of, tags_of, title, wait_for
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

Record = dict[str, Any]
ARGUMENTS: dict[str, Any] = {
    "state": {"choices": ["running", "stopped"], "required": True},
    "scope": {"type": "dict", "required": True},
    "timeout": {"type": "int", "default": 300},
    "remedy": {"default": "repeat the run, it goes on from here"},
}
# What an instance is on its way to, by its state.
BECOMES = {"pending": "running", "stopping": "stopped"}
# With these EC2 says that there is no room for a start, be it its own or that of the account's quota.
NO_ROOM = ("InsufficientInstanceCapacity", "InsufficientHostCapacity", "InstanceLimitExceeded", "VcpuLimitExceeded")


class Power:
    """The instances of one scope."""

    def __init__(self, client: Any, wanted: Record) -> None:
        self.client = client
        self.wanted = wanted

    def look(self) -> list[Record]:
        """Describe all that have not ended, in the order of their names."""
        found: list[Record] = described(self.client, self.wanted["scope"])
        living = [each for each in found if state_of(each) not in DEAD]
        return sorted(living, key=lambda each: (len(tags_of(each).get("Name", "")), tags_of(each).get("Name", "")))

    def wait(self, states: dict[str, str]) -> dict[str, Record]:
        """Wait until each is in its state."""
        # With the dead among them, who tell why they are.
        found: dict[str, Record] = wait_for(
            lambda: described(self.client, self.wanted["scope"]),
            states,
            self.wanted["timeout"],
            {},
            self.wanted["remedy"],
        )
        return found

    def turn(self, instances: list[Record]) -> None:
        """Have all of them in the wanted state; raises InstanceError where that cannot be."""
        state = self.wanted["state"]
        other = [each for each in instances if BECOMES.get(state_of(each), state_of(each)) != state]
        if not other:
            self.wait({each["InstanceId"]: state for each in instances})
            return
        # What is on its way somewhere has to arrive before it can be sent back.
        self.wait({each["InstanceId"]: BECOMES.get(state_of(each), state_of(each)) for each in other})
        ids = [each["InstanceId"] for each in other]
        refused: dict[str, str] = {}
        if state == "stopped":
            self.client.stop_instances(aws_retry=True, InstanceIds=ids)
        else:
            refused = self.start(ids)
        found = self.wait({each["InstanceId"]: state for each in instances if each["InstanceId"] not in refused})
        if refused:
            raise InstanceError(no_room(refused, found, len(instances), self.wanted["remedy"]))

    def start(self, ids: list[str]) -> dict[str, str]:
        """Start all at once, or each by itself where there is no room for all; return what was said of the refused."""
        try:
            self.client.start_instances(aws_retry=True, InstanceIds=ids)
        except ClientError as error:
            problem = error.response["Error"]
            if problem["Code"] not in NO_ROOM:
                raise
            if len(ids) == 1:
                return {ids[0]: str(problem["Message"])}
            return {identity: said for each in ids for identity, said in self.start([each]).items()}
        return {}


def no_room(refused: dict[str, str], found: dict[str, Record], count: int, remedy: str) -> str:
    """Say which of all the instances EC2 has no room for; `refused` has EC2's words by id."""
    names = ", ".join(title(found.get(each, {}), each, {}) for each in refused)
    said = next(iter(refused.values())).rstrip(".")
    running = count - len(refused)
    others = f"; the other {running} run, and are paid for" if running > 1 else ""
    others = "; the other one runs, and is paid for" if running == 1 else others
    return f"{names} could not be started, since AWS has no room at present ({said}){others}: {remedy}."


def outcome(instances: list[Record], turned: list[Record]) -> Record:
    """Return what the module answers."""
    return {
        "changed": bool(turned),
        "turned": [tags_of(each).get("Name") or each["InstanceId"] for each in turned],
        "instances": [
            {
                "name": tags_of(each).get("Name", ""),
                "id": each["InstanceId"],
                "state": state_of(each),
                "role": tags_of(each).get("Role", ""),
                "launched": each["LaunchTime"],
            }
            for each in instances
        ],
    }


def main() -> None:
    """Stop or start what is there."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    state = module.params["state"]
    try:
        power = Power(module.client("ec2", retry_decorator=AWSRetry.jittered_backoff()), module.params)
        instances = power.look()
        turned = [each for each in instances if BECOMES.get(state_of(each), state_of(each)) != state]
        if instances and not module.check_mode:
            power.turn(instances)
            instances = power.look()
    except InstanceError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The instances cannot be made {state}")
    module.exit_json(**outcome(instances, turned))


if __name__ == "__main__":
    main()
