"""Where runs are killed: the choice of points, what is done together, and the line at the end."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KINDS = ("up", "resume", "down")
"""`up` killed and `down` after it; `up` killed and `up` again; `down` killed and `down` again."""

MACHINE, CONTROLLER, IN_FLIGHT = "machine", "controller", "in flight"
MODES = (IN_FLIGHT, MACHINE, CONTROLLER)
"""How a run dies, every third point in the same way.

In flight, all of its processes die before the call is done. A machine dies with all of them when the call is done. When
the controller alone is killed, what it has started goes on, the next run by its side.
"""

SURVIVED, FAILED, SKIPPED = "survived", "FAILED", "skipped"


class PointError(Exception):
    """What is wrong with a point that was asked for, in one sentence."""


@dataclass(frozen=True)
class Point:
    """A kind, and the number of the changing call at which the run dies."""

    kind: str
    number: int

    @property
    def mode(self) -> str:
        """How the run dies; an `up` that is resumed dies otherwise than the same one that is removed."""
        return MODES[(self.number + KINDS.index(self.kind)) % len(MODES)]

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}"


@dataclass(frozen=True)
class Job:
    """What is done in one go, from an empty account to an empty account."""

    points: tuple[Point, ...]

    def of(self, kind: str) -> Point | None:
        """Its point of a kind."""
        return next((each for each in self.points if each.kind == kind), None)

    def __str__(self) -> str:
        return " ".join(map(str, self.points))


@dataclass(frozen=True)
class Outcome:
    """What came of a point."""

    point: Point
    verdict: str
    seconds: float = 0.0
    call: str = ""
    why: str = ""

    def __str__(self) -> str:
        struck = f" {self.point.mode} at {self.call}" if self.call else ""
        reason = f": {self.why}" if self.why else ""
        return f"{self.point}{struck} {self.verdict} ({self.seconds:.0f} s){reason}"


def every(totals: dict[str, int]) -> list[Point]:
    """Return all points, given the number of changing calls for each kind."""
    return [Point(kind, number) for kind in KINDS for number in range(1, totals[kind] + 1)]


def asked(texts: Iterable[str], totals: dict[str, int]) -> list[Point]:
    """Return the points that a person names, such as `up:3` or `down:7`."""
    found = []
    for text in texts:
        kind, _, number = text.partition(":")
        if kind not in KINDS or not (number.isascii() and number.isdigit()):
            raise PointError(f"{text} is not a point: write for example up:3, resume:3 or down:7.")
        if not 1 <= int(number) <= totals[kind]:
            raise PointError(f"There is no point {text}: {kind} has the points 1 to {totals[kind]}.")
        found.append(Point(kind, int(number)))
    return list(dict.fromkeys(found))


def sample(count: int, seed: int, totals: dict[str, int]) -> list[Point]:
    """Return some points at random, as many of each kind as of the others, the same ones for the same seed."""
    chance = random.Random(seed)
    dealt = {kind: chance.sample(range(1, totals[kind] + 1), totals[kind]) for kind in KINDS}
    found = []
    for turn in range(max(totals.values())):
        found += [Point(kind, dealt[kind][turn]) for kind in KINDS if turn < totals[kind]]
    return found[:count]


def jobs(points: Sequence[Point]) -> list[Job]:
    """Return the work for some points: a killed `down` follows a resumed `up` where there is one, evenly spread."""
    ups, resumes, downs = ([each for each in points if each.kind == kind] for kind in KINDS)
    spread = {index * len(resumes) // len(downs): down for index, down in enumerate(downs)} if resumes else {}
    paired = set(spread.values())
    return [
        *(Job((each,)) for each in ups),
        *(Job((each, spread[index]) if index in spread else (each,)) for index, each in enumerate(resumes)),
        *(Job((each,)) for each in downs if each not in paired),
    ]


def again(job: Job, outcomes: Iterable[Outcome]) -> Job | None:
    """Return what of a job has yet to be done: the points without an outcome, or none."""
    known = {each.point for each in outcomes}
    rest = tuple(each for each in job.points if each not in known)
    return Job(rest) if rest else None


def last_line(points: Iterable[Point], outcomes: Iterable[Outcome]) -> str:
    """Return how many points of each kind were survived, of how many, and how many were never struck."""
    wanted, done = list(points), list(outcomes)
    parts = [
        f"{kind} {sum(each.point.kind == kind and each.verdict == SURVIVED for each in done)}/"
        f"{sum(each.kind == kind for each in wanted)}"
        for kind in KINDS
    ]
    return f"sweep: {' '.join(parts)} skipped {sum(each.verdict == SKIPPED for each in done)}"
