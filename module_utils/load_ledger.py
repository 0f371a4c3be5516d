"""What was loaded into a node's repositories: a file of JSON lines that only grows, and the lock that goes with it.

It runs on the nodes: Python 3.9 and its standard library. A line that is written is on the disk before anything else is
done. A last line without an end was being written when its process died, and counts as not written.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Seconds between two looks whether the lock is free.
PAUSE = 0.2


class LedgerError(Exception):
    """Why the ledger cannot be used, in one sentence for a person."""


class Ledger:
    """What the file says about one repository."""

    def __init__(self, path: Path, repository: str) -> None:
        """Read it; raises LedgerError. A file that is not there says nothing."""
        self.path = path
        self.repository = repository
        self.loaded: dict[str, int] = {}
        """How many statements each part had, by the part's id."""
        self.sessions: list[str] = []
        """The URLs of sessions that were opened, and never seen to be closed."""
        self.demonstration_removed = False
        for number, line in enumerate(_whole_lines(path), 1):
            try:
                record = json.loads(line)
                self._apply(record)
            except (ValueError, KeyError, TypeError):
                raise LedgerError(
                    f"The ledger of loads, {path}, has something else in its line {number}: what is loaded cannot be "
                    "told. Move it away, empty the repository, and load again."
                ) from None

    @property
    def statements(self) -> int:
        """Return how many statements were loaded in all."""
        return sum(self.loaded.values())

    def opened(self, session: str) -> None:
        """Note that a session is going to be used."""
        self._note({"opened": session})

    def closed(self, session: str) -> None:
        """Note that a session can no longer commit anything."""
        self._note({"closed": session})

    def has(self, part: str, statements: int, source: str) -> None:
        """Note that a part is committed."""
        self._note({"loaded": part, "statements": statements, "source": source})

    def forgot_demonstration(self) -> None:
        """Note that the demonstration's statement is removed, once and for all."""
        self._note({"demonstration": "removed"})

    def forget(self) -> None:
        """Note that nothing of what was loaded is there any more."""
        self._note({"forgotten": True})

    def _note(self, record: dict[str, Any]) -> None:
        record = {"repository": self.repository, **record}
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        try:
            _append(self.path, line)
        except OSError as error:
            raise LedgerError(f"The ledger of loads, {self.path}, cannot be written: {error.strerror}.") from None
        self._apply(record)

    def _apply(self, record: dict[str, Any]) -> None:
        if record["repository"] != self.repository:
            return
        if "loaded" in record:
            self.loaded[record["loaded"]] = int(record["statements"])
        elif "opened" in record:
            self.sessions.append(record["opened"])
        elif "closed" in record:
            self.sessions = [each for each in self.sessions if each != record["closed"]]
        elif "demonstration" in record:
            self.demonstration_removed = True
        elif "forgotten" in record:
            self.loaded = {}
        else:
            raise KeyError


@contextmanager
def locked(path: Path, deadline: float) -> Iterator[None]:
    """Be the only one on this node who loads, from the moment that nobody else does; it ends with the process, too.

    `deadline` is one of time.monotonic(). Raises LedgerError when another one is still at work then, or when the
    directory cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LedgerError(f"The ledger of loads cannot be kept in {path.parent}: {error.strerror}.") from None
    try:
        begun = time.monotonic()
        while not _taken(file):
            if time.monotonic() > deadline:
                holder = os.pread(file, 20, 0).decode("ascii", "replace").strip()
                raise LedgerError(
                    f"An earlier load is still at work on this node (process {holder}) after "
                    f"{time.monotonic() - begun:.0f} s: wait until it has ended, or end that process."
                )
            time.sleep(PAUSE)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _whole_lines(path: Path) -> list[bytes]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LedgerError(f"The ledger of loads, {path}, cannot be read: {error.strerror}.") from None
    return content[: _end_of_lines(content)].splitlines()


def _end_of_lines(content: bytes) -> int:
    return content.rfind(b"\n") + 1


def _append(path: Path, line: bytes) -> None:
    """Write a line, and see it on the disk."""
    existed = path.exists()
    with path.open("r+b" if existed else "x+b") as file:
        # What follows the last whole line was never finished.
        file.truncate(_end_of_lines(file.read()))
        file.seek(0, os.SEEK_END)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    if not existed:
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
