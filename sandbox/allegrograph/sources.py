"""The bytes of documents on their way to a parser."""

import re

from sandbox.allegrograph.bodies import Readable

_BLOCK = 1 << 17
_ATTRIBUTES = re.compile(rb"\s\{[^{}\n]*\}\s*\.[ \t]*(?=\r?\n|$)")


class Plain:
    """A source whose `read` may be given nothing or a number, as Oxigraph calls it."""

    def __init__(self, source: Readable) -> None:
        self._source = source

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        return self._source.read(size)


class LineByLine:
    """A source that gives no more than a line at a time, so that what it gave last is where its reader is."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._block = b""
        self._position = 0
        self._ended = True
        self.line = 0

    def read(self, size: int = -1) -> bytes:
        """The rest of a line, or as much of it as fits."""
        if self._position >= len(self._block):
            self._block, self._position = self._source.read(_BLOCK), 0
        start = self._position
        self._position = self._block.find(b"\n", start, start + size) + 1 or min(start + size, len(self._block))
        piece = self._block[start : self._position]
        if piece:
            self.line += self._ended
            self._ended = piece.endswith(b"\n")
        return piece


class WithoutAttributes:
    """Extended N-Quads without the attributes, which are not stored here."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._lines = b""
        self._position = 0
        self._rest = b""
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size`, or as many as are at hand; nothing at the end."""
        while self._position >= len(self._lines) and not self._ended:
            self._next_lines()
        start = self._position
        self._position = start + size if size >= 0 else len(self._lines)
        return self._lines[start : self._position]

    def _next_lines(self) -> None:
        chunk = self._source.read(_BLOCK)
        self._ended = not chunk
        data = self._rest + chunk
        end = data.rfind(b"\n") + 1 if chunk else len(data)
        self._rest = data[end:]
        self._lines = _ATTRIBUTES.sub(b" .", data[:end]) if b"{" in data[:end] else data[:end]
        self._position = 0
