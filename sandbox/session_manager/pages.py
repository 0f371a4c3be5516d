"""AWS's pagination: a bounded number of items, and a token for the next."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from sandbox.session_manager.errors import SystemsManagerError, validation


def page[Item](
    items: Sequence[Item], token: str | None, size: int | None, *, smallest: int = 1, largest: int = 50
) -> tuple[Sequence[Item], dict[str, str]]:
    """The page that `token` asks for, and the answer's NextToken, if there is more."""
    if size is not None and not smallest <= size <= largest:
        bound = f"greater than or equal to {smallest}" if size < smallest else f"less than or equal to {largest}"
        raise validation(size, "maxResults", f"Member must have value {bound}")
    start = _offset(token) if token else 0
    end = start + (size or largest)
    more = {"NextToken": base64.b64encode(f"offset:{end}".encode()).decode()} if end < len(items) else {}
    return items[start:end], more


def _offset(token: str) -> int:
    try:
        name, _, offset = base64.b64decode(token, validate=True).decode().partition(":")
        if name == "offset":
            return int(offset)
    except (binascii.Error, ValueError):
        pass
    raise SystemsManagerError("InvalidNextToken", "The specified token is not valid.")
