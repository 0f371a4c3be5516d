"""Policy documents and their statements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.cloud.authorisation.conditions import as_list, holds
from sandbox.cloud.authorisation.wildcards import Keys, matches


@dataclass(frozen=True)
class Question:
    """May this be done to that? With what conditions may look at."""

    action: str
    resource: str
    keys: Keys


@dataclass(frozen=True)
class Statement:
    """One statement of a document."""

    effect: str
    content: Mapping[str, Any]
    has_variables: bool

    def applies(self, question: Question) -> bool:
        """Tell whether the statement speaks of what is asked."""
        content = self.content
        variables = question.keys if self.has_variables else None
        if "Action" in content:
            named = _any(content["Action"], question.action, None, case=False)
        else:
            named = not _any(content["NotAction"], question.action, None, case=False)
        if named and "Resource" in content:
            named = _any(content["Resource"], question.resource, variables)
        elif named and "NotResource" in content:
            named = not _any(content["NotResource"], question.resource, variables)
        return named and holds(content.get("Condition") or {}, question.keys, variables)

    def is_for(self, principals: Iterable[str]) -> bool:
        """Tell whether a statement of a resource's policy speaks of one of these."""
        who = self.content.get("Principal", self.content.get("NotPrincipal"))
        names = as_list(who["AWS"] if isinstance(who, dict) and "AWS" in who else who)
        named = any(name == "*" or name in set(principals) for name in names if isinstance(name, str))
        return named != ("NotPrincipal" in self.content)


def _any(patterns: Any, text: str, variables: Keys | None, *, case: bool = True) -> bool:
    return any(matches(each, text, variables, case=case) for each in as_list(patterns))


def statements(document: str | Mapping[str, Any]) -> Iterator[Statement]:
    """Return the statements of a document; variables are those of the newer version of the language."""
    content: Mapping[str, Any] = json.loads(document) if isinstance(document, str) else document
    newer = content.get("Version") == "2012-10-17"
    for each in as_list(content.get("Statement", [])):
        yield Statement(effect=str(each["Effect"]), content=each, has_variables=newer)


def effects(documents: Iterable[str | Mapping[str, Any]], question: Question) -> set[str]:
    """Return what documents say to a question: ``Allow``, ``Deny``, both, or nothing."""
    return {each.effect for document in documents for each in statements(document) if each.applies(question)}
