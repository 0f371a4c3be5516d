#!/usr/bin/python
"""Removes what was made twice because AWS's answer got lost, and a client asked again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_surplus_absent
short_description: Remove what was made twice and serves nothing
description:
  - EC2 takes no token for VPCs, internet gateways and addresses. When the answer to their creation gets lost, a client
    that asks again makes a second one, which carries the same tags, and an address that is paid for.
  - Of those in the scope that have the same tag C(Name), the ones in use stay, or one where none is. A VPC is in use
    when there is a subnet in it, an internet gateway when it is attached, an address when it is associated.
version_added: 0.1.0
options:
  scope:
    description: Tags that all of them have.
    required: true
    type: dict
attributes:
  check_mode:
    description: Can run in check mode and says what it would remove.
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
- name: Remove what was made twice
  ec2_surplus_absent:
    region: us-west-2
    scope: {Project: example}
"""

RETURN = r"""
removed:
  description: The ids of what was removed.
  returned: success
  type: list
  elements: str
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says what is missing
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.aws_answers import all_of
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

Record = dict[str, Any]
ARGUMENTS: dict[str, Any] = {"scope": {"type": "dict", "required": True}}


@dataclass(frozen=True)
class Kind:
    """A kind of thing that can be made twice."""

    describe: str
    key: str
    identity: str
    delete: str
    in_use: Callable[[Record, set[str]], bool]


KINDS = (
    Kind(
        "describe_internet_gateways",
        "InternetGateways",
        "InternetGatewayId",
        "delete_internet_gateway",
        lambda it, _: bool(it.get("Attachments")),
    ),
    Kind(
        "describe_addresses",
        "Addresses",
        "AllocationId",
        "release_address",
        lambda it, _: bool(it.get("AssociationId")),
    ),
    Kind("describe_vpcs", "Vpcs", "VpcId", "delete_vpc", lambda it, settled: it["VpcId"] in settled),
)


def name_of(it: Record) -> str:
    """Return a thing's tag Name."""
    return next((str(tag["Value"]) for tag in it.get("Tags", []) if tag["Key"] == "Name"), "")


def surplus(kind: Kind, found: list[Record], settled: set[str]) -> list[str]:
    """Return the ids of those that have another one's name and are in nobody's use; `settled` VPCs have subnets."""
    unused: list[str] = []
    for name in sorted({name_of(it) for it in found} - {""}):
        same = [it for it in found if name_of(it) == name]
        idle = sorted(str(it[kind.identity]) for it in same if not kind.in_use(it, settled))
        unused += idle if len(idle) < len(same) else idle[1:]
    return unused


class Account:
    """What EC2 has of a scope."""

    def __init__(self, client: Any, scope: dict[str, str]) -> None:
        self.client = client
        self.filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in scope.items()]

    def described(self, operation: str, key: str) -> Iterator[Record]:
        """Describe all of a kind."""
        yield from all_of(self.client, operation, key, Filters=self.filters)

    def surplus(self) -> Iterator[tuple[Kind, str]]:
        """Find what is to go, in the order in which EC2 lets it."""
        settled = {str(it["VpcId"]) for it in self.described("describe_subnets", "Subnets")}
        for kind in KINDS:
            for identity in surplus(kind, list(self.described(kind.describe, kind.key)), settled):
                yield kind, identity

    def remove(self, kind: Kind, identity: str) -> None:
        """Remove one; one that is gone is well."""
        try:
            getattr(self.client, kind.delete)(**{kind.identity: identity}, aws_retry=True)
        except ClientError as error:
            if not error.response["Error"]["Code"].endswith(".NotFound"):
                raise


def main() -> None:
    """Remove what is too much."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        account = Account(module.client("ec2", retry_decorator=AWSRetry.jittered_backoff()), module.params["scope"])
        found = list(account.surplus())
        for kind, identity in [] if module.check_mode else found:
            account.remove(kind, identity)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="Could not remove what was made twice")
    module.exit_json(changed=bool(found), removed=[identity for _, identity in found])


if __name__ == "__main__":
    main()
