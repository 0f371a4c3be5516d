"""Policies of buckets: statements that say of themselves whom they are for."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.cloud import environment
from sandbox.cloud.authorisation.conditions import UnknownOperatorError, as_list, operator_of
from sandbox.cloud.authorisation.policies import Question, Statement, statements
from sandbox.cloud.authorisation.principals import Principal

OF_THE_POLICY = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})
"""What the account itself may do whatever a bucket's policy says, or nobody could ever mend one."""
NARROWING = frozenset(
    """
    aws:principalarn aws:principalaccount aws:principalorgid aws:principalorgpaths aws:sourceaccount aws:sourcearn
    aws:sourceip aws:sourceorgid aws:sourceorgpaths aws:sourceowner aws:sourcevpc aws:sourcevpce aws:userid
    s3:dataaccesspointaccount s3:dataaccesspointarn s3:x-amz-server-side-encryption-aws-kms-key-id
    """.split()  # noqa: SIM905  a list of a dozen lines says no more
)
"""Keys of conditions with which AWS takes a policy not to be public, where their values are fixed."""
SMALLEST_PREFIX = 8
"""A network of addresses that is wider is the public, too."""


@dataclass(frozen=True)
class Said:
    """What a bucket's policy says to a question of somebody."""

    denies: bool = False
    allows: bool = False
    allows_by_name: bool = False
    """Whether it allows it to the very user or session: then no boundary has to allow it as well."""


def said_by(document: str | Mapping[str, Any], question: Question, principal: Principal) -> Said:
    """Return what a bucket's policy says."""
    speaking = [each for each in statements(document) if each.applies(question)]
    allowing = [each for each in speaking if each.effect == "Allow"]
    # What is allowed to an account is its own to allow to somebody; what is denied to it is denied to all of it.
    return Said(
        denies=any(each.effect == "Deny" and each.is_for(principal.names) for each in speaking),
        allows=any(each.is_for(principal.own_names) for each in allowing),
        allows_by_name=bool(principal.arn) and any(principal.arn in _named(each) for each in allowing),
    )


def policy_of(resource: str) -> str | None:
    """Return the policy of the bucket that a resource is, or is in."""
    bucket = _bucket(resource)
    policy = bucket.policy if bucket is not None else None
    return policy.decode() if isinstance(policy, bytes) else policy


def is_restricted(resource: str) -> bool:
    """Tell whether a bucket's policy is public, and only its own account is to have what it allows to everybody."""
    block = getattr(_bucket(resource), "public_access_block", None)
    policy = policy_of(resource)
    return policy is not None and block is not None and is_set(block.restrict_public_buckets) and is_public(policy)


def is_set(flag: Any) -> bool:
    """Tell whether a flag of a public access block is set; it is text as it was sent."""
    return str(flag).lower() == "true"


def _bucket(resource: str) -> Any:
    from moto.s3.models import s3_backends

    name = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
    return s3_backends[environment.ACCOUNT]["aws"].buckets.get(name)


def _named(statement: Statement) -> list[Any]:
    who = statement.content.get("Principal")
    return as_list(who.get("AWS", []) if isinstance(who, dict) else who)


def is_public(document: str | bytes | Mapping[str, Any]) -> bool:
    """Tell whether AWS would call a bucket's policy public: it allows something to no fixed principal or place."""
    content = document.decode() if isinstance(document, bytes) else document
    return any(
        each.effect == "Allow"
        and ("NotPrincipal" in each.content or "*" in _named(each))
        and not _is_narrowed(each.content.get("Condition") or {})
        for each in statements(content)
    )


def _is_narrowed(conditions: Mapping[str, Any]) -> bool:
    return any(
        key.lower() in NARROWING and all(_is_fixed(key.lower(), str(value)) for value in as_list(values))
        for operator, block in conditions.items()
        if not operator_of(operator).negated and operator_of(operator).name != "null"
        for key, values in block.items()
    )


def _is_fixed(key: str, value: str) -> bool:
    if key == "aws:sourceip":
        try:
            return ipaddress.ip_network(value, strict=False).prefixlen >= SMALLEST_PREFIX
        except ValueError:
            return False
    return not any(each in value for each in ("*", "?", "${"))


def problem_of(document: bytes, bucket: str) -> str | None:
    """Return why S3 does not take a document for a bucket's policy, in its words, or None."""
    try:
        content = json.loads(document)
    except ValueError:
        return "Policies must be valid JSON and the first byte must be '{'"
    if not isinstance(content, dict):
        return "Policies must be valid JSON and the first byte must be '{'"
    if not (parts := as_list(content.get("Statement", []))) or not all(isinstance(each, dict) for each in parts):
        return "Missing required field Statement"
    return next((problem for each in parts for problem in _problems(each, f"arn:aws:s3:::{bucket}")), None)


def _problems(statement: Mapping[str, Any], arn: str) -> Iterator[str]:
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield f"Invalid effect: {statement.get('Effect')}"
    for name in ("Principal", "Action", "Resource"):
        if name not in statement and f"Not{name}" not in statement:
            yield f"Missing required field {name}"
    who = statement.get("Principal", statement.get("NotPrincipal"))
    if not isinstance(who, dict) and who != "*":
        yield "Invalid principal in policy"
    actions = as_list(statement.get("Action", statement.get("NotAction", [])))
    if not all(str(each) == "*" or str(each).lower().startswith("s3:") for each in actions):
        yield "Policy has invalid action"
    resources = as_list(statement.get("Resource", statement.get("NotResource", [])))
    if not all(str(each) in (arn, "*", f"{arn}*") or str(each).startswith(f"{arn}/") for each in resources):
        yield "Policy has invalid resource"
    for operator in statement.get("Condition") or {}:
        try:
            operator_of(operator)
        except UnknownOperatorError:
            yield f"Invalid Condition type : {operator}"
