#!/usr/bin/python
"""Passwords that nobody chose and nobody is shown, in Systems Manager's Parameter Store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ssm_secrets
short_description: Keep generated passwords in the Parameter Store
description:
  - Makes each parameter that is not there yet, as a SecureString with a password of 256 random bits. One that is there
    keeps its value, which is never read, returned or printed.
  - A parameter of the same name without the wanted tags is somebody else's, and an error; it is never touched.
version_added: 0.1.0
options:
  names:
    description: The parameters' names.
    required: true
    type: list
    elements: str
  state:
    description: Whether they are to be there.
    choices: [present, absent]
    default: present
    type: str
  tags:
    description: Tags of each of them, from the call that creates it. They say whose it is.
    default: {}
    type: dict
attributes:
  check_mode:
    description: Can run in check mode and says what it would do.
    support: full
  diff_mode:
    description: Names the parameters that are made or deleted, never their values.
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Have a password for the superuser
  ssm_secrets:
    names: [/agraph/superuser]
    tags: {Federation: agraph, Role: secret}
    region: us-west-2

- name: Delete it
  ssm_secrets:
    names: [/agraph/superuser]
    tags: {Federation: agraph, Role: secret}
    state: absent
    region: us-west-2
"""

RETURN = r"""
names:
  description: The parameters that were made or deleted, or would be.
  returned: success
  type: list
  elements: str
"""

import contextlib
import secrets
import time
from collections.abc import Mapping
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

OPTIONS: dict[str, Any] = {
    "names": {"type": "list", "elements": "str", "required": True},
    "state": {"choices": ["present", "absent"], "default": "present"},
    "tags": {"type": "dict", "default": {}},
}
# Bytes of a password: as long as the key that encrypts it.
LENGTH = 32
# AWS asks for half a minute between a parameter's end and the next one of its name.
PATIENCE = 45.0
PAUSE = 1.0
BUSY = ("ParameterAlreadyExists", "TooManyUpdates")


class OthersError(Exception):
    """A parameter is not ours, in one sentence."""


def ours(client: Any, name: str, tags: Mapping[str, str]) -> bool | None:
    """Say whether a parameter is there and has the tags; None when it is not there."""
    found = client.describe_parameters(ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}])
    if not found["Parameters"]:
        return None
    held = client.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    return set(tags.items()) <= {(each["Key"], each["Value"]) for each in held}


def make(client: Any, name: str, tags: Mapping[str, str], patience: float = PATIENCE) -> None:
    """Create a parameter with a new password; one that came meanwhile is as good when it is ours."""
    deadline = time.monotonic() + patience
    while True:
        try:
            client.put_parameter(
                Name=name,
                Value=secrets.token_urlsafe(LENGTH),
                Type="SecureString",
                Overwrite=False,
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in BUSY:
                raise
            # Also the answer to a call that was repeated because its own first answer was lost.
            mine = ours(client, name, tags)
            if mine is False:
                raise OthersError(refusal(name)) from None
            if mine is None and time.monotonic() > deadline:
                raise
            if mine is None:
                time.sleep(PAUSE)
                continue
        return


def refusal(name: str) -> str:
    """Say that a parameter is somebody else's, and what to do."""
    return (
        f"The Parameter Store has a parameter {name} already that is not this federation's: it lacks its tags. "
        "Choose another federation_name, or delete the parameter if nobody needs it."
    )


def settle(client: Any, wanted: dict[str, Any], check_mode: bool) -> list[str]:
    """Bring the parameters to the wanted state, and return the names of those that were not in it."""
    known = {name: ours(client, name, wanted["tags"]) for name in wanted["names"]}
    if wanted["state"] == "absent":
        doomed = [name for name, mine in known.items() if mine]
        if doomed and not check_mode:
            client.delete_parameters(Names=doomed)
        return doomed
    for name, mine in known.items():
        if mine is False:
            raise OthersError(refusal(name))
    missing = [name for name, mine in known.items() if mine is None]
    for name in [] if check_mode else missing:
        make(client, name, wanted["tags"])
    return missing


def main() -> None:
    """Bring the parameters to the wanted state."""
    module = AnsibleAWSModule(argument_spec=OPTIONS, supports_check_mode=True)
    wanted = module.params
    try:
        names = settle(module.client("ssm"), wanted, module.check_mode)
    except OthersError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The secrets {', '.join(wanted['names'])} cannot be made {wanted['state']}")
    there = "".join(f"{name}\n" for name in names)
    before, after = (there, "") if wanted["state"] == "absent" else ("", there)
    module.exit_json(changed=bool(names), names=names, diff={"before": before, "after": after})


if __name__ == "__main__":
    main()
