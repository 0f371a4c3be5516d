"""The sentence of a failed task, from what its module hands over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from plugins.plugin_utils.failures import lost_of, message_of

SAID = "An error occurred (UnauthorizedOperation) when calling the CreateNatGateway operation: You are not authorized."


@pytest.mark.parametrize(("kept", "more"), [("", f": {SAID}"), (f": {SAID}", "")])
@pytest.mark.parametrize("end", ["", " ", "\n"])
def test_what_aws_said_is_said_once(kept: str, more: str, end: str) -> None:
    task: Any = SimpleNamespace(action="amazon.aws.ec2_vpc_nat_gateway")
    traceback = f"Traceback (most recent call last):\nbotocore.exceptions.ClientError: {SAID}{end}\n"
    assert (
        message_of(task, {"msg": f"Failed to create nat gateway{kept}{end}"}, traceback)
        == f"Failed to create nat gateway: {SAID}"
    )


@pytest.mark.parametrize("tries", ["", " (reached max retries: 5)"])
def test_what_a_module_has_said_in_its_own_way_is_not_said_again(tries: str) -> None:
    task: Any = SimpleNamespace(action="ec2_named_instances")
    said = "f-member-0 was not launched: UnauthorizedOperation: You are not authorized."
    kept = SAID.replace(" operation:", f" operation{tries}:")
    assert message_of(task, {"msg": said}, f"botocore.exceptions.ClientError: {kept}\n") == said


@pytest.mark.parametrize("tries", ["", " (reached max retries: 5)"])
def test_a_session_that_aws_refuses_names_the_call_and_the_reason(tries: str) -> None:
    host: Any = SimpleNamespace(
        get_name=lambda: "i-1", get_vars=lambda: {"federation_role": "member", "federation_index": 0}
    )
    refused = f"An error occurred (TargetNotConnected) when calling the StartSession operation{tries}: i-1 is gone."
    assert str(lost_of(host, refused, unreachable=False)).startswith(
        "Member 0 (i-1) cannot be reached: StartSession is refused with TargetNotConnected: i-1 is gone."
    )
