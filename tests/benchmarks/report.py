"""The table, the targets and whether they were met, the JSON."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import limit
from benchmarks.record import PLAYBOOKS, TUTORIAL, Life, Measured
from sandbox.latency import Latency

PARTS = {"up+query": ("up", "query"), "up": ("up",), "query": ("query",), "again": ("again",), "down": ("down",)}
"""The rows of the table, and the verbs that each is the sum of."""
TUTORIAL_PARTS = {"up+query": ("up",), "down": ("down",)}
"""The tutorial's script asks in the same breath."""
LIMIT = "limit"


@dataclass(frozen=True)
class Row:
    """What somebody takes for a part, as medians of all runs."""

    part: str
    who: str
    members: int
    runs: int
    seconds: float
    of_tutorial: float | None = None
    of_limit: float | None = None
    cpu: float | None = None
    peak_memory: float | None = None
    calls: float | None = None
    sessions: float | None = None
    session_calls: float | None = None
    throttled: float | None = None


@dataclass(frozen=True)
class Target:
    """A number that is to be so much at most, or less than that."""

    name: str
    value: float
    most: float
    strict: bool = False

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.value < self.most if self.strict else self.value <= self.most

    def __str__(self) -> str:
        return f"bench: {self.name} {self.value:.2f} {self.most:g} {'pass' if self.met else 'miss'}"


def table_hash(delays: Latency) -> str:
    """Return a short name for the values of a table of delays, another one when any of them is another."""
    return hashlib.sha256(json.dumps(asdict(delays), sort_keys=True).encode()).hexdigest()[:12]


class Report:
    """What came of all lives."""

    def __init__(self, lives: Sequence[Life], latency: str, delays: Latency) -> None:
        self.lives = lives
        self.latency = latency
        self.delays = delays
        self.rows = self._rows()
        self.targets = list(self._targets())

    @property
    def passed(self) -> bool:
        """Whether every target that could be looked at is met."""
        return all(each.met for each in self.targets)

    def text(self) -> str:
        """Return what is printed."""
        head = f"table of delays {self.latency}, {table_hash(self.delays)}; {os.cpu_count()} processors"
        failures = [f"{each.name}: {each.failure}" for each in self.lives if each.failure]
        return "\n".join([head, "", *lines_of(self.rows), "", *failures, *map(str, self.targets)])

    def write(self, folder: Path) -> None:
        """Keep it as JSON."""
        content = {
            "latency": self.latency,
            "delays": asdict(self.delays),
            "delays_hash": table_hash(self.delays),
            "processors": os.cpu_count(),
            "limits": {
                verb: [asdict(span) for span in limit.chain(limit.schedule(limit.steps_of(verb, self.delays)))]
                for verb in ("up", "down")
            },
            "rows": [asdict(row) for row in self.rows],
            "targets": [asdict(each) | {"met": each.met} for each in self.targets],
        }
        (folder / "bench.json").write_text(json.dumps(content, indent=1) + "\n")

    # The rows

    def _rows(self) -> list[Row]:
        rows: list[Row] = []
        for part, verbs in PARTS.items():
            seconds = sum(limit.length(limit.steps_of(verb, self.delays)) for verb in verbs)
            measured = [
                *self._measured(part, TUTORIAL, TUTORIAL_PARTS.get(part, ()), seconds),
                *self._measured(part, PLAYBOOKS, verbs, seconds),
            ]
            if measured and seconds:
                rows.append(Row(part, LIMIT, 0, 0, seconds))
            tutorial = {row.members: row.seconds for row in measured if row.who == TUTORIAL}
            rows += [
                Row(**asdict(row) | {"of_tutorial": _ratio(row.seconds, tutorial.get(row.members))}) for row in measured
            ]
        return rows

    def _measured(self, part: str, who: str, verbs: Sequence[str], seconds: float) -> Iterable[Row]:
        lives = [each for each in self.lives if each.who == who and verbs and set(verbs) <= set(each.verbs)]
        for members in sorted({each.members for each in lives}):
            sums = [[each.verbs[verb] for verb in verbs] for each in lives if each.members == members]
            taken = _median(sums, lambda one: one.seconds)
            yield Row(
                part=part,
                who=who,
                members=members,
                runs=len(sums),
                seconds=taken,
                of_limit=_ratio(taken, seconds),
                cpu=_median(sums, lambda one: one.cpu),
                peak_memory=median(max(each.peak_memory for each in run) for run in sums),
                calls=_median(sums, lambda one: one.calls["calls"]),
                sessions=_median(sums, lambda one: one.calls["sessions"]),
                session_calls=_median(sums, lambda one: one.calls["session_calls"]),
                throttled=_median(sums, lambda one: one.calls["throttled"]),
            )

    def row(self, part: str, who: str, members: int) -> Row | None:
        """Return a row, if it was measured."""
        found = (row for row in self.rows if (row.part, row.who, row.members) == (part, who, members))
        return next(found, None)

    # The targets

    def _targets(self) -> Iterable[Target]:
        yield Target("failed-runs", sum(bool(each.failure) for each in self.lives), 0)
        numbers = sorted({each.members for each in self.lives if each.who == PLAYBOOKS and not each.failure})
        if not numbers:
            return
        fewest, most = numbers[0], numbers[-1]
        for part, of_limit, of_tutorial in (("up+query", 1.25, 0.5), ("down", 1.3, 1.0)):
            if row := self.row(part, PLAYBOOKS, fewest):
                name = part.replace("+", "-")
                if row.of_limit is not None:
                    yield Target(f"{name}-of-limit", row.of_limit, of_limit)
                if row.of_tutorial is not None:
                    yield Target(f"{name}-of-tutorial", row.of_tutorial, of_tutorial, strict=part == "down")
        if row := self.row("again", PLAYBOOKS, fewest):
            yield Target("second-up-seconds", row.seconds, 20)
        if self.row("query", PLAYBOOKS, fewest):
            yield Target("query-beyond-server-seconds", self._beyond_server(fewest), 6)
        first = self.row("up", PLAYBOOKS, fewest)
        for members, times in ((50, 1.5), (100, 2.0)):
            if first and members != fewest and (row := self.row("up", PLAYBOOKS, members)):
                yield Target(f"up-{members}-of-{fewest}", row.seconds / first.seconds, times)
        if most > fewest:
            yield Target("calls-each-further-member", self._calls_each(fewest, most), 5)

    def _beyond_server(self, members: int) -> float:
        """Return what a query takes beyond the servers' own time."""
        queries = [
            each.verbs["query"]
            for each in self.lives
            if each.who == PLAYBOOKS and each.members == members and "query" in each.verbs
        ]
        return median(query.seconds - (query.server_seconds or 0.0) for query in queries)

    def _calls_each(self, fewest: int, most: int) -> float:
        """Return how many calls a further member costs from up to down, those of sessions apart."""
        further = 0.0
        for part in ("up", "query", "down"):
            few, many = self.row(part, PLAYBOOKS, fewest), self.row(part, PLAYBOOKS, most)
            further += (many.calls or 0) - (few.calls or 0) if few and many else 0.0
        return further / (most - fewest)


