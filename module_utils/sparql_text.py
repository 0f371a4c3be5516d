"""What can be known of a SPARQL text before anybody evaluates it: its kind, its prefixes and its variables."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Where a token begins, # begins a comment; inside of an IRI or a string it is a letter like any other.
TOKEN = re.compile(
    r"""
      (?P<space>\s+|\#[^\r\n]*)
    | (?P<iri><[^<>"{}|^`\\\s]*>)
    | (?P<string>\"\"\"(?:[^"\\]|\\.|"(?!""))*\"\"\"|'''(?:[^'\\]|\\.|'(?!''))*'''
        |"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*')
    | (?P<variable>[?$]\w+)
    | (?P<name>(?:[^\W\d_][\w.-]*)?:(?:[\w:%.-]|\\.)*)
    | (?P<word>[^\W\d]\w*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# What stands before a query: the keyword, and how many tokens come after it.
PROLOGUE = {"BASE": 1, "PREFIX": 2, "VERSION": 1}
KINDS = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")
UPDATES = ("INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "COPY", "MOVE", "ADD", "WITH")

Token = tuple[str, str]


def first_keyword(text: str) -> str:
    """Return the keyword behind the prologue, in capitals: one of KINDS or UPDATES; empty where there is none."""
    tokens = _tokens(text)
    for kind, token in tokens:
        word = token.upper() if kind == "word" else ""
        if word not in PROLOGUE:
            return word if word in KINDS + UPDATES else ""
        for _ in range(PROLOGUE[word]):
            next(tokens, None)
    return ""


def prefixes(text: str) -> dict[str, str]:
    """Return the IRIs that the prologue gives prefixes to, by the prefix without its colon."""
    found: dict[str, str] = {}
    tokens = _tokens(text)
    for kind, token in tokens:
        word = token.upper() if kind == "word" else ""
        if word not in PROLOGUE:
            break
        following = [next(tokens, ("", "")) for _ in range(PROLOGUE[word])]
        if word == "PREFIX" and [each[0] for each in following] == ["name", "iri"]:
            found[following[0][1].rstrip(":")] = following[1][1][1:-1]
    return found


def variables(text: str) -> set[str]:
    """Return the names of all variables, without their mark."""
    return {token[1:] for kind, token in _tokens(text) if kind == "variable"}


def _tokens(text: str) -> Iterator[Token]:
    """Yield kind and text of what is neither space nor comment."""
    for match in TOKEN.finditer(text):
        if match.lastgroup != "space":
            yield str(match.lastgroup), match.group()
