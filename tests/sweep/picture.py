"""The account as it must be again, and a federation as it must be made, without what differs from one to the next."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from harness import Sandbox, account

Picture = dict[str, list[str]]

NAMES = (
    "RoleName",
    "InstanceProfileName",
    "GroupName",
    "KeyName",
    "PolicyName",
    "UserName",
    "Name",
)
# What says that a thing was made as a whole, besides its name.
TRAITS = ("IpProtocol", "FromPort", "ToPort", "IsEgress", "CidrIpv4", "CidrBlock", "MapPublicIpOnLaunch")
COUNTED = ("Routes", "Associations", "Attachments", "SecurityGroups", "Groups", "IamInstanceProfile", "AssociationId")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*")
BUCKET_PARTS = (
    "get_public_access_block",
    "get_bucket_policy",
    "get_bucket_encryption",
    "get_bucket_ownership_controls",
    "get_bucket_versioning",
    "get_bucket_lifecycle_configuration",
    "get_bucket_tagging",
)


def label(item: Any) -> str:
    """Return what is the same of a thing whenever it is made."""
    if not isinstance(item, dict):
        return str(item)
    if "ResourceId" in item:
        return TIME.sub("TIME", f"{item['ResourceType']} {item['Key']}={item['Value']}")
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
    name = tags.get("Name") or next((str(item[key]) for key in NAMES if key in item), "")
    traits = [f"{key}={item[key]}" for key in TRAITS if key in item]
    counts = [f"{key}:{len(item[key])}" for key in COUNTED if isinstance(item.get(key), list)]
    state = item.get("State", "")
    return " ".join([name, *traits, *counts, str(state.get("Name", "") if isinstance(state, dict) else state)]).strip()


def federation(sandbox: Sandbox, before: Picture) -> Picture:
    """Return what is in the account that was not there before, by its labels."""
    now = account(sandbox)
    made = {kind: [json.loads(each) for each in now[kind] if each not in before[kind]] for kind in now}
    found = {kind: sorted(map(label, items)) for kind, items in made.items()}
    ec2, iam, s3 = (sandbox.client(name) for name in ("ec2", "iam", "s3"))
    for vpc in made["describe_vpcs"]:
        for attribute in ("enableDnsHostnames", "enableDnsSupport"):
            answer = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
            found.setdefault("vpc attributes", []).append(f"{attribute} {said(partial(dict, answer))}")
    for role in made["roles"]:
        name = role["RoleName"]
        found.setdefault("policies of roles", []).append(
            f"{name} {said(partial(iam.list_attached_role_policies, RoleName=name))}"
        )
    for bucket in made["buckets"]:
        for part in BUCKET_PARTS:
            call = getattr(s3, part)
            found.setdefault("bucket", []).append(f"{part} {said(partial(call, Bucket=bucket['Name']))}")
    return found


def said(call: Callable[[], Any]) -> str:
    """Return what AWS answers, without the ids of the answer itself."""
    try:
        answer = call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    if isinstance(answer, dict):
        answer = {key: value for key, value in answer.items() if key not in ("ResponseMetadata", "VpcId")}
        for value in answer.values():
            if isinstance(value, list):
                value.sort(key=str)
    return json.dumps(answer, default=str, sort_keys=True)


def difference(wanted: Picture, found: Picture) -> str:
    """Return in what two pictures differ, in a few words; nothing when they are the same."""
    parts = []
    for kind in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(kind, []), found.get(kind, [])
        parts += [f"{kind} has in excess {_short(each)}" for each in _without(other, one)]
        parts += [f"{kind} lacks {_short(each)}" for each in _without(one, other)]
    return "; ".join(parts)


def _without(items: Iterable[str], others: Iterable[str]) -> list[str]:
    rest = list(others)
    left = []
    for each in items:
        if each in rest:
            rest.remove(each)
        else:
            left.append(each)
    return left


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:300]}…"


def without(picture: Picture, place: str) -> Picture:
    """Return a picture that does not say where one worker has its files."""
    return {name: [each.replace(place, "PLACE") for each in found] for name, found in picture.items()}
