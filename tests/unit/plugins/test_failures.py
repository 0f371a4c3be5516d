"""The sentence of a failed task, from what its module hands over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from plugins.plugin_utils.failures import message_of

SAID = "An error occurred (UnauthorizedOperation) when calling the CreateNatGateway operation: You are not authorized."


@pytest.mark.parametrize(("kept", "more"), [("", f": {SAID}"), (f": {SAID}", "")])
@pytest.mark.parametrize("end", ["", " ", "\n"])
def test_what_aws_said_is_said_once(kept: str, more: str, end: str) -> None:
    task: Any = SimpleNamespace(action="amazon.aws.ec2_vpc_nat_gateway")
    result = {
        "msg": f"Failed to create nat gateway{kept}{end}",
        "exception": f"Traceback (most recent call last):\nbotocore.exceptions.ClientError: {SAID}{end}\n",
    }
    assert message_of(task, result) == f"Failed to create nat gateway: {SAID}"


def test_what_a_module_has_said_in_its_own_way_is_not_said_again() -> None:
    task: Any = SimpleNamespace(action="ec2_named_instances")
    said = "f-member-0 was not launched: UnauthorizedOperation: You are not authorized."
    assert message_of(task, {"msg": said, "exception": f"botocore.exceptions.ClientError: {SAID}\n"}) == said
