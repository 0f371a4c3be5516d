"""The logs of this machine, the newest of each, packed and sent; Python 3.9's library alone."""

from __future__ import annotations

import glob
import http.client
import io
import os
import re
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

DIRECTIVE = re.compile(r"^\s*(LogDir|BaseDir)\s+(\S+)\s*$", re.MULTILINE | re.IGNORECASE)
# What a log is called that no file has: what the journal says of a service.
JOURNAL = "journal/{}.log"
TRIES = 3
PAUSE = 1.0
NEW_LINE = b"\n"


class LogsError(Exception):
    """Why the logs are not sent, in one sentence, and without the URL, which is signed."""


@dataclass(frozen=True)
class Log:
    """One log: what it is called in the archive, how many bytes it has, and where; or else the bytes."""

    name: str
    size: int
    path: Path | None = None
    content: bytes = b""
    changed: float = 0.0

    def newest(self, size: int) -> bytes:
        """Return at most so many bytes, the last ones; what is cut off ends with a line."""
        if self.path is None:
            end = self.content[-size:] if size else b""
            was_cut = size < len(self.content)
        else:
            with self.path.open("rb") as file:
                # It grows while it is read, and may have become another file.
                whole = file.seek(0, os.SEEK_END)
                file.seek(max(0, whole - size))
                end, was_cut = file.read(size), size < whole
        return end.partition(NEW_LINE)[2] if was_cut and NEW_LINE in end else end


def directories(configurations: Iterable[str]) -> list[str]:
    """Return where AllegroGraph keeps its logs, as the texts of its configuration files say."""
    found = []
    for text in configurations:
        said = {name.lower(): value for name, value in DIRECTIVE.findall(text)}
        if "logdir" in said:
            found.append(str(Path(said.get("basedir", "/")) / said["logdir"]))
    return found


def files(patterns: Iterable[str]) -> list[Log]:
    """Return the files that are named, each once, by their names; what is no file of its own is left out."""
    paths = sorted({Path(each) for pattern in patterns for each in glob.glob(pattern)})  # noqa: PTH207  # absolute
    logs = []
    for path in paths:
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            logs.append(Log(str(path).lstrip("/"), status.st_size, path, changed=status.st_mtime))
    return logs


def journals(said: Mapping[str, bytes]) -> list[Log]:
    """Return what the journal says of services, by their names; of some it says nothing."""
    now = time.time()
    return [
        Log(JOURNAL.format(unit), len(text), content=text, changed=now)
        for unit, text in said.items()
        if text.strip() and not text.startswith(b"-- No entries --")
    ]


def shares(sizes: Sequence[int], room: int) -> list[int]:
    """Return how many bytes each may have of a room: what the small ones leave goes to the large ones alike."""
    result = [0] * len(sizes)
    for rank, index in enumerate(sorted(range(len(sizes)), key=lambda each: sizes[each])):
        result[index] = min(sizes[index], room // (len(sizes) - rank))
        room -= result[index]
    return result


def pack(logs: Sequence[Log], room: int, target: BinaryIO) -> list[int]:
    """Write a tar.gz with the newest bytes of each log, all of them within a room; return how many each has there."""
    kept = []
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for log, size in zip(logs, shares([each.size for each in logs], room)):
            try:
                content = log.newest(size)
            except OSError:
                # Somebody has just put it away.
                content = b""
            entry = tarfile.TarInfo(log.name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(log.changed)
            archive.addfile(entry, io.BytesIO(content))
            kept.append(len(content))
    return kept


def send(source: BinaryIO, url: str, timeout: float) -> int:
    """Put all of a file under a URL within so many seconds; return how many bytes it has. Raises LogsError."""
    size, deadline = source.seek(0, os.SEEK_END), time.monotonic() + timeout
    # With no type of its own Python says that it is a form.
    headers, reason = {"Content-Length": str(size), "Content-Type": "application/gzip"}, ""
    for _ in range(TRIES):
        source.seek(0)
        request = urllib.request.Request(url, data=source, method="PUT", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=max(1.0, deadline - time.monotonic())):
                return size
        except urllib.error.HTTPError as error:
            reason = f"the bucket answers {error.code} {error.reason}"
            if error.code < 500:
                break
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__)
        if time.monotonic() + PAUSE > deadline:
            break
        time.sleep(PAUSE)
    raise LogsError(f"its {size} bytes could not be sent: {reason}")
