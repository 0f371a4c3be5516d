"""The bodies of requests, read as they come."""

import gzip
import zlib
from io import BufferedIOBase
from typing import Protocol

from sandbox.allegrograph.refusal import RefusedError, malformed_data


class Readable(Protocol):
    """Something to read bytes from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""


class Headers(Protocol):
    """The header lines of a request."""

    def get(self, name: str, /) -> str | None:
        """One of them, or nothing."""


class Body:
    """The body of a request, read as it comes."""

    def __init__(self, stream: BufferedIOBase, headers: Headers) -> None:
        self._stream = stream
        self._chunked = (headers.get("Transfer-Encoding") or "").lower() == "chunked"
        try:
            self._left = 0 if self._chunked else int(headers.get("Content-Length") or 0)
        except ValueError as error:
            raise RefusedError(400, "The Content-Length is not a number.") from error
        self.finished = not self._chunked and self._left == 0

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size`; all of them when it is negative; nothing at the end."""
        pieces, wanted = [], size
        while not self.finished and wanted != 0:
            if self._left == 0 and not self._next_chunk():
                break
            piece = self._stream.read(self._left if wanted < 0 else min(wanted, self._left))
            if not piece:
                raise ConnectionError("The client went away.")
            pieces.append(piece)
            self._left -= len(piece)
            wanted -= len(piece) if wanted > 0 else 0
            self._after_piece()
        return b"".join(pieces)

    def _next_chunk(self) -> bool:
        try:
            self._left = int(self._stream.readline(100).split(b";")[0] or b"0", 16)
        except ValueError as error:
            raise ConnectionError("A chunk has no length.") from error
        if self._left == 0:
            while self._stream.readline(10_000).strip():
                pass
            self.finished = True
        return not self.finished

    def _after_piece(self) -> None:
        if self._left == 0:
            if self._chunked:
                self._stream.readline(10)
            else:
                self.finished = True


class Unpacked:
    """A source that came compressed."""

    def __init__(self, packed: Readable) -> None:
        self._file = gzip.GzipFile(fileobj=packed, mode="rb")  # type: ignore[call-overload]

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size`; all of them when it is negative; nothing at the end."""
        try:
            data: bytes = self._file.read(size)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise malformed_data(f"The data does not unpack: {error}.".replace("..", ".")) from error
        return data
