"""The phases of a run as a person reads them: a line that lives while one is under way, and the line that stays."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from plugins.plugin_utils.task_lines import Line

# Between the parts of a line.
GAP = "  "
# A phase in which nothing ran is worth no line unless somebody waited for it so long, in seconds.
NOTICEABLE = 1.0
# Nobody asks how long something takes that is over at once, in seconds.
LONG = 3.0


@dataclass
class Phase:
    """A play under way. Times are seconds of one and the same clock."""

    name: str
    began: float
    # How long it takes, as far as that is known, in seconds.
    expected: float | None = None
    # How many tasks did something, changed something, failed.
    ran: int = 0
    changed: int = 0
    failed: int = 0
    # Whether its name stands above what it had to say.
    headed: bool = False

    def count(self, line: Line) -> None:
        """Take a task's line into account."""
        self.ran += not line.silent and bool(line.ok or line.changed)
        self.changed += bool(line.changed)
        self.failed += bool(line.failed)

    def is_worth_a_line(self, now: float) -> bool:
        """Say whether it did anything, or somebody waited for it."""
        return bool(self.ran or self.failed or self.headed) or now - self.began >= NOTICEABLE

    def live(self, text: str, now: float, columns: int) -> str:
        """Return its line while a text is under way, in so many columns: without room, the text is cut first."""
        time = clock(now - self.began)
        if self.expected and self.expected >= LONG:
            past = now - self.began > self.expected
            time += f", usually {clock(self.expected)}" if past else f" of about {clock(self.expected)}"
        room = columns - width(self.name) - width(time) - 2 * len(GAP)
        return cut(GAP.join(part for part in (self.name, cut(text, room), time) if part), columns)

    def finished(self, now: float) -> str:
        """Return the line that stays."""
        parts = [self.name]
        if self.failed:
            parts.append("failed")
        elif self.changed:
            parts.append(f"{self.changed} changed")
        return GAP.join([*parts, clock(now - self.began)])


def clock(seconds: float) -> str:
    """Return whole seconds as a clock shows them: 0:07, 12:40, 1:02:03."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(_width(each) for each in text)


def cut(text: str, columns: int) -> str:
    """Return a text on one line and without what a terminal obeys, that takes so many columns at most."""
    printable = "".join(each if each.isprintable() else " " for each in text).strip()
    if width(printable) <= columns:
        return printable
    kept, taken = "", 1
    for each in printable:
        taken += _width(each)
        if taken > columns:
            break
        kept += each
    return f"{kept.rstrip()}…" if columns > 0 else ""


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
