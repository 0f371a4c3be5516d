"""The last line of a terminal, which is drawn again while it lives, and makes room for what stays."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ERASE = "\r\033[K"
# Seconds from one drawing to the next: a clock of seconds has to be seen going on.
INTERVAL = 0.5
# Somebody who holds the lock only writes a line. Whoever waits longer is a signal's handler, which stands in the way.
PATIENCE = 1.0


class LiveLine:
    """A line that a thread draws again and again, so that its clock goes on while Ansible waits for a module.

    Ansible forks meanwhile: a worker has no such thread, and nothing in it asks for the lock. Each drawing is one call
    of `write`, which has to write at once, and to let nothing in between. The thread ends with the process.
    """

    def __init__(self, write: Callable[[str], None], text: Callable[[int], str], interval: float = INTERVAL) -> None:
        """Take what writes, and what says the text for a number of columns; an empty one is no line."""
        self._write = write
        self._text = text
        self._interval = interval
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._drawn = ""

    def start(self) -> None:
        """Begin to draw."""
        threading.Thread(target=self._run, name="live line", daemon=True).start()

    def stop(self) -> None:
        """Take the line away for good."""
        with self._held():
            self._ended.set()
            self._erase()

    def draw(self) -> None:
        """Bring the line up to date; what is there already is not written again."""
        with self._held():
            if self._ended.is_set():
                return
            # In the last column, some terminals would begin another line.
            text = self._text(shutil.get_terminal_size().columns - 1)
            if text != self._drawn:
                self._write(ERASE + text)
                self._drawn = text

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Make room for what is written meanwhile; it has to end with a new line."""
        with self._held():
            self._erase()
            yield

    def _erase(self) -> None:
        if self._drawn:
            self._write(ERASE)
            self._drawn = ""

    def _run(self) -> None:
        while not self._ended.wait(self._interval):
            try:
                self.draw()
            except (OSError, ValueError):  # The terminal is gone, and with it whoever would read this.
                return

    @contextmanager
    def _held(self) -> Iterator[None]:
        held = self._lock.acquire(timeout=PATIENCE)
        try:
            yield
        finally:
            if held:
                self._lock.release()
