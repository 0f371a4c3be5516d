"""Runs a verb to its end, or has the sandbox kill it at one of its changing calls."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import BIN, ROOT, Run, Sandbox

from sweep.points import CONTROLLER, IN_FLIGHT, Point

TIMEOUT = 600.0
LANDING = 2.5
"""A call in flight is done so many seconds after its caller's death."""
MARK = "SWEEP_RUN"
"""Who has this in the environment was started by a run: Ansible's workers leave its process group."""


class VerbError(Exception):
    """What a verb did wrong, in one sentence."""


class NotStruckError(Exception):
    """The verb ended before the call at which it was to be killed."""


def marked(mark: str) -> list[int]:
    """Return the processes of a run that are alive."""
    sign = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        # Other people's processes cannot be read, and ours may end meanwhile.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and sign in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def end_marked(mark: str) -> None:
    """Kill what is left of a run, and wait until all of it is gone."""
    deadline = time.monotonic() + 20
    while left := marked(mark):
        if time.monotonic() > deadline:
            raise VerbError(f"The processes {left} do not end.")
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


class Verbs:
    """The verbs, on one sandbox with the same settings, each with its output in a file."""

    def __init__(self, sandbox: Sandbox, settings: Mapping[str, Any]) -> None:
        self.sandbox = sandbox
        self.settings = dict(settings)
        self.outputs: list[str] = []
        self.struck = ""
        """The call at which the last one was killed."""
        self.ended = False
        """Whether no further verb may begin: one would start a sandbox that was just stopped."""
        self._marks: list[str] = []
        self._file = sandbox.home.parent / f"{sandbox.home.name}.output"

    def begin(self) -> None:
        """Forget what was said before."""
        self.outputs.clear()

    def stop(self) -> None:
        """End everything that was started and is still there; from any thread."""
        for mark in list(self._marks):
            end_marked(mark)

    def calm(self) -> None:
        """Wait until nothing of the killed runs is alive, and nothing of theirs can still happen."""
        deadline = time.monotonic() + 90
        while any(marked(each) for each in self._marks):
            if time.monotonic() > deadline:
                self.stop()
                raise VerbError("What a killed run had started was still there after 90 s.")
            time.sleep(0.1)
        self._marks.clear()

    def run(self, verb: str) -> Run:
        """Run a verb that must succeed."""
        ended = self._wait(verb, self._begun(verb))
        if ended.returncode != 0:
            raise VerbError(f"{verb} ended with {ended.returncode}: {ended.last_line}")
        return ended

    def kill(self, verb: str, point: Point) -> None:
        """Run a verb and have it killed at its changing call of the point's number."""
        begun = self._begun(verb)
        rule: dict[str, Any] = {"changing": True, "after": point.number - 1, "kill": begun.pid}
        if point.mode == IN_FLIGHT:
            rule |= {"when": "in_flight", "delay": LANDING}
        self.sandbox.faults([rule])
        before = len(self.sandbox.journal())
        ended = self._wait(verb, begun)
        killed = time.monotonic()
        if point.mode != CONTROLLER:
            end_marked(self._marks[-1])
        if ended.returncode not in (0, -signal.SIGKILL):
            self.sandbox.clear_faults()
            raise VerbError(f"{verb} ended with {ended.returncode} before it was killed: {ended.last_line}")
        if ended.returncode == 0:
            self.sandbox.clear_faults()
            raise NotStruckError(
                f"{verb} ended with {ended.returncode} before its call {point.number}: {ended.last_line}"
            )
        self.struck = self._struck(before, killed)
        self.sandbox.clear_faults()
        self.outputs.append(f"--- killed ({point.mode}) at call {point.number}, {self.struck}\n")

    def _struck(self, before: int, killed: float) -> str:
        """Return the operation that was struck; the next run does not wait for a call in flight to be done."""
        (rule,) = self.sandbox.listed_faults()
        if rule["struck"] != 1:
            raise VerbError("A run was killed, and not by the sandbox.")
        if rule.get("when") == "in_flight":
            return f"{self._asked(before)} or later"
        while time.monotonic() < killed + 5:
            if found := [call for call in self.sandbox.journal()[before:] if "fault" in call]:
                return str(found[0]["operation"])
            time.sleep(0.05)
        raise VerbError("A run was killed, and the journal does not say at which call.")

    def _asked(self, before: int) -> str:
        changing = [call["operation"] for call in self.sandbox.journal()[before:] if call["changing"]]
        return f"the call after {changing[-1]}" if changing else "the first call"

    def _begun(self, verb: str) -> subprocess.Popen[bytes]:
        """Start a verb that waits for a line first, so that there can be a rule about its process group."""
        if self.ended:
            raise VerbError("The sweep was ended.")
        self._marks.append(uuid.uuid4().hex)
        command = [str(BIN / "ansible-playbook"), f"{verb}.yml", "--extra-vars", json.dumps(self.settings)]
        with self._file.open("w") as output:
            return subprocess.Popen(
                ["sh", "-c", 'read go; exec "$@"', "sh", *command],
                cwd=ROOT,
                env=self.sandbox.environment | {MARK: self._marks[-1]},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _wait(self, verb: str, begun: subprocess.Popen[bytes]) -> Run:
        started = time.monotonic()
        try:
            begun.communicate(b"go\n", timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            end_marked(self._marks[-1])
            begun.wait()
            raise VerbError(f"{verb} had not ended after {TIMEOUT:.0f} s.") from None
        finally:
            said = self._file.read_text(errors="replace")
            self.outputs.append(f"$ {verb}\n{said}\n--- exit {begun.returncode}\n")
        return Run((verb,), begun.returncode, said, "", time.monotonic() - started)
