"""Holds a request against the policies of whoever makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.cloud import environment
from sandbox.cloud.authorisation.decisions import refusal
from sandbox.cloud.authorisation.policies import Question, statements
from sandbox.cloud.authorisation.principals import Principal, principal_of
from sandbox.cloud.authorisation.questions import asked
from sandbox.cloud.calls import Call, Decision, RefusedError


def check(environ: dict[str, Any], call: Call, arn: str) -> None:
    """Raise `RefusedError` for a request that its caller may not make; the call keeps what was decided."""
    principal = principal_of(call.access_key_id, arn)
    for question in asked(environ, call, principal):
        why = refusal(principal, question)
        if question.action == "sts:AssumeRole":
            why = _of_a_role(principal, question, why)
        conditions = {name: list(values) for name, values in question.keys.items()}
        call.decisions.append(Decision(question.action, question.resource, conditions, why is None))
        if why is not None:
            raise RefusedError("denied", why)


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
