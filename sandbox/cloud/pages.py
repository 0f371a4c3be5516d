"""Answers in pages: sizes that AWS takes, and tokens for what is left."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.loaders import Loader

LARGEST = 1000
TOKENS = 1000
"""So many tokens are remembered."""
Refuse = type[Exception]


@dataclass(frozen=True)
class Paging:
    """How an operation's answer is divided; the names are those of its parameters."""

    token: str
    next_token: str
    size: str
    items: str
    truncated: str | None = None


@dataclass(frozen=True)
class Wanted:
    """The page that a request asks for."""

    paging: Paging
    operation: str
    size: int
    token: str | None = None


@dataclass
class Pages:
    """What is still to be shown to those who have a token.

    A token stands for certain things, not for a position: whoever deletes what a page shows and then asks for the
    next one misses nothing.
    """

    left: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)

    def cut(self, items: Sequence[Any], wanted: Wanted) -> tuple[list[Any], str | None]:
        """Return the items of a page and the token for those after it; raises `KeyError` for an unknown token."""
        items = list(items)
        if wanted.token is not None:
            operation, names = self.left[wanted.token]
            if operation != wanted.operation:
                raise KeyError(wanted.token)
            items = [each for each in items if _name(each) in names]
        shown, rest = items[: wanted.size], items[wanted.size :]
        return shown, self._token(wanted.operation, rest) if rest else None

    def _token(self, operation: str, rest: list[Any]) -> str:
        while len(self.left) >= TOKENS:
            del self.left[next(iter(self.left))]
        token = secrets.token_urlsafe(48)
        self.left[token] = operation, frozenset(_name(each) for each in rest)
        return token


def _name(item: Any) -> str:
    """Return what tells an item from all others."""
    if isinstance(item, dict | str):
        return str(item)
    for attribute in ("id", "arn", "name"):
        if value := getattr(item, attribute, None):
            return str(value)
    return str(id(item))


@functools.cache
def paging(service: str, operation: str) -> Paging | None:
    """Return how an operation's answer is divided, or None where it is not: botocore's own tables say so."""
    known = _tables(service).get(operation)
    if known is None or "limit_key" not in known or not isinstance(known["result_key"], str):
        return None
    return Paging(
        token=known["input_token"],
        next_token=known["output_token"],
        size=known["limit_key"],
        items=known["result_key"],
        truncated=known.get("more_results"),
    )


@functools.cache
def _tables(service: str) -> dict[str, Any]:
    return dict(Loader().load_service_model(service, "paginators-1")["pagination"])
