"""Yes, no by a statement, or no for want of one."""

from __future__ import annotations

from sandbox.cloud.authorisation.policies import Question, effects
from sandbox.cloud.authorisation.principals import Principal


def refusal(principal: Principal, question: Question) -> str | None:
    """Return why a caller may not do something, in AWS's words, or None where they may.

    A statement that denies wins; else the caller's own policies have to allow it, and those that bound them as well.
    """
    kinds = {
        "an identity-based": principal.policies,
        "a permissions boundary": principal.boundary,
        "a session": principal.session,
    }
    said = {kind: effects(documents, question) for kind, documents in kinds.items() if documents is not None}
    why = [f"with an explicit deny in {kind} policy" for kind, effect in said.items() if "Deny" in effect]
    why += [
        f"because no {kind.partition(' ')[2]} policy allows the {question.action} action"
        for kind, effect in said.items()
        if "Allow" not in effect
    ]
    if not why:
        return None
    return (
        f"User: {principal.arn} is not authorized to perform: {question.action} "
        f"on resource: {question.resource} {why[0]}"
    )
