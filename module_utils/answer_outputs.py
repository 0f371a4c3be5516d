"""Where an answer goes: the screen, or a file that is there whole or not at all; a piece at a time, as it arrives."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from ansible.module_utils import sparql_page
from ansible.module_utils.sparql_formats import ROWS, accepted
from ansible.module_utils.sparql_results import cell, drawn, table, typed, widened
from ansible.module_utils.sparql_stream import Counter, Rows, counter_of
from ansible.module_utils.sparql_text import first_keyword, prefixes

# What a screen, and Ansible's way to it, is given of a text, in bytes; a text is shown whole or not at all.
SCREENFUL = 16 << 20


class OutputError(Exception):
    """Why an answer cannot be put where it should go, in one sentence."""


class EnoughError(Exception):
    """There are as many rows as were wanted; the rest need not come."""


class Place(Protocol):
    """Takes what is written, as bytes."""

    def write(self, piece: bytes) -> None:
        """Add the next bytes, or raise OutputError."""

    def end(self) -> dict[str, Any]:
        """Return what came of it, as plain data."""


class Sink(Protocol):
    """Takes an answer."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; raise EnoughError, OutputError or UnreadableError."""

    def end(self) -> dict[str, Any]:
        """Return what came of it, as plain data."""


class Screenful:
    """A text for the screen."""

    def __init__(self) -> None:
        self.text = bytearray()

    def write(self, piece: bytes) -> None:
        """Keep the next bytes."""
        self.text += piece
        if len(self.text) > SCREENFUL:
            raise OutputError(
                f"The answer has more than {SCREENFUL >> 20} MB, which is too much for a screen: name a file with "
                "federation_output_file, or ask for less with federation_query_limit."
            )

    def end(self) -> dict[str, Any]:
        """Return the text."""
        return {"text": self.text.decode("utf-8", "replace")}


class AnswerFile:
    """A file in the making, and how it differs from the one that is there."""

    def __init__(self, path: str, check_mode: bool = False) -> None:
        """Begin beside the file with this path, or raise OutputError; in check mode nothing is written."""
        self.path = Path(path).resolve()
        folder = self.path.parent
        there = self.path.exists()
        if there and not self.path.is_file():
            raise OutputError(f"federation_output_file {path} is no file: name one, or none for the screen.")
        if not folder.is_dir():
            raise OutputError(f"There is no folder {folder} for federation_output_file: make it, or name another file.")
        self._temporary: Path | None = None
        self._handle: IO[bytes] | None = None
        self._before: IO[bytes] | None = None
        self._same = there
        self._size = 0
        try:
            if there:
                self._before = self.path.open("rb")
            if not check_mode:
                number, name = tempfile.mkstemp(dir=folder, prefix=f".{self.path.name}.")
                self._temporary = Path(name)
                self._handle = os.fdopen(number, "wb")
                os.fchmod(number, 0o644)
        except OSError as error:
            self.close()
            raise OutputError(
                f"federation_output_file {path} cannot be written: {error.strerror}. Name a file of yours."
            ) from None

    def write(self, piece: bytes) -> None:
        """Add the next bytes."""
        if self._same and self._before:
            self._same = self._before.read(len(piece)) == piece
        self._size += len(piece)
        if self._handle:
            self._wrote(piece)

    def end(self) -> dict[str, Any]:
        """Return the size in bytes, and whether the file that is there has another content."""
        if self._same and self._before:
            self._same = not self._before.read(1)
        if self._handle:
            self._wrote(b"")
        return {"bytes": self._size, "changed": not self._same}

    def put(self) -> None:
        """Put it in its place."""
        if self._temporary:
            try:
                self._temporary.replace(self.path)
            except OSError as error:
                raise OutputError(f"{self.path} cannot be written: {error.strerror}.") from None
            self._temporary = None

    def close(self) -> None:
        """Leave nothing of it that was not put in its place."""
        for each in (self._before, self._handle):
            if each:
                # What was written is on its way already; what was not is not wanted.
                with contextlib.suppress(OSError):
                    each.close()
        if self._temporary:
            with contextlib.suppress(OSError):
                self._temporary.unlink()

    def _wrote(self, piece: bytes) -> None:
        try:
            assert self._handle
            self._handle.write(piece)
            if not piece:
                self._handle.flush()
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written: {error.strerror}. Make room, or name a file elsewhere."
            ) from None


class Passing:
    """An answer in a form of the server's own: every byte as it came."""

    def __init__(self, place: Place, counter: Counter | None) -> None:
        self._place = place
        self._counter = counter

    def feed(self, piece: bytes) -> None:
        """Hand the next bytes on."""
        self._place.write(piece)
        if self._counter:
            self._counter.feed(piece)

    def end(self) -> dict[str, Any]:
        """Return what came of it, and how many rows there were where they could be counted."""
        return {**self._place.end(), "count": self._counter.total() if self._counter else None}


class Page:
    """An answer as a page of HTML."""

    def __init__(self, place: Place, query: str, most: int) -> None:
        self._place = place
        self._query = query
        self._taken = Taken(most)
        self._begun = False

    def feed(self, piece: bytes) -> None:
        """Write the rows that are whole with these bytes."""
        self._write(self._taken.rows(piece))
        self._taken.stop_when_full()

    def end(self) -> dict[str, Any]:
        """Return what came of it, and how many rows there were."""
        self._write(self._taken.last())
        self._begin()
        self._place.write(sparql_page.ending(self._taken.count).encode())
        return {**self._place.end(), "count": self._taken.count}

    def _begin(self) -> None:
        if not self._begun:
            self._place.write(sparql_page.beginning(self._query, self._taken.names).encode())
            self._begun = True

    def _write(self, rows: Sequence[Any]) -> None:
        if rows:
            self._begin()
            lines = [sparql_page.line(typed(self._taken.names, row)) for row in rows]
            self._place.write("".join(lines).encode())


