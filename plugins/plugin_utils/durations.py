"""How long the phases of a verb take: as they did last, or as they were measured at AWS's own pace.

What is kept says nothing about resources: only a verb, how many nodes there were, and seconds.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError

# Seconds a phase, by verb and whether no node was there before: with two members, measured as docs/performance.md says.
# What comes with each further node is small beside what AWS takes. Installation is over at once where the image has
# AllegroGraph.
MEASURED: Mapping[tuple[str, bool], Mapping[str, float]] = {
    ("up", True): {"Settings": 3, "Cloud": 23, "Nodes": 100, "Installation": 60, "Servers": 2, "Ready": 1},
    ("up", False): {"Settings": 3, "Cloud": 6, "Nodes": 4, "Servers": 2, "Ready": 1},
    ("down", False): {"Down": 60},
    ("query", False): {"Query": 2},
}
# At AWS itself, and not at an endpoint of somebody's own, whose pace nobody knows before the first run.
AWS, ELSEWHERE = "aws", "elsewhere"
# How many runs are kept, and how many of those that are alike make a figure.
KEPT = 60
LATEST = 3
# How far apart the numbers of nodes of two runs may be that are alike.
SIMILAR = 2.0


@dataclass(frozen=True)
class Kind:
    """What makes two runs alike."""

    verb: str
    # At AWS, or elsewhere.
    where: str
    # How many nodes there are going to be, and whether there was none before.
    nodes: int
    new: bool

    def is_like(self, other: Kind) -> bool:
        """Say whether a run of this kind takes about as long as one of the other."""
        if (self.verb, self.where, self.new) != (other.verb, other.where, other.new):
            return False
        fewer, more = sorted((max(1, self.nodes), max(1, other.nodes)))
        return more <= SIMILAR * fewer


@dataclass(frozen=True)
class Run:
    """A run that ended well, with the seconds of each phase."""

    kind: Kind
    phases: dict[str, float]


def kind_of(verb: str, variables: Mapping[str, Any]) -> Kind:
    """Return what a run is like before it has changed anything, by the variables of its first play."""
    there = len(variables["groups"].get("federation_nodes", ()))
    try:
        nodes = 1 + int(variables["hostvars"]["localhost"]["federation_member_count"])
    except (AnsibleError, AttributeError, LookupError, TypeError, ValueError):
        nodes = there
    return Kind(verb, ELSEWHERE if os.environ.get("AWS_ENDPOINT_URL") else AWS, nodes, new=there == 0)


def expected(kind: Kind, phase: str, runs: Sequence[Run]) -> float | None:
    """Return how many seconds a phase takes, in the middle of the latest runs alike; None where nobody knows."""
    known = [run.phases[phase] for run in runs if run.kind.is_like(kind) and phase in run.phases]
    if known:
        return statistics.median(known[-LATEST:])
    measured = MEASURED.get((kind.verb, kind.new), {}) if kind.where == AWS else {}
    return measured.get(phase)


def read(file: Path) -> list[Run]:
    """Return the runs that are kept, the latest last; none from a file that is not there or not ours."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return [Run(Kind(**each["kind"]), {str(k): float(v) for k, v in each["phases"].items()}) for each in kept]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []


def keep(file: Path, run: Run) -> None:
    """Add a run to the file; where that cannot be written, the next run knows less, and nothing else happens."""
    runs = [*read(file), run][-KEPT:]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Another run may be reading it.
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=file.name, delete=False, encoding="utf-8") as new:
            json.dump([asdict(each) for each in runs], new)
        Path(new.name).replace(file)
    except OSError:
        return
