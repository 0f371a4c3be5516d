"""Splits a file of N-Triples or N-Quads by its subjects into compressed parts, in little memory however long it is.

Which part a line belongs to follows from the line and the number of parts alone. So a run that goes on where another
one was interrupted makes the same parts again, and loads the missing ones.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from ansible.module_utils.data_files import BLOCK, Content, DataError, Stream, blocks_of_lines, changed, opened
from ansible.module_utils.progress import Meter

# In a line without its IRIs, literals and comment, what has the look of a blank node is one. IRIs have no spaces in
# them, so that the opening of a triple term, <<(, is none.
NO_NODE = re.compile(rb'<[^<>\s]*>|"(?:[^"\\]|\\.)*"|#.*')
# Half of the time of the best compression would go for a twentieth of the size.
LEVEL, AS_GZIP = 1, 31


@dataclass
class Written:
    """A part on this machine: a file without a name, which is gone with the process however that ends."""

    file: IO[bytes] | None
    """None where only the counts were wanted."""
    statements: int = 0
    _compressor: zlib._Compress = field(default_factory=lambda: zlib.compressobj(LEVEL, zlib.DEFLATED, AS_GZIP))

    def write(self, data: bytes) -> None:
        """Add to the part."""
        if self.file:
            self.file.write(self._compressor.compress(data))

    def finish(self) -> None:
        """End the part, so that it can be read from its beginning."""
        if self.file:
            self.file.write(self._compressor.flush())
            self.file.seek(0)

    @property
    def size(self) -> int | None:
        """Return the compressed size in bytes."""
        if self.file is None:
            return None
        at = self.file.tell()
        end = self.file.seek(0, 2)
        self.file.seek(at)
        return end

    def close(self) -> None:
        """Give the room on the disk back."""
        if self.file:
            self.file.close()


def scattered(block: bytes, parts: int) -> list[list[bytes]]:
    """Return the statements of a block of whole lines by the part that each belongs to, in their order."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found: list[list[bytes]] = [[] for _ in range(parts)]
    checksum = zlib.crc32
    for line in block.split(b"\n"):
        if line[:1] == b"<" and b"_:" not in line:
            found[checksum(line[: line.find(b">")]) % parts].append(line)
        elif (stripped := line.strip(b" \t")) and not stripped.startswith(b"#"):
            found[part_of(stripped, parts)].append(line)
    return found


def part_of(line: bytes, parts: int) -> int:
    """Return the part, from 0, that a statement belongs to.

    A blank node's label means the same node only inside one upload, so all statements about blank nodes go to the same
    part. The others go by the checksum of their subject: what is said of one thing stays on one member.
    """
    if b"_:" in line and b"_:" in NO_NODE.sub(b"", line):
        return 0
    return zlib.crc32(line[: line.find(b">")]) % parts


def split(
    content: Content, statements: int, parts: int, wanted: set[int], folder: str | None, meter: Meter
) -> dict[int, Written]:
    """Write the wanted ones of a content's parts, by their numbers from 0; a `folder` of None only counts.

    `statements` is what the parser counted, and what all parts together have to have. Raises BadFileError and DataError
    where it is no longer the file that was read, and OSError for want of room.
    """
    written = {part: _begun(folder) for part in sorted(wanted)}
    found = 0
    for block in _blocks(content, meter, by_line=True):
        for part, lines in enumerate(scattered(block, parts)):
            found += len(lines)
            if part in written and lines:
                written[part].statements += len(lines)
                written[part].write(b"\n".join(lines) + b"\n")
    if found != statements:
        raise DataError(
            f"{content.file.name} has {statements:,} statements for the parser and {found:,} lines with one, so it is "
            "not split, and nothing is loaded. Have it written anew, or name it as Turtle or TriG, which is left whole."
        )
    for each in written.values():
        each.finish()
    return written


def whole(content: Content, statements: int, folder: str | None, meter: Meter) -> Written:
    """Write all of a content as one part; raises what `split` does."""
    written = _begun(folder)
    written.statements = statements
    if folder is not None:
        for block in _blocks(content, meter, by_line=False):
            written.write(block)
    written.finish()
    return written


def _begun(folder: str | None) -> Written:
    return Written(None if folder is None else tempfile.TemporaryFile(dir=folder or None))


def _blocks(content: Content, meter: Meter, by_line: bool) -> Iterator[bytes]:
    digest = hashlib.sha256()
    with opened(content.file) as stream:
        for block in blocks_of_lines(stream, content.file.name) if by_line else _pieces(stream):
            digest.update(block)
            yield block
            meter.add(len(block))
    if digest.hexdigest() != content.sha256:
        raise changed(content.file)


def _pieces(stream: Stream) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block