class WholeTable:
    """An answer as a table in a file: how wide the columns are is known at the end, so the rows wait on the disk."""

    def __init__(self, place: Place, folder: Path, most: int) -> None:
        self._place = place
        self._taken = Taken(most)
        self._widths: list[int] = []
        try:
            # One without a name, which is gone with the process.
            self._waiting = tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder)  # noqa: SIM115  # until the end
        except OSError as error:
            raise OutputError(f"Nothing can be written in {folder}: {error.strerror}.") from None

    def feed(self, piece: bytes) -> None:
        """Set the rows aside that are whole with these bytes."""
        self._wait(self._taken.rows(piece))
        self._taken.stop_when_full()

    def end(self) -> dict[str, Any]:
        """Return what came of it, and how many rows there were."""
        self._wait(self._taken.last())
        names = self._taken.names
        self._waiting.seek(0)
        cells = (json.loads(line) for line in self._waiting)
        lines = drawn(names, cells, widened(self._widths or [0] * len(names), [names]))
        for line in lines if self._taken.truth is None else [self._taken.truth]:
            self._place.write(f"{line}\n".encode())
        return {**self._place.end(), "count": self._taken.count}

    def _wait(self, rows: Sequence[Any]) -> None:
        if rows:
            names = self._taken.names
            cells = [[cell(term) for term in typed(names, row)] for row in rows]
            self._widths = widened(self._widths or [0] * len(names), cells)
            try:
                self._waiting.write("".join(f"{json.dumps(each)}\n" for each in cells))
            except OSError as error:
                raise OutputError(f"The table has no room to wait on the disk: {error.strerror}.") from None


class ScreenTable:
    """An answer as a table on the screen: not more than so many rows, and no wider than the screen; 0 for any."""

    def __init__(self, shown: int, most: int, columns: int, prefixes: Mapping[str, str]) -> None:
        self._shown = shown
        self._taken = Taken(most)
        self._columns = columns
        self._prefixes = prefixes
        self._rows: list[Any] = []

    def feed(self, piece: bytes) -> None:
        """Keep the rows that are whole with these bytes."""
        self._rows += self._taken.rows(piece)
        self._taken.stop_when_full()

    def end(self) -> dict[str, Any]:
        """Return names, rows, the table, the text for the screen, and whether there are more rows."""
        self._rows += self._taken.last()
        names = self._taken.names
        more = bool(self._shown) and len(self._rows) > self._shown
        rows = [typed(names, row) for row in (self._rows[: self._shown] if more else self._rows)]
        found = {"names": names, "rows": rows, "table": table(names, rows), "more": more, "count": len(rows)}
        return {**found, "text": self._taken.truth or table(names, rows, self._columns, self._prefixes)}


class Taken:
    """Rows out of an answer in JSON, not more than there should be; 0 for all."""

    def __init__(self, most: int) -> None:
        self.count = 0
        self._most = most
        self._source = Rows()
        self._full = False

    @property
    def names(self) -> list[str]:
        """The columns."""
        return list(self._source.names)

    @property
    def truth(self) -> str | None:
        """What an ASK was answered, true or false."""
        truth: str | None = self._source.truth
        return truth

    def rows(self, piece: bytes) -> list[Any]:
        """Return the rows that are whole with these bytes."""
        return self._within(self._source.feed(piece))

    def last(self) -> list[Any]:
        """Return the rows that only the end makes whole; none after a full measure."""
        return [] if self._full else self._within(self._source.end())

    def stop_when_full(self) -> None:
        """Raise EnoughError once there are as many rows as there should be."""
        if self._full:
            raise EnoughError

    def _within(self, rows: list[Any]) -> list[Any]:
        # A server may not know of a limit for what it was asked.
        wanted = rows[: self._most - self.count] if self._most else rows
        self.count += len(wanted)
        self._full = bool(self._most) and self.count >= self._most
        return wanted


def sink_of(query: str, output: str, file: AnswerFile | None, shown: int, most: int, columns: int) -> tuple[Sink, int]:
    """Return what takes the answer, and how many rows to ask for at most, 0 for all.

    A table on the screen has at most so many rows shown, and is no wider than so many columns; 0 for any.
    """
    content_type = accepted(query, output)
    place = file or Screenful()
    if content_type != ROWS:
        return Passing(place, None if first_keyword(query) == "ASK" else counter_of(content_type)), most
    if output == "html":
        return Page(place, query, most), most
    if file:
        return WholeTable(file, file.path.parent, most), most
    # One more than are shown, to know whether there are any.
    asked = min(filter(None, (shown and shown + 1, most)), default=0)
    return ScreenTable(shown, asked, columns, prefixes(query)), asked


@contextlib.contextmanager
def opened(path: str, check_mode: bool) -> Iterator[AnswerFile]:
    """Open the file for an answer, and leave nothing of it that was not put in its place."""
    file = AnswerFile(path, check_mode)
    try:
        yield file
    finally:
        file.close()
