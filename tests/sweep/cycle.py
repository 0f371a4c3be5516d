"""What is proved at one point: from an account with decoys only, over a run that dies, to the very same account."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from harness import Sandbox, account

from sandbox.faults.control import ControlError
from sweep import decoys
from sweep.picture import Picture, difference, federation, without
from sweep.points import FAILED, SKIPPED, SURVIVED, Job, Outcome, Point
from sweep.verbs import NotStruckError, VerbError, Verbs

FEDERATION = "agraph"
PUNCTUAL = "fast,creation_late_each=1000000"
"""Nothing is seen late: a run makes only the calls that every run makes. What is seen late may take a call more."""

ERRORS = (VerbError, ControlError, BotoCoreError, ClientError, AssertionError, OSError)
"""What is the point's own failure, after which the others go on, with a new sandbox."""


def done(journal: list[dict[str, Any]]) -> int:
    """Return how many calls changed something; chance is whether one is refused, as a launch with a new profile is."""
    return sum(call["changing"] and call["error"] is None for call in journal)


class Cycle:
    """One sandbox, and what is done in it."""

    def __init__(self, home: Path, members: int) -> None:
        self.sandbox = Sandbox(home)
        self.members = members
        self.keys = home.parent / f"{home.name}.keys"
        self.key_file = self.keys / "agraph-sweep.pem"
        self.before: Picture = {}
        self.whole: Picture = {}
        self.verbs = Verbs(
            self.sandbox,
            {
                "federation_name": FEDERATION,
                "federation_member_count": members,
                # Each sandbox sees this machine from another address; what is made has to be alike.
                "federation_allowed_cidr": "127.0.0.0/8",
                "federation_key_name": f"{FEDERATION}-sweep",
                "federation_key_file": str(self.key_file),
            },
        )

    def start(self, latency: str = "fast") -> None:
        """Start the sandbox anew, with nothing in it but the decoys."""
        self.stop()
        self.sandbox.latency = latency
        self.keys.mkdir(parents=True, mode=0o700)
        self.sandbox.start()
        decoys.plant(self.sandbox, FEDERATION)
        self.before = account(self.sandbox)

    def stop(self) -> None:
        """End the sandbox and everything that runs on it."""
        self.verbs.stop()
        self.sandbox.stop()
        shutil.rmtree(self.keys, ignore_errors=True)

    def count(self) -> dict[str, int]:
        """Run `up` and `down` unhurt, note what is made, and return the number of their changing calls."""
        start = len(self.sandbox.journal())
        self.verbs.begin()
        self.verbs.run("up")
        middle = len(self.sandbox.journal())
        self.whole = self.made()
        self.verbs.run("query")
        end = len(self.sandbox.journal())
        self.down()
        journal = self.sandbox.journal()
        ups, downs = done(journal[start:middle]), done(journal[end:])
        return {"up": ups, "resume": ups, "down": downs}

    def made(self) -> Picture:
        """Return what there is of the federation."""
        # The tag of the key pair says where the file is, which is another place for each worker.
        found = without(federation(self.sandbox, self.before), str(self.keys))
        return found | {"key file": [str(self.key_file.exists())]}

    def down(self) -> None:
        """Run `down`, and see that it says that nothing is left, and is right."""
        said = self.verbs.run("down")
        if said.last_line != "leftovers: 0" or not said.lines[-2].endswith(", left 0"):
            raise VerbError(f"down does not end by saying that nothing is left: {said.last_line}")
        self.verbs.calm()
        # A call in flight has been done by now, and journalled.
        if left := difference(self.before, account(self.sandbox)):
            raise VerbError(f"down said that nothing is left, and {left}")
        if self.key_file.exists():
            raise VerbError("down said that nothing is left, and the file of the private key is there.")

    def up_again(self) -> None:
        """Run `up`, and see that there is exactly one of everything, and that it answers."""
        self.verbs.run("up")
        self.verbs.calm()
        if wrong := difference(self.whole, self.made()):
            raise VerbError(f"after the second up, {wrong}")
        answer = self.verbs.run("query")
        average = (self.members - 1) / 2
        if f"| {average} |" not in answer.lines:
            raise VerbError(f"the federation does not answer with {average}: {answer.last_line}")

    def do(self, job: Job) -> list[Outcome]:
        """Do a job; a point that has no outcome is yet to be done, since another one before it failed."""
        self.verbs.begin()
        outcomes: list[Outcome] = []
        for point, prove in self._steps(job):
            began = time.monotonic()
            self.verbs.struck = ""

            def outcome(verdict: str, why: str = "", point: Point = point, began: float = began) -> Outcome:
                return Outcome(point, verdict, time.monotonic() - began, self.verbs.struck, why)

            try:
                verdict, why = self._tried(prove, point)
            except ERRORS as reason:
                verdict, why = FAILED, str(reason) or type(reason).__name__
            outcomes.append(outcome(verdict, why))
            if verdict != SURVIVED:
                break
        return outcomes

    def _tried(self, prove: Callable[[Point], None], point: Point) -> tuple[str, str]:
        """Prove a point; a run that was over before its call is tidied up after, and told."""
        try:
            prove(point)
        except NotStruckError as reason:
            self.down()
            return SKIPPED, str(reason)
        return SURVIVED, ""

    def _steps(self, job: Job) -> list[tuple[Point, Callable[[Point], None]]]:
        steps: list[tuple[Point, Callable[[Point], None]]] = []
        ends_with_down = job.of("down") is not None
        for point in job.points:
            prove: dict[str, Callable[[Point], Any]] = {
                "up": self._removed,
                "resume": self._resumed if ends_with_down else self._resumed_and_removed,
                "down": self._removed_again if job.of("resume") else self._made_and_removed_again,
            }
            steps.append((point, prove[point.kind]))
        return steps

    def _removed(self, point: Point) -> None:
        self.verbs.kill("up", point)
        self.down()

    def _resumed(self, point: Point) -> None:
        self.verbs.kill("up", point)
        self.up_again()

    def _resumed_and_removed(self, point: Point) -> None:
        self._resumed(point)
        self.down()

    def _removed_again(self, point: Point) -> None:
        self.verbs.kill("down", point)
        self.down()

    def _made_and_removed_again(self, point: Point) -> None:
        self.verbs.run("up")
        self._removed_again(point)
