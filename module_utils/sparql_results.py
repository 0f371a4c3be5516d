"""The shape of answers: typed rows from AllegroGraph's N-Triples strings, and the table that people read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Optional

XSD = "http://www.w3.org/2001/XMLSchema#"
# Their value says all there is to say, so a table shows it bare.
BARE = frozenset(
    XSD + each
    for each in (
        *("integer", "decimal", "double", "float", "boolean", "int", "long", "short", "byte"),
        *("nonNegativeInteger", "nonPositiveInteger", "positiveInteger", "negativeInteger"),
        *("unsignedInt", "unsignedLong", "unsignedShort", "unsignedByte"),
    )
)
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\^\^<([^>]*)>|@([A-Za-z0-9-]+))?', re.DOTALL)
ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
ESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}
SHOWN = {"\t": "\\t", "\b": "\\b", "\n": "\\n", "\r": "\\r", "\f": "\\f", "\\": "\\\\", '"': '\\"'}

Term = Mapping[str, str]
Row = Sequence[Optional[Term]]


def term(text: Any) -> dict[str, str] | None:
    """Return a term in the manner of SPARQL's JSON results; None for an unbound variable."""
    if text is None:
        return None
    if not isinstance(text, str):
        return _number(text)
    if text.startswith("<") and text.endswith(">") and not text.startswith("<<"):
        return {"type": "uri", "value": _unescaped(text[1:-1])}
    if text.startswith("_:"):
        return {"type": "bnode", "value": text[2:]}
    match = LITERAL.fullmatch(text)
    if not match:
        # A quoted triple, or a form that this client does not know: handed on as it came.
        return {"type": "other", "value": text}
    value, datatype, language = match.groups()
    literal = {"type": "literal", "value": _unescaped(value)}
    if datatype:
        literal["datatype"] = _unescaped(datatype)
    if language:
        literal["language"] = language
    return literal


def result(answer: Any) -> dict[str, Any]:
    """Return names, rows and table of any answer: a SELECT's, an ASK's (one column, one row) or a CONSTRUCT's."""
    if isinstance(answer, bool):
        names = ["ask"]
        values: Sequence[Sequence[Any]] = [[f'"{str(answer).lower()}"^^<{XSD}boolean>']]
    elif isinstance(answer, Mapping):
        names, values = list(answer["names"]), answer["values"]
    else:
        names = ["subject", "predicate", "object"]
        values = [statement[:3] for statement in answer]
    rows = [[term(each) for each in row] for row in values]
    return {"names": names, "rows": rows, "table": table(names, rows)}


def table(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Draw the table as the tutorial prints it; it ends without a line break."""
    cells = [list(names)] + [[cell(each) for each in row] for row in rows]
    widths = [max(width(row[column]) for row in cells) for column in range(len(names))]
    lines = ["| " + " | ".join(_padded(*pair) for pair in zip(row, widths)) + " |" for row in cells]
    total = sum(widths) + 3 * len(widths) + 1 if widths else 4
    return "\n".join(["-" * total, lines[0], "=" * total, *lines[1:], "-" * total])


def cell(value: Term | None) -> str:
    """Return how a term looks in a table, on one line."""
    if value is None:
        return ""
    text = value["value"]
    if value["type"] == "uri":
        return f"<{text}>"
    if value["type"] == "bnode":
        return f"_:{text}"
    if value["type"] == "other" or value.get("datatype") in BARE:
        return text
    quoted = '"' + "".join(SHOWN.get(letter, letter) for letter in text) + '"'
    if "language" in value:
        return f"{quoted}@{value['language']}"
    if value.get("datatype") not in (None, XSD + "string"):
        return f"{quoted}^^<{value['datatype']}>"
    return quoted


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(_letter_width(letter) for letter in text)


def _letter_width(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def _padded(text: str, wanted: int) -> str:
    return text + " " * (wanted - width(text))


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        escape = match.group(1)
        if escape[0] in "uU" and len(escape) > 1:
            return chr(int(escape[1:], 16))
        return ESCAPED.get(escape, escape)

    return ESCAPE.sub(one, text)


def _number(value: Any) -> dict[str, str]:
    kind = "boolean" if isinstance(value, bool) else "integer" if isinstance(value, int) else "double"
    return {"type": "literal", "value": str(value).lower(), "datatype": XSD + kind}
