"""The command line of AWS's session-manager-plugin, as the AWS CLI and Ansible's aws_ssm connection call it.

session-manager-plugin RESPONSE REGION StartSession [PROFILE [REQUEST [ENDPOINT]]], where RESPONSE is StartSession's
answer as JSON, or the name of the environment variable that holds it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Final

from session_manager_plugin import VERSION
from session_manager_plugin.request import Request

_INSTALLED: Final = (
    "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n"
    "This is the small one that comes with the project; it speaks as version %s of AWS's does.\n"
)
_RESPONSE_VARIABLE: Final = "AWS_SSM_START_SESSION_RESPONSE"


class UsageError(ValueError):
    """The command line cannot be understood; the message says how it should look."""


def parse(arguments: list[str]) -> Request:
    """Read the command line."""
    if len(arguments) < 3:
        raise UsageError("Use the AWS CLI to start a session: aws ssm start-session --target INSTANCE")
    response, region, operation, profile, _target, endpoint = (arguments + [""] * 3)[:6]
    if operation != "StartSession":
        raise UsageError(f"The operation {operation} is not known; StartSession is the only one.")
    if response == _RESPONSE_VARIABLE:
        response = os.environ.get(_RESPONSE_VARIABLE, "")
    try:
        answer = json.loads(response)
        return Request(
            session_id=answer["SessionId"],
            token=answer["TokenValue"],
            stream_url=answer["StreamUrl"],
            region=region,
            profile=profile,
            endpoint=endpoint,
        )
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            "The first argument must be StartSession's answer with SessionId, TokenValue, StreamUrl."
        ) from None


def main() -> int:
    """Run the plugin; the answer is the exit code."""
    arguments = sys.argv[1:]
    if not arguments:
        print(_INSTALLED % VERSION)
        return 0
    if arguments[0] in ("--version", "-v", "version"):
        print(VERSION)
        return 0
    try:
        request = parse(arguments)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 1
    # The caller waits for this line; it is written before the slower imports, so that both go on side by side.
    os.write(sys.stdout.fileno(), f"\nStarting session with SessionId: {request.session_id}\n".encode())
    from session_manager_plugin.client import Client

    return Client(request, sys.stdin.fileno(), sys.stdout.fileno()).run()


if __name__ == "__main__":
    sys.exit(main())
