"""What members say while they load, and what a person reads of all of them together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.progress import described

ENDED = ("done", "failed")


class Reports:
    """The last report of each member, and who is still to be waited for."""

    def __init__(self, sizes: Mapping[int, int], silence: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how many bytes each member is to fetch, by its number."""
        self._sizes = dict(sizes)
        self._silence = silence
        self._clock = clock
        self._begun = clock()
        self._last: dict[int, dict[str, Any]] = {}
        self._heard = dict.fromkeys(sizes, self._begun)

    def hear(self, index: int, report: dict[str, Any] | None) -> None:
        """Take what a member says; the same as before is nothing new."""
        if report is not None and report != self._last.get(index):
            self._last[index] = report
            self._heard[index] = self._clock()

    @property
    def ended(self) -> list[int]:
        """Return the numbers of those that have said that they have ended."""
        return sorted(index for index, said in self._last.items() if said.get("state") in ENDED)

    @property
    def waiting(self) -> list[int]:
        """Return the numbers of those that have not ended, and are not silent for too long."""
        now = self._clock()
        return [each for each in self._sizes if each not in self.ended and now - self._heard[each] <= self._silence]

    def line(self) -> str:
        """Return how far all of them are."""
        done = sum(int(each.get("bytes", 0)) for each in self._last.values())
        statements = sum(int(each.get("statements", 0)) for each in self._last.values())
        total = max(done, sum(self._sizes.values()))
        return str(described("loaded", done, total, self._clock() - self._begun, statements))
