"""What the generated pages have in common: tables, and the mark-up of Ansible's own documentation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# What Ansible's mark-up sets apart, such as O(name=value).
LITERAL = re.compile(r"\b(?:C|O|V|RV|E|P|I)\(((?:[^()]|\([^()]*\))*)\)")
BOLD = re.compile(r"\bB\(([^()]*)\)")
MODULE = re.compile(r"\bM\(([\w.]+)\)")
URL = re.compile(r"\bU\(([^()]*)\)")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(each) for each in line) + " |" for line in lines)


def cell(text: str) -> str:
    """Return a text as it may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def code(value: object) -> str:
    """Return a value as it is written in YAML's short form, set apart; nothing as a word."""
    if value is None or value == "":
        return "empty"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def shown(text: str) -> str:
    """Return a text in which nothing is taken for HTML, and settings are set apart."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    for number in range(0, len(parts), 2):
        words = re.sub(r"(?<!\S)\S*<(?!http)\S*[^\s.,:;]", lambda match: f"`{match[0]}`", parts[number])
        inside = re.split(r"(`[^`]*`)", words)
        inside[::2] = [
            re.sub(r"(-e )?\bfederation_\w+(=[\w./-]*\w)?", lambda match: f"`{match[0]}`", each) for each in inside[::2]
        ]
        parts[number] = "".join(inside)
    return "".join(parts)


def prose(text: object, own_modules: Iterable[str] = ()) -> str:
    """Return what stands in Ansible's documentation as Markdown; a list as its sentences one after the other."""
    words = " ".join(str(each).strip() for each in text) if isinstance(text, list) else str(text).strip()
    words = LITERAL.sub(lambda match: f"`{match[1]}`", " ".join(words.split()))
    own = set(own_modules)
    words = MODULE.sub(lambda match: f"[{match[1]}]({match[1]}.md)" if match[1] in own else f"`{match[1]}`", words)
    return shown(URL.sub(r"<\1>", BOLD.sub(r"**\1**", words)))