def _median(sums: Iterable[Sequence[Measured]], number: Callable[[Measured], float]) -> float:
    return median(sum(number(one) for one in verbs) for verbs in sums)


def _ratio(value: float, of: float | None) -> float | None:
    return value / of if of else None


COLUMNS: tuple[tuple[str, Callable[[Row], Any], str], ...] = (
    ("", lambda row: row.part, "s"),
    ("", lambda row: row.who, "s"),
    ("members", lambda row: row.members or None, "d"),
    ("runs", lambda row: row.runs or None, "d"),
    ("seconds", lambda row: row.seconds, ".1f"),
    ("/tutorial", lambda row: row.of_tutorial, ".2f"),
    ("/limit", lambda row: row.of_limit, ".2f"),
    ("CPU s", lambda row: row.cpu, ".1f"),
    ("MiB", lambda row: row.peak_memory, ".0f"),
    ("calls", lambda row: row.calls, ".0f"),
    ("throttled", lambda row: row.throttled, ".0f"),
    ("sessions", lambda row: row.sessions, ".0f"),
    ("their calls", lambda row: row.session_calls, ".0f"),
)


def lines_of(rows: Iterable[Row]) -> list[str]:
    """Return the table: words to the left, numbers to the right, nothing where nothing was measured."""
    cells = [[title for title, _, _ in COLUMNS]]
    for row in rows:
        values = [(value(row), form) for _, value, form in COLUMNS]
        cells.append(["" if value is None else format(value, form) for value, form in values])
    widths = [max(len(line[index]) for line in cells) for index in range(len(COLUMNS))]
    aligned = [
        [
            cell.ljust(width) if form == "s" else cell.rjust(width)
            for cell, width, (_, _, form) in zip(line, widths, COLUMNS, strict=True)
        ]
        for line in cells
    ]
    return ["  ".join(line).rstrip() for line in aligned]
