"""Reads files of RDF completely before anything of them goes anywhere: are they good, and how many statements have they?

Runs on the controller, which has pyoxigraph.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, cast

import pyoxigraph

from ansible.module_utils.data_files import BadFileError, Content, DataFile, Stream, blocks_of_lines, changed, opened
from ansible.module_utils.progress import Meter

AT_A_TIME = 20_000
# The parser puts the place before its words; here both have a place of their own.
PLACE = re.compile(r"^(?:Parser error )?(?:at line \d+ )?(?:between columns \d+ and \d+|columns? \d+)?[^:]*?: ")


@dataclass(frozen=True)
class Reading:
    """What reading a file told: its statements, as often as it has them, and whether each is a line of its own."""

    statements: int
    is_by_line: bool


def read_all(contents: Iterable[Content], meter: Meter) -> tuple[dict[str, Reading], list[str]]:
    """Return the readings by identity, and for each bad file the first thing that is wrong with it; raises DataError."""
    readings, faults = {}, []
    for content in contents:
        try:
            readings[content.identity] = read(content, meter)
        except BadFileError as error:
            faults.append(str(error))
    return readings, faults


def read(content: Content, meter: Meter) -> Reading:
    """Read one file to its end; raises BadFileError, and DataError where it is not the content that it was."""
    digest = hashlib.sha256()
    with opened(content.file) as stream:
        if content.file.kind.is_by_line:
            reading = _read_lines(content.file, stream, digest, meter)
        else:
            reading = _read_whole(content.file, stream, digest, meter)
    if digest.hexdigest() != content.sha256:
        raise changed(content.file)
    return reading


def _read_lines(file: DataFile, stream: Stream, digest: hashlib._Hash, meter: Meter) -> Reading:
    """Read block by block: each line is complete in itself, and the parser is quickest on what is in memory."""
    rdf_format, lines, statements, is_by_line = _format(file), 0, 0, True
    for block in blocks_of_lines(stream, file.name):
        digest.update(block)
        try:
            found = sum(1 for _ in pyoxigraph.parse(block, rdf_format))
        except SyntaxError as error:
            raise BadFileError(sentence(file, error, lines)) from None
        is_by_line = is_by_line and found == number_of_statement_lines(block)
        lines += block.count(b"\n")
        statements += found
        meter.add(len(block), found)
    return Reading(statements, is_by_line)


def _read_whole(file: DataFile, stream: Stream, digest: hashlib._Hash, meter: Meter) -> Reading:
    watched = _Watched(stream, digest, meter)
    statements = 0
    try:
        parser = pyoxigraph.parse(cast(IO[bytes], watched), _format(file), base_iri=file.base)
        while found := sum(1 for _ in itertools.islice(parser, AT_A_TIME)):
            statements += found
            meter.add(0, found)
    except SyntaxError as error:
        raise BadFileError(sentence(file, error, 0)) from None
    # A parser may know that it is done before the last byte, such as a line's end.
    while watched.read(AT_A_TIME):
        pass
    return Reading(statements, False)


class _Watched:
    """A stream that is counted and digested by whoever reads it."""

    def __init__(self, stream: Stream, digest: hashlib._Hash, meter: Meter) -> None:
        self._stream = stream
        self._digest = digest
        self._meter = meter

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        data = self._stream.read(size)
        self._digest.update(data)
        self._meter.add(len(data))
        return data


def number_of_statement_lines(block: bytes) -> int:
    """Return how many of a block's lines are neither empty nor a comment."""
    lines = (line.strip(b" \t") for line in block.splitlines())
    return sum(1 for line in lines if line and not line.startswith(b"#"))


def sentence(file: DataFile, error: SyntaxError, lines_before: int) -> str:
    """Return the file, the place and the parser's own words."""
    words = PLACE.sub("", str(error.msg or error)).strip().rstrip(".")
    if error.lineno is None:
        return f"{file.name}: {words}"
    column = f", column {error.offset}" if error.offset is not None else ""
    return f"{file.name}, line {lines_before + error.lineno}{column}: {words}"


def _format(file: DataFile) -> pyoxigraph.RdfFormat:
    found = pyoxigraph.RdfFormat.from_media_type(file.kind.content_type)
    if found is None:
        raise BadFileError(f"{file.name} is {file.kind.name}, which the parser that is installed here does not know")
    return found
