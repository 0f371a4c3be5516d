"""Looks for a secret in whatever was printed, kept or passed on: as it is, in base64, and inside zipped modules."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

# Long enough for a zipped module, which Ansible writes in base64 into a script.
ENCODED = re.compile(rb"[A-Za-z0-9+/]{200,}={0,2}")
LARGEST_FILE = 64 << 20


def forms(secret: str) -> list[bytes]:
    """Return what a secret looks like by itself and in base64, wherever it begins in what is encoded."""
    raw = secret.encode()
    found = [raw]
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        # The first letters and the last ones hold bits of its neighbours.
        found.append(encoded[-(-8 * offset // 6) : len(encoded) - 4])
    return found


def holds(data: bytes, secret: str) -> bool:
    """Say whether a secret stands in data, or in a zip inside it, at any depth."""
    return any(each in piece for piece in _pieces(data) for each in forms(secret))


def _pieces(data: bytes) -> Iterator[bytes]:
    yield data
    for match in ENCODED.finditer(data):
        with contextlib.suppress(ValueError):
            decoded = base64.b64decode(match[0] + b"=" * (-len(match[0]) % 4))
            yield decoded
            if decoded.startswith(b"PK\x03\x04"):
                yield from _zipped(decoded)
    if data.startswith(b"PK\x03\x04"):
        yield from _zipped(data)


def _zipped(data: bytes) -> Iterator[bytes]:
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            yield from _pieces(archive.read(name))


def files_with(folders: Sequence[Path], secret: str, newer_than: float = 0.0) -> list[Path]:
    """Return the files below folders that hold a secret and were written at or after a moment, in seconds."""
    return [path for folder in folders for path in _files(folder, newer_than) if holds(path.read_bytes(), secret)]


def _files(folder: Path, newer_than: float) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            with contextlib.suppress(OSError):
                if path.is_symlink() or not path.is_file():
                    continue
                status = path.stat()
                if status.st_mtime >= newer_than and status.st_size <= LARGEST_FILE:
                    yield path


class Processes:
    """Watches the arguments and the environments of all processes, the nodes' among them, until it is left."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def hold(self, secret: str) -> bool:
        """Say whether a secret was in one of them."""
        return any(holds(each, secret) for each in self.seen)

    def _watch(self) -> None:
        own = str(os.getpid())
        while not self._over.wait(0.02):
            for process in Path("/proc").iterdir():
                if process.name.isdigit() and process.name != own:
                    for what in ("cmdline", "environ"):
                        with contextlib.suppress(OSError):
                            self.seen.add((process / what).read_bytes())
