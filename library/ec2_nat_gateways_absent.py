#!/usr/bin/python
"""Deletes NAT gateways in whatever state they are, those that failed too."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_nat_gateways_absent
short_description: Delete NAT gateways in whatever state they are
description:
  - Deletes all given gateways and does not wait; M(ec2_nat_gateways_info) does.
  - M(amazon.aws.ec2_vpc_nat_gateway) leaves a gateway that failed as it is, and EC2 shows it for about an hour.
version_added: 0.1.0
options:
  nat_gateway_ids:
    description: The gateways. One that EC2 does not know is gone already.
    required: true
    type: list
    elements: str
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
- name: Delete the gateway
  ec2_nat_gateways_absent:
    region: us-west-2
    nat_gateway_ids: [nat-0123456789abcdef0]
"""

RETURN = r"""
deleted:
  description: The gateways that this call has begun to delete.
  returned: success
  type: list
  elements: str
"""

import contextlib
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says what is missing
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.aws_answers import all_of
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

ARGUMENTS: dict[str, Any] = {"nat_gateway_ids": {"type": "list", "elements": "str", "required": True}}
GONE = {"deleting", "deleted"}


def standing(client: Any, identities: list[str]) -> list[str]:
    """Return the gateways that are not on their way out; one that EC2 does not show may just be too new."""
    filters = [{"Name": "nat-gateway-id", "Values": identities}]
    answer = all_of(client, "describe_nat_gateways", "NatGateways", Filter=filters)
    gone = {each["NatGatewayId"] for each in answer if each["State"] in GONE}
    return [each for each in identities if each not in gone]


def delete(client: Any, identity: str) -> bool:
    """Delete one; say whether it was there."""
    try:
        client.delete_nat_gateway(NatGatewayId=identity, aws_retry=True)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NatGatewayNotFound":
            return False
        raise
    return True


def main() -> None:
    """Delete what is there."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    identities = module.params["nat_gateway_ids"]
    try:
        client = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff())
        deleted = standing(client, identities) if identities else []
        if not module.check_mode:
            deleted = [identity for identity in deleted if delete(client, identity)]
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"Could not delete the NAT gateways {', '.join(identities)}")
    module.exit_json(changed=bool(deleted), deleted=deleted)


if __name__ == "__main__":
    main()
