#!/usr/bin/python
"""Empties the security group that EC2 gives every VPC, where that is allowed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_default_group_emptied
short_description: Take all rules off the security group that EC2 gives a VPC
description:
  - Revokes every rule of the VPC's own security group, in both directions.
  - EC2 makes this group without tags, so that a policy cannot tell it from those of others. Whoever may not revoke its
    rules is told so by RV(refused), and it is no error.
  - M(amazon.aws.ec2_security_group) does not say why EC2 refuses to revoke a rule.
version_added: 0.1.0
options:
  vpc_id:
    description: The VPC. In check mode it may be one that is not there yet.
    required: true
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
- name: Let nothing into the VPC's own group, and nothing out
  ec2_default_group_emptied:
    region: us-west-2
    vpc_id: vpc-0123456789abcdef0
"""

RETURN = r"""
refused:
  description: What EC2 said where the caller may not revoke a rule; empty otherwise.
  returned: success
  type: str
"""

import contextlib
import time
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says what is missing
    from botocore.exceptions import BotoCoreError, ClientError

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

Record = dict[str, Any]
ARGUMENTS: dict[str, Any] = {"vpc_id": {"required": True}}
DENIED = "UnauthorizedOperation"
# For how many seconds EC2 may not show the group of a VPC that is new.
PATIENCE, PAUSE = 30.0, 1.0


class MissingError(Exception):
    """EC2 shows no such group."""


def group_of(client: Any, vpc: str) -> Record | None:
    """Return the VPC's own group, or None where EC2 does not show it."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    groups = client.describe_security_groups(Filters=filters, aws_retry=True)["SecurityGroups"]
    return next((dict(each) for each in groups if each["GroupName"] == "default" and each["VpcId"] == vpc), None)


def awaited_group_of(client: Any, vpc: str) -> Record:
    """Return the VPC's own group as soon as EC2 shows it; raises MissingError."""
    deadline = time.monotonic() + PATIENCE
    while (group := group_of(client, vpc)) is None:
        if time.monotonic() > deadline:
            raise MissingError(f"EC2 shows no default security group of {vpc} within {PATIENCE:.0f} s: repeat this.")
        time.sleep(PAUSE)
    return group


def empty(client: Any, group: Record) -> str:
    """Revoke every rule; return what EC2 said where the caller may not."""
    calls = {
        "IpPermissions": client.revoke_security_group_ingress,
        "IpPermissionsEgress": client.revoke_security_group_egress,
    }
    try:
        for rules, revoke in calls.items():
            if group.get(rules):
                revoke(GroupId=group["GroupId"], IpPermissions=group[rules], aws_retry=True)
    except ClientError as error:
        if error.response["Error"]["Code"] != DENIED:
            raise
        return str(error)
    return ""


def has_rules(group: Record | None) -> bool:
    """Say whether there is anything to revoke; a group that is still to come has what EC2 gives it."""
    return group is None or bool(group.get("IpPermissions") or group.get("IpPermissionsEgress"))


def main() -> None:
    """Empty it."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    vpc, refused = module.params["vpc_id"], ""
    try:
        client = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff())
        group = group_of(client, vpc) if module.check_mode else awaited_group_of(client, vpc)
        if group is not None and has_rules(group) and not module.check_mode:
            refused = empty(client, group)
    except MissingError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"Could not empty the default security group of {vpc}")
    module.exit_json(changed=has_rules(group) and not refused, refused=refused)


if __name__ == "__main__":
    main()
