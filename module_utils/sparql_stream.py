"""Answers as they arrive, a piece at a time: rows out of AllegroGraph's JSON, and how many rows other forms have."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from typing import Any, Optional, Protocol

ARRAY = re.compile(r'"(?:values|bindings)"\s*:\s*\[')
NAMES = re.compile(r'"names"\s*:\s*')
BETWEEN = re.compile(r"[\s,]*")
# More than any row should be, in characters; an answer that is no JSON must not fill the memory.
LONGEST_ROW = 1 << 28
TRUTH = '"{}"^^<http://www.w3.org/2001/XMLSchema#boolean>'

Row = Sequence[Optional[str]]


class UnreadableError(Exception):
    """The answer is not what was asked for; the text is a sentence."""


class Rows:
    """The rows of an answer in JSON, AllegroGraph's own or SPARQL's: a SELECT's, an ASK's or a CONSTRUCT's.

    Names are known when the first row is.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        # What an ASK was answered.
        self.truth: str | None = None
        self._decoder = json.JSONDecoder()
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._inside = False
        self._ended = False
        # How long the text has to be before another try is worth it: a row of a megabyte comes in many pieces.
        self._enough = 0

    def feed(self, piece: bytes) -> list[Any]:
        """Take the next bytes, and return the rows that are whole with them."""
        self._text += self._utf8.decode(piece)
        return [] if len(self._text) < self._enough else self._taken()

    def end(self) -> list[Any]:
        """Return the last rows, or raise UnreadableError where the answer breaks off."""
        self._text += self._utf8.decode(b"", True)
        rows = self._taken()
        truth = self._text.strip()
        if not self._inside and truth in ("true", "false"):
            self.names, self.truth = ["ask"], truth
            return [[TRUTH.format(truth)]]
        if not self._ended:
            raise UnreadableError("The manager's answer is not the JSON that was asked for; is this AllegroGraph?")
        return rows

    def _taken(self) -> list[Any]:
        if not self._inside and not self._begin():
            self._wait()
            return []
        rows: list[Any] = []
        place = 0
        while not self._ended:
            match = BETWEEN.match(self._text, place)
            place = match.end() if match else place
            if self._text[place : place + 1] == "]":
                self._ended = True
                break
            try:
                row, place = self._decoder.raw_decode(self._text, place)
            except ValueError:
                break
            rows.append(row)
        self._text = "" if self._ended else self._text[place:]
        self._wait()
        return rows

    def _begin(self) -> bool:
        """Skip what stands before the first row; say whether all of it was there."""
        if self._text.lstrip().startswith("["):
            self.names = ["subject", "predicate", "object"]
            self._text = self._text.lstrip()[1:]
            self._inside = True
        elif match := ARRAY.search(self._text):
            if names := NAMES.search(self._text, 0, match.start()):
                self.names = self._decoder.raw_decode(self._text, names.end())[0]
            self._text = self._text[match.end() :]
            self._inside = True
        return self._inside

    def _wait(self) -> None:
        if len(self._text) > LONGEST_ROW:
            raise UnreadableError("The manager's answer has a row that is too long to be one; is this AllegroGraph?")
        self._enough = 2 * len(self._text)


class Counter(Protocol):
    """Counts the rows of an answer that passes by."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""

    def total(self) -> int:
        """Return how many rows there were."""


class Lines:
    """Counts lines, without the heading ones."""

    def __init__(self, headings: int = 0) -> None:
        self._headings = headings
        self._count = 0
        self._last = b"\n"

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        # A row with one unbound variable is an empty line, so of a table each line counts.
        self._count += piece.count(b"\n")
        self._last = piece[-1:] or self._last

    def total(self) -> int:
        """Return how many rows there were."""
        return max(0, self._count + (self._last != b"\n") - self._headings)


class Records:
    """Counts CSV's records, whose quoted cells may have line breaks in them, without the heading."""

    def __init__(self) -> None:
        self._quoted = False
        self._lines = Lines(1)

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        for number, part in enumerate(piece.split(b'"')):
            if number:
                self._quoted = not self._quoted
                # A quotation mark may be the last letter of a line that nothing ends.
                self._lines.feed(b'"')
            if not self._quoted:
                self._lines.feed(part)

    def total(self) -> int:
        """Return how many rows there were."""
        return self._lines.total()


class Elements:
    """Counts the elements of XML by the beginnings of their tags; in what is no markup, < is written otherwise."""

    def __init__(self, name: str) -> None:
        self._tag = re.compile(rb"<" + name.encode() + rb"[\s/>]")
        self._longest = len(name) + 2
        self._count = 0
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        text = self._rest + piece
        self._count += len(self._tag.findall(text))
        # A tag that is whole in what is kept was counted already.
        self._rest = text[-(self._longest - 1) :]

    def total(self) -> int:
        """Return how many rows there were."""
        return self._count


class Bindings:
    """Counts the rows of SPARQL's JSON."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._count = 0

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._count += len(self._rows.feed(piece))

    def total(self) -> int:
        """Return how many rows there were, or raise UnreadableError where the answer breaks off."""
        return self._count + len(self._rows.end())


def counter_of(content_type: str) -> Counter | None:
    """Return what counts the rows of a type; None for one in which they cannot be told as they pass."""
    if content_type == "text/csv":
        return Records()
    if content_type == "text/tab-separated-values":
        return Lines(1)
    if content_type == "application/n-triples":
        return Lines()
    if content_type == "application/sparql-results+xml":
        return Elements("result")
    if content_type == "application/sparql-results+json":
        return Bindings()
    return None
