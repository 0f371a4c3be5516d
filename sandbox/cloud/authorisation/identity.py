"""What a request to IAM or STS asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cloud import environment
from sandbox.cloud.authorisation.ec2 import passes, request_tags
from sandbox.cloud.authorisation.policies import Question
from sandbox.cloud.authorisation.principals import boundary_of
from sandbox.cloud.authorisation.wildcards import Keys

NAMED = {
    "RoleName": ("role", "roles"),
    "UserName": ("user", "users"),
    "GroupName": ("group", "groups"),
    "InstanceProfileName": ("instance-profile", "instance_profiles"),
}
LISTS = {"ListRoles": "role", "ListUsers": "user", "ListGroups": "group", "ListInstanceProfiles": "instance-profile"}
OF_THE_CALLER = ("AccessKey", "LoginProfile", "SigningCertificate", "GetUser", "ChangePassword")
"""Operations that are about the caller where they name no user."""
FREE = ("GetCallerIdentity", "GetSessionToken")
"""Operations that need no permission."""


def questions(operation: str, arguments: Mapping[str, Any], common: Keys) -> Iterator[Question]:
    """Return what has to be allowed in IAM."""
    from moto.iam.models import iam_backends

    iam = iam_backends[environment.ACCOUNT]["aws"]
    action, keys = f"iam:{operation}", dict(common)
    root = f"arn:aws:iam::{environment.ACCOUNT}:"
    tags = arguments.get("Tags") or []
    keys |= request_tags(tags)
    if "PolicyArn" in arguments and operation.startswith(("Attach", "Detach")):
        keys["iam:policyarn"] = (str(arguments["PolicyArn"]),)
    if "PermissionsBoundary" in arguments:
        keys["iam:permissionsboundary"] = (str(arguments["PermissionsBoundary"]),)
    if operation in ("AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile"):
        role = iam.roles.get(_id(iam.roles, arguments["RoleName"]))
        if role is not None and operation.startswith("Add"):
            yield passes(role, common)
        arguments = {"InstanceProfileName": arguments["InstanceProfileName"]}
    if "GroupName" in arguments:
        arguments = {name: value for name, value in arguments.items() if name != "UserName"}
    resource = "*"
    for parameter, (kind, plural) in NAMED.items():
        if name := arguments.get(parameter):
            known = getattr(iam, plural)
            thing = known.get(_id(known, name))
            path = arguments.get("Path", "/")
            resource = str(thing.arn) if thing is not None else f"{root}{kind}{path}{name}"
            if (limit := boundary_of(thing)) is not None and "PermissionsBoundary" not in arguments:
                keys["iam:permissionsboundary"] = (limit,)
            for tag in _tags(thing):
                keys[f"aws:resourcetag/{tag['Key'].lower()}"] = (tag["Value"],)
                keys[f"iam:resourcetag/{tag['Key'].lower()}"] = (tag["Value"],)
            break
    else:
        if operation in LISTS:
            resource = f"{root}{LISTS[operation]}{arguments.get('PathPrefix', '/')}"
        elif operation == "CreatePolicy":
            resource = f"{root}policy{arguments.get('Path', '/')}{arguments['PolicyName']}"
        elif "PolicyArn" in arguments:
            resource = str(arguments["PolicyArn"])
        elif any(each in operation for each in OF_THE_CALLER) and "aws:username" in common:
            resource = common["aws:principalarn"][0]
    yield Question(action, resource, keys)
    if tags and operation.startswith("Create"):
        yield Question(action.replace("Create", "Tag"), resource, keys)


def _id(known: Mapping[str, Any], name: str) -> str:
    return next((identifier for identifier, each in known.items() if each.name == name), "")


def _tags(thing: Any) -> list[dict[str, str]]:
    tags = getattr(thing, "tags", None) or {}
    return list(tags.values()) if isinstance(tags, dict) else list(tags)


def token_questions(operation: str, arguments: Mapping[str, Any], common: Keys) -> Iterator[Question]:
    """Return what has to be allowed in STS."""
    if operation not in FREE:
        yield Question(f"sts:{operation}", str(arguments.get("RoleArn", "*")), common)
