"""Patterns of policies: ``*`` and ``?``, and variables such as ``${aws:username}``."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

Keys = Mapping[str, tuple[str, ...]]
"""What conditions may look at: names in small letters, each with its values."""
VARIABLE = re.compile(r"\$\{([^}]*)\}")
LITERAL = ("*", "?", "$")


def matches(pattern: str, text: str, keys: Keys | None = None, *, wild: bool = True, case: bool = True) -> bool:
    """Tell whether a text fits a pattern; what a variable stands for is never a wildcard."""
    whole = _expression(pattern, keys, wild)
    return whole is not None and bool(_compiled(whole, case).fullmatch(text))


def _expression(pattern: str, keys: Keys | None, wild: bool) -> str | None:
    """Return a regular expression, or None where a variable has no value."""
    if keys is None:
        return _plain(pattern, wild)
    parts, end = [], 0
    for found in VARIABLE.finditer(pattern):
        parts.append(_plain(pattern[end : found.start()], wild))
        end = found.end()
        value = _value(found.group(1), keys)
        if value is None:
            return None
        parts.append(re.escape(value))
    return "".join([*parts, _plain(pattern[end:], wild)])


def _value(variable: str, keys: Keys) -> str | None:
    if variable in LITERAL:
        return variable
    name, comma, default = variable.partition(",")
    values = keys.get(name.strip().lower(), ())
    if len(values) == 1:
        return values[0]
    return default.strip().strip("'") if comma else None


def _plain(text: str, wild: bool) -> str:
    escaped = re.escape(text)
    return escaped.replace(r"\*", ".*").replace(r"\?", ".") if wild else escaped


@functools.lru_cache(maxsize=4096)
def _compiled(expression: str, case: bool) -> re.Pattern[str]:
    return re.compile(expression, re.DOTALL if case else re.DOTALL | re.IGNORECASE)
