"""What a person sees of a task that takes its time: one line of text in a file, which the screen shows.

The callback names the file in the environment. Without it nothing is written, so that a module can say how far it is
wherever it runs. Standard library of Python 3.9, since modules that run on nodes may use it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

VARIABLE = "FEDERATION_PROGRESS_FILE"
# A person cannot read faster, and a file system should not have to write faster.
SECONDS_BETWEEN = 0.5
MEGABYTE = 1_000_000


class Progress:
    """A line of text in a file, replaced as a whole and at most twice a second."""

    def __init__(self, path: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the file's path, by default the environment's; where there is neither, nothing is ever written."""
        given = os.environ.get(VARIABLE, "") if path is None else path
        self._path = Path(given) if given else None
        self._clock = clock
        self._last: float | None = None

    def is_due(self) -> bool:
        """Say whether a line would be written now, so that nobody makes one in vain."""
        if self._path is None:
            return False
        return self._last is None or self._clock() - self._last >= SECONDS_BETWEEN

    def say(self, text: str, at_once: bool = False) -> None:
        """Replace the line, unless the last one is younger than half a second and this one can wait for the next."""
        if self._path is None or not (at_once or self.is_due()):
            return
        self._last = self._clock()
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            draft.write_text(text + "\n", encoding="utf-8")
            draft.replace(self._path)
        except OSError:
            # A line on the screen is not worth a failure, and the next one would not get there either.
            self._path = None


def described(verb: str, done: int, total: int, seconds: float, statements: int | None = None) -> str:
    """Return the line for work that is measured in bytes: `done` of `total` after `seconds`.

    `read 210 of 600 MB, 1,800,000 statements, 1.1 million a second, about 6 s left`; without statements their number
    and rate are left out, and the remaining time as long as there is nothing to tell it from.
    """
    parts = [f"{verb} {megabytes(done, total)} of {megabytes(total, total)} MB"]
    if statements is not None:
        parts.append(f"{statements:,} statements")
        if seconds > 0:
            parts.append(f"{rate(statements / seconds)} a second")
    if seconds > 0 and 0 < done < total:
        parts.append(f"about {duration(seconds * (total - done) / done)} left")
    return ", ".join(parts)


def megabytes(size: int, total: int) -> str:
    """Return a number of bytes in megabytes, as exact as its total deserves."""
    return f"{size / MEGABYTE:,.0f}" if total >= 10 * MEGABYTE else f"{size / MEGABYTE:.1f}"


def rate(a_second: float) -> str:
    """Return a rate to two digits: `1.1 million`, `340,000`, `17`."""
    if a_second >= 999_500:
        return f"{a_second / 1e6:.1f} million"
    digits = len(str(round(a_second)))
    return f"{round(a_second, 2 - digits if digits > 2 else 0):,.0f}"


def duration(seconds: float) -> str:
    """Return a time to wait, rounded up to whole seconds, minutes from a minute and a half on."""
    if seconds < 90:
        return f"{max(1, round(seconds + 0.499))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


class Meter:
    """Counts bytes, and statements where there are some, and says how far it is."""

    def __init__(self, progress: Progress, verb: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._verb = verb
        self._clock = clock
        self._started = clock()
        self.total = total
        self.done = 0
        self.statements: int | None = None

    def add(self, size: int, statements: int | None = None, is_shown: bool = True) -> None:
        """Count more bytes and statements; what is not shown is counted for later."""
        self.done += size
        if statements is not None:
            self.statements = (self.statements or 0) + statements
        if is_shown and self._progress.is_due():
            passed = self._clock() - self._started
            self._progress.say(described(self._verb, self.done, self.total, passed, self.statements))
