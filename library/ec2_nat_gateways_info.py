#!/usr/bin/python
"""Waits for NAT gateways, the slowest things to come and to go."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_nat_gateways_info
short_description: Wait until NAT gateways are available, or deleted
description:
  - Waits for all given gateways together. M(amazon.aws.ec2_vpc_nat_gateway) waits only for a gateway that it has just
    made or deleted itself, and not for one that an earlier run left pending or deleting.
  - Changes nothing.
version_added: 0.1.0
options:
  nat_gateway_ids:
    description: The gateways.
    required: true
    type: list
    elements: str
  state:
    description: The state to wait for.
    choices: [available, deleted]
    required: true
    type: str
  timeout:
    description: How long to wait for all of them, in seconds.
    default: 300
    type: int
  interval:
    description: How long to wait between two calls, in seconds.
    default: 2.0
    type: float
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - looks
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Wait until the gateway is there
  ec2_nat_gateways_info:
    region: us-west-2
    nat_gateway_ids: [nat-0123456789abcdef0]
    state: available
"""

RETURN = r"""
states:
  description: The state of each gateway, by its id.
  returned: always
  type: dict
waited:
  description: How long it took, in seconds.
  returned: always
  type: float
"""

import contextlib
import time
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says what is missing
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.aws_answers import all_of
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENTS: dict[str, Any] = {
    "nat_gateway_ids": {"type": "list", "elements": "str", "required": True},
    "state": {"choices": ["available", "deleted"], "required": True},
    "timeout": {"type": "int", "default": 300},
    "interval": {"type": "float", "default": 2.0},
}
REMEDY = "Repeat the run, it goes on from here; look with: aws ec2 describe-nat-gateways"


def described(client: Any, identities: list[str], wanted: str) -> dict[str, dict[str, str]]:
    """Describe the gateways; one that EC2 does not know is too new for that, or it has been forgotten."""
    filters = [{"Name": "nat-gateway-id", "Values": identities}]
    answer = all_of(client, "describe_nat_gateways", "NatGateways", Filter=filters)
    found = {each["NatGatewayId"]: each for each in answer}
    unknown = {"State": "deleted" if wanted == "deleted" else "unknown to EC2"}
    return {each: found.get(each, unknown) for each in identities}


def problem(gateways: dict[str, dict[str, str]], wanted: str) -> str | None:
    """Name a gateway that will never be available."""
    for identity, gateway in gateways.items():
        if wanted == "available" and gateway["State"] in ("failed", "deleting", "deleted"):
            reason = (
                f"{gateway.get('FailureCode', gateway['State'])}: {gateway.get('FailureMessage', 'no reason given')}"
            )
            return f"The NAT gateway {identity} did not become available ({reason}); the next run makes another."
    return None


def main() -> None:
    """Wait, and fail with a sentence when it takes too long."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted, timeout, started = module.params["state"], module.params["timeout"], time.monotonic()
    try:
        client = module.client("ec2")
        while True:
            identities = module.params["nat_gateway_ids"]
            gateways = described(client, identities, wanted) if identities else {}
            states = {identity: gateway["State"] for identity, gateway in gateways.items()}
            answer = {"changed": False, "states": states, "waited": round(time.monotonic() - started, 1)}
            late = [f"{identity} is still {state}" for identity, state in states.items() if state != wanted]
            if failure := problem(gateways, wanted):
                module.fail_json(msg=failure, **answer)
            if not late:
                module.exit_json(**answer)
            if time.monotonic() - started > timeout:
                module.fail_json(msg=f"The NAT gateway {', '.join(late)} after {timeout} s. {REMEDY}", **answer)
            time.sleep(module.params["interval"])
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="EC2 does not say what became of the NAT gateway")


if __name__ == "__main__":
    main()
