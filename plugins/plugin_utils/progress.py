"""How far a long task is, as its module writes it: one line in a file that the environment names."""

from __future__ import annotations

from pathlib import Path

VARIABLE = "FEDERATION_PROGRESS_FILE"
# Of a line that is longer, no terminal shows the rest.
LONGEST = 1000


class Progress:
    """The file with the line. What it says belongs to the task during which it came to say it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._before = ""

    def forget(self) -> None:
        """Take what the file says now for that of a task that has ended."""
        self._before = self._read()

    def line(self) -> str:
        """Return what the file says since; nothing if it says nothing, or is not there."""
        said = self._read()
        return "" if said == self._before else said

    def _read(self) -> str:
        try:
            with self.file.open(encoding="utf-8", errors="replace") as file:
                return file.readline(LONGEST).strip()
        except OSError:
            return ""
