"""Yes, no by a statement, or no for want of one."""

from __future__ import annotations

from sandbox.cloud.authorisation.bucket_policies import Said
from sandbox.cloud.authorisation.policies import Question, effects
from sandbox.cloud.authorisation.principals import Principal

NOTHING = Said()


def refusal(principal: Principal, question: Question, resource: Said = NOTHING) -> str | None:
    """Return why a caller may not do something, in AWS's words, or None where they may.

    A statement that denies wins; else the caller's own policies have to allow it or the policy of the resource, and
    those that bound the caller as well.
    """
    kinds = {
        "an identity-based": principal.policies,
        "a permissions boundary": principal.boundary,
        "a session": principal.session,
    }
    said = {kind: effects(documents, question) for kind, documents in kinds.items() if documents is not None}
    why = [f"with an explicit deny in {kind} policy" for kind, effect in said.items() if "Deny" in effect]
    if resource.denies:
        why.append("with an explicit deny in a resource-based policy")
    why += [
        f"because no {kind.partition(' ')[2]} policy allows the {question.action} action"
        for kind, effect in said.items()
        if "Allow" not in effect and not resource.allows_by_name
        if not (resource.allows and kind == "an identity-based")
    ]
    if not why:
        return None
    return (
        f"User: {principal.arn} is not authorized to perform: {question.action} "
        f"on resource: {question.resource} {why[0]}"
    )
