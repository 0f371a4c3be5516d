"""Holds a request against the policies of whoever makes it, and of what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.cloud import environment
from sandbox.cloud.authorisation.bucket_policies import OF_THE_POLICY, Said, is_restricted, policy_of, said_by
from sandbox.cloud.authorisation.decisions import refusal
from sandbox.cloud.authorisation.policies import Question, statements
from sandbox.cloud.authorisation.principals import ROOT, Principal, account_itself, nobody, principal_of
from sandbox.cloud.authorisation.questions import asked
from sandbox.cloud.calls import Call, Decision, RefusedError


def check(environ: dict[str, Any], call: Call, arn: str) -> None:
    """Raise `RefusedError` for a request that its caller, who has this ARN or none, may not make.

    The call keeps what was decided.
    """
    principal = _who(call, arn)
    for question in asked(environ, call, principal):
        why = refusal(principal, question, _of_the_resource(call, question, principal))
        if why is not None and not principal.in_account:
            why = "Access Denied"
        if question.action == "sts:AssumeRole":
            why = _of_a_role(principal, question, why)
        conditions = {name: list(values) for name, values in question.keys.items()}
        call.decisions.append(Decision(question.action, question.resource, conditions, why is None))
        if why is not None:
            raise RefusedError("denied", why)


def _who(call: Call, arn: str) -> Principal:
    if not arn:
        return nobody()
    return account_itself() if arn == ROOT else principal_of(call.access_key_id, arn)


def _of_the_resource(call: Call, question: Question, principal: Principal) -> Said:
    """Return what the policy of the resource says to a question; of AWS's resources, buckets have one here."""
    if call.service != "s3" or (policy := policy_of(question.resource)) is None:
        return Said()
    if principal.arn == ROOT and question.action in OF_THE_POLICY:
        return Said()
    said = said_by(policy, question, principal)
    if not principal.in_account and said.allows and is_restricted(question.resource):
        return Said(denies=said.denies)
    return said


def _of_a_role(principal: Principal, question: Question, why: str | None) -> str | None:
    """Return why a role may not be assumed: it has to trust the caller, or the account and this the caller."""
    from moto.iam.models import iam_backends

    roles: Mapping[str, Any] = iam_backends[environment.ACCOUNT]["aws"].roles
    role = next((each for each in roles.values() if each.arn == question.resource), None)
    document = role.assume_role_policy_document if role is not None else {}
    speaking = [each for each in statements(document) if each.applies(question) and each.is_for(principal.names)]
    effects = {each.effect for each in speaking}
    if effects != {"Allow"}:
        return f"User: {principal.arn} is not authorized to perform: {question.action} on resource: {question.resource}"
    by_name = any(each.is_for(principal.own_names) for each in speaking)
    return None if why is not None and by_name and "explicit deny" not in why else why
