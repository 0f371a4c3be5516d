"""What a request to Systems Manager or to the tagging API asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cloud import environment
from sandbox.cloud.authorisation.ec2 import Surroundings
from sandbox.cloud.authorisation.policies import Question
from sandbox.cloud.authorisation.wildcards import Keys


def questions(operation: str, arguments: Mapping[str, Any], region: str, common: Keys) -> Iterator[Question]:
    """Return what has to be allowed in Systems Manager."""
    action, here = f"ssm:{operation}", Surroundings(region)
    root = f"arn:aws:ssm:{region}:{environment.ACCOUNT}:"
    named = [str(arguments["Target"])] if operation == "StartSession" else []
    named += [str(each) for each in arguments.get("InstanceIds") or [] if operation == "SendCommand"]
    for each in named:
        keys = here.keys("instance", each)
        tags = {f"ssm:{name.partition(':')[2]}": value for name, value in keys.items() if name.startswith("aws:")}
        yield Question(action, here.arn("instance", each), {**common, **keys, **tags})
    if operation == "SendCommand" or (operation == "StartSession" and "DocumentName" in arguments):
        document = str(arguments["DocumentName"])
        account = "" if document.startswith(("AWS-", "AWSSSM-", "Amazon")) else environment.ACCOUNT
        yield Question(action, f"arn:aws:ssm:{region}:{account}:document/{document}", common)
    elif operation in ("ResumeSession", "TerminateSession"):
        yield Question(action, f"{root}session/{arguments.get('SessionId', '')}", common)
    elif (
        names := [str(arguments["Name"])]
        if "Parameter" in operation and "Name" in arguments
        else (arguments.get("Names") if "Parameter" in operation else None)
    ):
        for name in names:
            start = f"arn:aws:ssm:{region}::" if str(name).startswith("/aws/") else root
            yield Question(action, f"{start}parameter/{str(name).lstrip('/')}", common)
    elif operation == "GetParametersByPath":
        yield Question(action, f"{root}parameter/{str(arguments.get('Path', '')).strip('/')}", common)
    elif not named:
        yield Question(action, "*", common)
