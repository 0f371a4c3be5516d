"""What a request to Systems Manager or to the tagging API asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cloud import context, environment
from sandbox.cloud.authorisation.ec2 import Surroundings, request_tags
from sandbox.cloud.authorisation.policies import Question
from sandbox.cloud.authorisation.principals import user_id_of
from sandbox.cloud.authorisation.wildcards import Keys

TAGGED = {"Document": "document", "Parameter": "parameter"}
"""Types of resources in AddTagsToResource, with how their ARNs begin."""


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
        session = str(arguments.get("SessionId", ""))
        yield Question(action, f"{root}session/{session}", {**common, **_tags_of_session(session)})
    elif operation in ("AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"):
        kind, name = str(arguments.get("ResourceType", "")), str(arguments.get("ResourceId", ""))
        keys = {**common, **_tags_of(kind, name, region), **request_tags(arguments.get("Tags") or [])}
        yield Question(action, f"{root}{TAGGED.get(kind, kind.lower())}/{name.lstrip('/')}", keys)
    elif names := _parameters(operation, arguments):
        for name in names:
            yield from _of_a_parameter(operation, name, arguments, region, common)
    elif operation == "GetParametersByPath":
        yield Question(action, f"{root}parameter/{str(arguments.get('Path', '')).strip('/')}", common)
    elif not named:
        yield Question(action, "*", common)


def _parameters(operation: str, arguments: Mapping[str, Any]) -> list[str]:
    if "Parameter" not in operation:
        return []
    return [str(arguments["Name"])] if "Name" in arguments else [str(each) for each in arguments.get("Names") or []]


def _of_a_parameter(
    operation: str, name: str, arguments: Mapping[str, Any], region: str, common: Keys
) -> Iterator[Question]:
    account = "" if name.startswith("/aws/") else environment.ACCOUNT
    resource = f"arn:aws:ssm:{region}:{account}:parameter/{name.lstrip('/')}"
    wanted = request_tags(arguments.get("Tags") or [])
    keys = {**common, **_tags_of("Parameter", name, region), **wanted}
    if operation == "PutParameter":
        keys["ssm:overwrite"] = (str(bool(arguments.get("Overwrite"))).lower(),)
    yield Question(f"ssm:{operation}", resource, keys)
    if wanted:
        yield Question("ssm:AddTagsToResource", resource, keys)


def _tags_of(kind: str, name: str, region: str) -> dict[str, tuple[str, ...]]:
    """Return what conditions may know of a parameter or a document that is there."""
    from moto.ssm.models import ssm_backends

    # Not by moto's own method, which knows no tags of what is not there.
    tags = ssm_backends[environment.ACCOUNT][region]._resource_tags.get(kind, {}).get(name, {})
    return {f"{service}:resourcetag/{key.lower()}": (str(tags[key]),) for key in tags for service in ("aws", "ssm")}


def _tags_of_session(session: str) -> dict[str, tuple[str, ...]]:
    """Return the tags that AWS gives a session when it begins: whose it is, and where."""
    begun = context.current().session_of(session)
    if begun is None:
        return {}
    owner, instance = begun
    prefix = "ssm:resourcetag/aws:ssmmessages:"
    return {f"{prefix}session-id": (user_id_of(owner),), f"{prefix}target-id": (instance,)}
