"""Several sandboxes at once: the counting, the work, and what came of it."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import ROOT

from sweep import product
from sweep.cycle import PUNCTUAL, Cycle
from sweep.points import FAILED, SKIPPED, SURVIVED, Job, Outcome, Point, again, jobs, last_line

RESULT = "result.json"
TRIES = 3
"""How often a point is tried at which no run was struck: calls come in another number now and then."""
Say = Callable[[str], None]


class Sweep:
    """The whole of it; what a failed point said is kept in `folder`."""

    def __init__(self, folder: Path, workers: int, members: int, say: Say) -> None:
        self.folder = folder
        self.say = say
        self.outcomes: list[Outcome] = []
        self.points: list[Point] = []
        self.cycles = [Cycle(folder / f"sandbox-{number}", members) for number in range(workers)]
        self._before: dict[str, Any] = {}
        self._jobs: deque[Job] = deque()
        self._tries: dict[Point, int] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def count(self) -> dict[str, int]:
        """Run everything unhurt once, and return how many points of each kind there are."""
        first, *others = self.cycles
        for each in self.cycles:
            each.stop()
        with contextlib.suppress(OSError, ValueError):
            self._before = json.loads((self.folder / RESULT).read_text())
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        first.start(PUNCTUAL)
        totals = first.count()
        first.start()
        for each in others:
            each.whole = first.whole
        return totals

    def go_on(self, points: list[Point]) -> int:
        """Keep those of the points that survived in the sweep before this one, and return how many they are.

        What it was a sweep of has to be the same to the letter; a sweep of anything else says nothing of this one.
        """
        if self._before.get("product") != product.digest(ROOT):
            return 0
        known = {Point(each["point"]["kind"], each["point"]["number"]): each for each in self._before["points"]}
        kept = [point for point in points if point in known and known[point]["verdict"] == SURVIVED]
        self.outcomes = [Outcome(each, SURVIVED, known[each]["seconds"], known[each]["call"]) for each in kept]
        self._write()
        return len(kept)

    def run(self, points: list[Point]) -> str:
        """Do all points that have no outcome yet, and return the last line."""
        self.points = points
        known = {each.point for each in self.outcomes}
        self._jobs.extend(jobs([each for each in points if each not in known]))
        self._threads = [threading.Thread(target=self._work, args=(each,), daemon=True) for each in self.cycles]
        for each in self._threads:
            each.start()
        for each in self._threads:
            # Without a limit a wait could not be interrupted.
            while each.is_alive():
                each.join(0.5)
        if self._errors:
            raise self._errors[0]
        self._write()
        return last_line(self.points, self.outcomes)

    @property
    def survived(self) -> bool:
        """Whether every point was."""
        return len(self.outcomes) == len(self.points) and not self.bad

    @property
    def bad(self) -> list[Outcome]:
        """What failed, or was never struck."""
        return [each for each in self.outcomes if each.verdict in (FAILED, SKIPPED)]

    def stop(self) -> None:
        """End everything, from any state."""
        self._stopped.set()
        for each in self.cycles:
            each.verbs.ended = True
            each.verbs.stop()
        for thread in self._threads:
            thread.join(60)
        for each in self.cycles:
            each.stop()

    def _work(self, cycle: Cycle) -> None:
        try:
            if not cycle.before:
                cycle.start()
            while not self._stopped.is_set() and (job := self._next()):
                outcomes = cycle.do(job)
                if self._stopped.is_set():
                    return
                if self._take(job, outcomes, cycle):
                    cycle.start()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the threads are waited for
            if not self._stopped.is_set():
                self._errors.append(error)
                self._stopped.set()

    def _next(self) -> Job | None:
        with self._lock:
            return self._jobs.popleft() if self._jobs else None

    def _take(self, job: Job, outcomes: list[Outcome], cycle: Cycle) -> bool:
        """Note what came of a job, and tell whether the sandbox is no good for the next one."""
        with self._lock:
            for each in outcomes:
                tried = self._tries[each.point] = self._tries.get(each.point, 0) + 1
                if each.verdict == SKIPPED and tried < TRIES:
                    self._jobs.append(Job((each.point,)))
                    self.say(f"{each}; it is tried again")
                    continue
                self.outcomes.append(each)
                self.say(f"{len(self.outcomes)}/{len(self.points)} {each}")
            if rest := again(job, outcomes):
                self._jobs.append(rest)
            failed = [each for each in outcomes if each.verdict == FAILED]
            for each in failed:
                file = self.folder / f"{each.point.kind}-{each.point.number}.txt"
                file.write_text(f"{each}\n\n" + "\n".join(cycle.verbs.outputs))
                self.say(f"  its output is in {file}")
            self._write()
            return bool(failed)

    def _write(self) -> None:
        content = {
            "product": product.digest(ROOT),
            "line": last_line(self.points, self.outcomes),
            "points": [{**asdict(each), "mode": each.point.mode} for each in self.outcomes],
        }
        (self.folder / RESULT).write_text(json.dumps(content, indent=2) + "\n")
