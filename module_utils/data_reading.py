"""Reads files of RDF completely before anything of them goes anywhere: are they good, and how much is in them?

Runs on the controller, which has pyoxigraph.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable
from typing import IO, cast

import pyoxigraph
from ansible.module_utils.data_files import (
    BLOCK,
    BadFileError,
    Content,
    DataFile,
    Digest,
    Stream,
    blocks_of_lines,
    changed,
    opened,
)
from ansible.module_utils.progress import Meter

AT_A_TIME = 20_000
# The parser puts the place before its words; here both have a place of their own.
PLACE = re.compile(r"^Parser error (?:at|between) [^:]*: ")
# What the parser says of its own inside, for those who have only the data.
WORDS = {
    "No LoadDocumentCallback has been set to load remote contexts": (
        "its @context is a URL, and nothing is fetched from elsewhere: write the context itself into the file"
    )
}


def read_all(contents: Iterable[Content], meter: Meter) -> tuple[dict[str, int], list[str]]:
    """Return the numbers of statements by the contents' identities, duplicates as the data has them.

    And for each bad file the first thing that is wrong with it. Raises DataError for a file that changes meanwhile.
    """
    found, faults = {}, []
    for content in contents:
        try:
            found[content.identity] = read(content, meter)
        except BadFileError as error:
            faults.append(str(error))
    return found, faults


def read(content: Content, meter: Meter) -> int:
    """Read one file to its end, and return its number of statements; raises BadFileError and DataError."""
    digest = hashlib.sha256()
    with opened(content.file) as stream:
        if content.file.kind.is_by_line:
            found = _read_lines(content.file, stream, digest, meter)
        else:
            found = _read_whole(content.file, stream, digest, meter)
    if digest.hexdigest() != content.sha256:
        raise changed(content.file)
    return found


def _read_lines(file: DataFile, stream: Stream, digest: Digest, meter: Meter) -> int:
    """Read block by block: a statement is a line, and the parser is quickest on what is in memory."""
    rdf_format, lines, statements = _format(file), 0, 0
    for block in blocks_of_lines(stream, file.name):
        digest.update(block)
        try:
            found = sum(1 for _ in pyoxigraph.parse(block, rdf_format))
        except SyntaxError as error:
            raise BadFileError(sentence(file, error, lines)) from None
        lines += block.count(b"\n")
        statements += found
        meter.add(len(block), found)
    return statements


def _read_whole(file: DataFile, stream: Stream, digest: Digest, meter: Meter) -> int:
    watched = _Watched(stream, digest, meter)
    statements = 0
    try:
        parser = pyoxigraph.parse(cast(IO[bytes], watched), _format(file), base_iri=file.base)
        while found := sum(1 for _ in itertools.islice(parser, AT_A_TIME)):
            statements += found
            meter.add(0, found)
    except SyntaxError as error:
        raise BadFileError(sentence(file, error, 0, watched.lines)) from None
    # A parser may know that it is done before the last byte, such as a line's end.
    while watched.read():
        pass
    return statements


class _Watched:
    """A stream that is counted and digested by whoever reads it.

    It hands out no more than a line at a time, so that it knows where the parser is when that does not say.
    """

    def __init__(self, stream: Stream, digest: Digest, meter: Meter) -> None:
        self._stream = stream
        self._digest = digest
        self._meter = meter
        self._ends = 0
        self._is_between = True

    @property
    def lines(self) -> int:
        """Return the line, from 1, that was read last."""
        return max(1, self._ends + (not self._is_between))

    def read(self, size: int = BLOCK) -> bytes:
        """Return the next bytes of the line."""
        data: bytes = self._stream.readline(size)
        self._is_between = data.endswith(b"\n")
        self._ends += self._is_between
        self._digest.update(data)
        self._meter.add(len(data))
        return data


def sentence(file: DataFile, error: SyntaxError, lines_before: int, line_read: int | None = None) -> str:
    """Return the file, the place and the parser's own words."""
    words = PLACE.sub("", str(error.msg or error)).strip().rstrip(".")
    words = WORDS.get(words, words)
    if error.lineno is not None:
        column = f", column {error.offset}" if error.offset is not None else ""
        return f"{file.name}, line {lines_before + error.lineno}{column}: {words}"
    return f"{file.name}, line {line_read}: {words}" if line_read else f"{file.name}: {words}"


def _format(file: DataFile) -> pyoxigraph.RdfFormat:
    found = pyoxigraph.RdfFormat.from_media_type(file.kind.content_type)
    if found is None:
        raise BadFileError(f"{file.name} is {file.kind.name}, which the parser that is installed here does not know")
    return found
