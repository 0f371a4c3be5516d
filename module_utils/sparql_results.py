"""The shape of answers: typed rows from AllegroGraph's N-Triples strings, and the table that people read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
# What a terminal would obey instead of showing: control characters, and those that turn the direction of writing.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# What of an IRI may stand behind a prefix and its colon.
LOCAL = re.compile(r"\w(?:[\w.-]*[\w-])?")
# A column keeps so much, on however narrow a screen: a letter or two and the mark that there were more.
NARROWEST = 3
MORE = "\u2026"

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
        names, values = ["subject", "predicate", "object"], answer
    rows = [typed(names, row) for row in values]
    return {"names": names, "rows": rows, "table": table(names, rows)}


def typed(names: Sequence[str], row: Sequence[Any]) -> list[dict[str, str] | None]:
    """Return a row's terms; a triple is without the name of its graph."""
    return [term(each) for each in row[: len(names)]]


def table(
    names: Sequence[str], rows: Sequence[Row], columns: int = 0, prefixes: Mapping[str, str] | None = None
) -> str:
    """Draw the table as the tutorial prints it; it ends without a line break.

    It takes at most so many columns of a screen, 0 for as many as it needs: then IRIs are written with the prefixes,
    which are IRIs by their prefix, and cells are shortened.
    """
    cells = [[cell(each) for each in row] for row in rows]
    widths = widened([0] * len(names), [names, *cells])
    if columns and _frame(widths) + sum(widths) > columns:
        cells = [[cell(each, prefixes or {}) for each in row] for row in rows]
        widths = shares(widened([0] * len(names), [names, *cells]), columns - _frame(widths))
    return "\n".join(drawn(names, cells, widths))


def drawn(names: Sequence[str], cells: Iterable[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of a table, whose cells are shortened where they are wider than their column."""
    total = sum(widths) + _frame(widths)
    yield "-" * total
    yield _line(names, widths)
    yield "=" * total
    for row in cells:
        yield _line(row, widths)
    yield "-" * total


def widened(widths: Sequence[int], rows: Iterable[Sequence[str]]) -> list[int]:
    """Return the widths of the columns once these rows fit, too."""
    wider = list(widths)
    for row in rows:
        for column, text in enumerate(row):
            # Most text has a letter a column, and a letter takes two at most.
            if 2 * len(text) > wider[column]:
                wider[column] = max(wider[column], width(text))
    return wider


def shares(wanted: Sequence[int], room: int) -> list[int]:
    """Return the widths of columns in a room: the same for all, and what one leaves is the others'."""
    given = list(wanted)
    narrow_first = sorted(range(len(wanted)), key=lambda column: wanted[column])
    for before, column in enumerate(narrow_first):
        given[column] = min(wanted[column], max(NARROWEST, room // (len(wanted) - before)))
        room -= given[column]
    return given


def cell(value: Term | None, prefixes: Mapping[str, str] | None = None) -> str:
    """Return how a term looks in a table, on one line, its IRI with one of the prefixes where that is shorter."""
    if value is None:
        return ""
    text = value["value"]
    if value["type"] == "uri":
        return _visible(_prefixed(text, prefixes or {}))
    if value["type"] == "bnode":
        return _visible(f"_:{text}")
    if value["type"] == "other" or value.get("datatype") in BARE:
        return _visible(text)
    quoted = '"' + _visible("".join(SHOWN.get(letter, letter) for letter in text)) + '"'
    if "language" in value:
        return f"{quoted}@{value['language']}"
    if value.get("datatype") not in (None, XSD + "string"):
        return f"{quoted}^^{_visible(_prefixed(value['datatype'], prefixes or {}))}"
    return quoted


def shortened(text: str, room: int) -> str:
    """Return a text that takes at most this room; of an IRI the end is kept, which is what tells it from others."""
    if width(text) <= room:
        return text
    if text.startswith("<") and room > NARROWEST:
        return "<" + MORE + _beginning(text[::-1], room - 2)[::-1]
    return _beginning(text, room - 1) + MORE


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(_letter_width(letter) for letter in text)


def _letter_width(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def _frame(widths: Sequence[int]) -> int:
    """Return what the lines between and around the columns take; a table without columns has two."""
    return 3 * len(widths) + 1 if widths else 4


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(_padded(shortened(*pair), pair[1]) for pair in zip(cells, widths)) + " |"


def _padded(text: str, wanted: int) -> str:
    return text + " " * (wanted - width(text))


def _beginning(text: str, room: int) -> str:
    """Return as many letters as fit."""
    taken = 0
    for place, letter in enumerate(text):
        taken += _letter_width(letter)
        if taken > room:
            return text[:place]
    return text


def _prefixed(iri: str, prefixes: Mapping[str, str]) -> str:
    fitting = [
        f"{prefix}:{iri[len(namespace) :]}"
        for prefix, namespace in prefixes.items()
        if iri.startswith(namespace) and LOCAL.fullmatch(iri, len(namespace))
    ]
    return min(fitting, key=len, default=f"<{iri}>")


def _visible(text: str) -> str:
    return OBEYED.sub(lambda found: f"\\u{ord(found.group()):04X}", text)


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
