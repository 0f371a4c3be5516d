"""What is kept of a life: plain numbers, to be written as JSON and read again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.observer import Watched
from benchmarks.tasks import Task

TUTORIAL, PLAYBOOKS = "tutorial", "playbooks"


@dataclass
class Measured:
    """A verb, or a part of the tutorial."""

    verb: str
    begin: float
    """Unix time."""
    seconds: float
    cpu: float
    """The controller's processor time in seconds."""
    peak_memory: float
    """MiB."""
    calls: dict[str, Any] = field(default_factory=dict)
    """As `calls.counted` has them."""
    tasks: list[Task] = field(default_factory=list)
    watched: list[Watched] = field(default_factory=list)
    moments: list[tuple[float, str]] = field(default_factory=list)
    """Unix times of the calls that changed something."""
    server_seconds: float | None = None
    """How long the servers themselves take for the query."""


@dataclass
class Life:
    """From an empty account to an empty account."""

    who: str
    members: int
    latency: str
    throttling: bool
    number: int
    """The first is 1."""
    verbs: dict[str, Measured] = field(default_factory=dict)
    failure: str = ""
    """Why it ended early, in one sentence."""

    @property
    def name(self) -> str:
        """The file's."""
        return f"{self.who}-{self.members}-{self.number}"

    def write(self, folder: Path) -> None:
        """Keep it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.json").write_text(json.dumps(asdict(self)) + "\n")


def read(path: Path) -> Life:
    """Return what was kept."""
    content = json.loads(path.read_text())
    verbs = {}
    for verb, given in content.pop("verbs").items():
        given["tasks"] = [Task(**each) for each in given["tasks"]]
        given["watched"] = [
            Watched(each["kind"], each["name"], [(when, state) for when, state in each["states"]])
            for each in given["watched"]
        ]
        given["moments"] = [(when, operation) for when, operation in given["moments"]]
        verbs[verb] = Measured(**given)
    return Life(**content, verbs=verbs)
