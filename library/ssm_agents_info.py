#!/usr/bin/python
"""Wait until the SSM agents of instances are online."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ssm_agents_info
short_description: Wait until the SSM agents of instances are online
description:
  - Asks DescribeInstanceInformation for all instances at once, page by page, until every agent is online or the time
    is up. An error names the agents that are late.
  - An instance that ends meanwhile has no agent to wait for, and is an error at once.
  - It changes nothing.
version_added: 0.1.0
author: [agraph-federation]
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - looks
options:
  instance_ids:
    description: The instances whose agents are awaited.
    type: list
    elements: str
    required: true
  labels:
    description: What to call the instances in an error, by id, for example V(member 1).
    type: dict
    default: {}
  launched:
    description:
      - When instances were started last, by id, for example V(2030-01-31T18:00:00+00:00). For some minutes SSM calls an
        agent online whose instance was stopped; what it heard of it before this moment does not count.
    type: dict
    default: {}
  timeout:
    description: How long to wait for all of them, in seconds. V(0) asks once and never fails for a late agent.
    type: int
    default: 300
  interval:
    description: How long to wait between two calls, in seconds.
    type: float
    default: 3.0
  remedy:
    description: What a person should do about agents that are late; the end of the error.
    type: str
    default: >-
      Does the image start the SSM agent, does the instance profile carry AmazonSSMManagedInstanceCore, and has the
      subnet a way out?
"""

EXAMPLES = r"""
- name: Wait for the SSM agents of all nodes
  ssm_agents_info:
    region: us-west-2
    instance_ids: "{{ groups['federation_nodes'] }}"
    timeout: 300
"""

RETURN = r"""
agents:
  description: What SSM knows about each agent that has ever registered, by instance id.
  returned: always
  type: dict
  contains:
    ping_status:
      description: V(Online), V(ConnectionLost) or V(Inactive).
      type: str
    agent_version:
      description: The agent's version.
      type: str
    ip_address:
      description: The address that the agent reported.
      type: str
late:
  description: The ids of the instances whose agents are not online.
  returned: always
  type: list
  elements: str
waited:
  description: How long it took, in seconds.
  returned: always
  type: float
"""

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

with contextlib.suppress(ImportError):  # AnsibleAWSModule says what is missing
    from botocore.exceptions import BotoCoreError, ClientError

# What one filter of DescribeInstanceInformation takes.
IDS_IN_A_FILTER = 100
NEVER = "never registered"

ARGUMENTS: dict[str, Any] = {
    "instance_ids": {"type": "list", "elements": "str", "required": True},
    "labels": {"type": "dict", "default": {}},
    "launched": {"type": "dict", "default": {}},
    "timeout": {"type": "int", "default": 300},
    "interval": {"type": "float", "default": 3.0},
    "remedy": {
        "type": "str",
        "default": "Does the image start the SSM agent, does the instance profile carry AmazonSSMManagedInstanceCore, "
        "and has the subnet a way out?",
    },
}

Agents = dict[str, dict[str, Any]]
ENDED = {"shutting-down", "terminated", "stopping", "stopped"}


class EndedError(Exception):
    """A sentence that says which instances have ended."""


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = module.params
    try:
        client = module.client("ssm", retry_decorator=AWSRetry.jittered_backoff())
        ec2 = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff())

        def look(late: Sequence[str]) -> None:
            if said := ended(ec2, late, wanted["labels"]):
                raise EndedError(said)

        agents, late, waited = wait(
            client, wanted["instance_ids"], wanted["timeout"], wanted["interval"], look, wanted["launched"]
        )
    except EndedError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="SSM does not say which agents are online")
    answer = {"changed": False, "agents": agents, "late": late, "waited": round(waited, 1)}
    if late and wanted["timeout"] > 0:
        module.fail_json(msg=sentence(agents, late, wanted["labels"], wanted["timeout"], wanted["remedy"]), **answer)
    module.exit_json(**answer)


def wait(
    client: Any,
    instance_ids: Sequence[str],
    timeout: float,
    interval: float,
    look: Callable[[Sequence[str]], None] = lambda late: None,
    launched: Mapping[str, str] | None = None,
) -> tuple[Agents, list[str], float]:
    """Ask until all are online or the time is up; return what is known, who is late, and the seconds it took.

    Those who are late are shown to `look` each time, which may raise what is in the way; `launched` says of instances
    when they were started last.
    """
    moments = {each: datetime.datetime.fromisoformat(said) for each, said in (launched or {}).items()}
    started = time.monotonic()
    while True:
        agents = {agent["instance_id"]: agent for agent in described(client, instance_ids)}
        late = [each for each in instance_ids if not online(agents.get(each, {}), moments.get(each))]
        waited = time.monotonic() - started
        if not late or waited + interval > timeout:
            return agents, late, waited
        look(late)
        time.sleep(interval)


def online(agent: Mapping[str, Any], launched: datetime.datetime | None) -> bool:
    """Tell whether an agent is online, and was heard of since its instance was started."""
    heard = agent.get("last_ping_date_time")
    return agent.get("ping_status") == "Online" and (launched is None or heard is None or heard >= launched)


def ended(client: Any, instance_ids: Sequence[str], labels: Mapping[str, str]) -> str | None:
    """Say which instances have ended, and why; None when none has."""
    found = []
    # By a filter, which an instance that EC2 does not know yet is no error of.
    for start in range(0, len(instance_ids), IDS_IN_A_FILTER):
        filters = [{"Name": "instance-id", "Values": list(instance_ids[start : start + IDS_IN_A_FILTER])}]
        for reservation in client.describe_instances(aws_retry=True, Filters=filters)["Reservations"]:
            found += [each for each in reservation["Instances"] if each["State"]["Name"] in ENDED]
    if not found:
        return None
    names = (labels.get(each["InstanceId"], "An instance") for each in found)
    said = [
        f"{name} ({each['InstanceId']}) is {each['State']['Name']} "
        f"({each.get('StateReason', {}).get('Message') or 'no reason given'})"
        for name, each in zip(names, found, strict=True)
    ]
    return f"{', '.join(said)} while its SSM agent was waited for."


def described(client: Any, instance_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what SSM knows about the agents; terminated instances' agents are unknown to it."""
    for start in range(0, len(instance_ids), IDS_IN_A_FILTER):
        wanted = {"Filters": [{"Key": "InstanceIds", "Values": list(instance_ids[start : start + IDS_IN_A_FILTER])}]}
        token: dict[str, str] = {}
        while True:
            page = client.describe_instance_information(aws_retry=True, MaxResults=50, **wanted, **token)
            for each in page["InstanceInformationList"]:
                yield camel_dict_to_snake_dict(each)
            if not page.get("NextToken"):
                break
            token = {"NextToken": page["NextToken"]}


def sentence(agents: Agents, late: Sequence[str], labels: Mapping[str, str], timeout: float, remedy: str) -> str:
    """Name the agents that are late, the seconds waited, and the remedy."""
    named = [f"{labels[each]} ({each})" if each in labels else each for each in late]
    states = [agents.get(each, {}).get("ping_status", NEVER) for each in late]
    who = ", ".join(f"{name}: {state}" for name, state in zip(named, states, strict=True))
    count = "1 SSM agent is" if len(late) == 1 else f"{len(late)} SSM agents are"
    return f"{count} not online after {timeout} s ({who}). {remedy}"


if __name__ == "__main__":
    main()
