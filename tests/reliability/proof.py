"""One case, tried in a sandbox: the sentence that the user reads, and what is left after it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from harness import BIN, ROOT, Run, Sandbox, account

from reliability.cases import Case, Rule

TIMEOUT = 300.0
PLAIN = (
    (re.compile(r"\b(i|nat|vpc|subnet|eipalloc|sg|rtb|igw|eni|ami)-[0-9a-f]{8,17}\b"), r"\1-…"),
    (re.compile(r"\b10\.0\.\d+\.\d+\b"), "10.0.x.x"),
    (re.compile(r"https?://127\.\d+\.0\.1:\d+"), "ENDPOINT"),
    (re.compile(r"\b127\.\d+\.1\.\d+\b"), "203.0.113.x"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "…"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "N s"),
    (re.compile(r" \(reached max retries: \d+\)"), ""),
    (re.compile(r"\(\d+ changes?, the last: [^)]*\)"), "(N changes, the last: …)"),
    # The manager and the members are launched by two calls at once; either may be the one that is struck.
    (re.compile(r"\bagraph-(?:manager|member-0)(?= was not launched| \(i-…\) died before)"), "agraph-…"),
    (re.compile(r"\bis (?:shutting-down|terminated) \("), "is terminated ("),
    (re.compile(r" -e federation_(member_count|\w+_timeout)=\d+"), ""),
)
"""What differs from one run to the next, what is the sandbox's own, and what the tests set for themselves."""


class ProofError(AssertionError):
    """What was not as it has to be, with the run's output."""


@dataclass(frozen=True)
class Row:
    """What came of a case: a line of the table."""

    fault: str
    verb: str
    says: str
    left: str


def plain(sentence: str) -> str:
    """Return a sentence without what differs from one run to the next."""
    for pattern, words in PLAIN:
        sentence = pattern.sub(words, sentence)
    return sentence.removeprefix("ERROR: ")


class Proof:
    """One sandbox, and the cases that are tried in it one after another."""

    def __init__(self, sandbox: Sandbox, members: int = 1) -> None:
        self.sandbox = sandbox
        self.members = members
        self.empty = account(sandbox)

    def settings(self, case: Case | None = None) -> dict[str, Any]:
        """Return what a verb is given."""
        return {"federation_member_count": self.members, **(case.settings if case else {})}

    def up(self) -> None:
        """Put a federation up, which is what the cases that need one begin with."""
        done = self.sandbox.playbook("up", timeout=TIMEOUT, **self.settings())
        if done.returncode != 0:
            raise ProofError(f"A federation that nothing is wrong with was not made.\n{done}")

    def down(self) -> None:
        """Remove it, and see that the account is as it was."""
        done = self.sandbox.playbook("down", timeout=TIMEOUT)
        if done.returncode != 0 or done.last_line != "leftovers: 0":
            raise ProofError(f"down does not end well when nothing is wrong any more.\n{done}")
        self._same(self.empty, "down said that nothing is left", done)

    def tried(self, case: Case) -> Row:
        """Try a case, and return its line; a federation stands after it as before, or does not."""
        before = account(self.sandbox)
        self.sandbox.faults(self.rules(case))
        try:
            done = self.interrupted(case) if case.interrupted_after else self._run(case)
            struck = [each for each in self.sandbox.listed_faults() if each.get("struck", 1) == 0]
        finally:
            self.sandbox.clear_faults()
        if struck:
            raise ProofError(f"{case}: nothing went wrong, since {struck} never struck.\n{done}")
        says = self._said(case, done)
        return Row(case.fault, case.verb, says, self._left(case, before, done))

    def rules(self, case: Case) -> list[Rule]:
        """Return a case's faults."""
        return [dict(each) for each in case.rules]

    def _run(self, case: Case) -> Run:
        return self.sandbox.playbook(case.verb, *case.options, timeout=TIMEOUT, **self.settings(case))

    def _said(self, case: Case, done: Run) -> str:
        """Return what the user read last, having seen that it is what it must be."""
        if "Traceback" in done.stdout + done.stderr:
            raise ProofError(f"{case}: a person sees a traceback.\n{done}")
        errors = [line for line in done.lines if line.startswith("ERROR: ")]
        if case.survived:
            if done.returncode != 0 or errors:
                raise ProofError(f"{case}: it does not succeed.\n{done}")
            return ""
        if done.returncode == 0 or len(errors) != 1:
            raise ProofError(f"{case}: it does not end with one error.\n{done}")
        if missing := [words for words in case.says if words not in errors[0]]:
            raise ProofError(f"{case}: the last sentence does not name {missing}.\n{done}")
        return plain(errors[0])

    def _left(self, case: Case, before: dict[str, list[str]], done: Run) -> str:
        """Return what is left, in words, having seen that `down` removes all of it."""
        if account(self.sandbox) == before:
            return "the federation, as it was" if case.stands else "nothing"
        if case.survived:
            whole = "nothing" if case.verb == "down" else "one of everything"
            self._counted(case, done)
            self.down()
            return whole
        if not case.stands and not case.interrupted_after and case.settings.get("federation_on_failure") != "keep":
            self._same(before, f"{case}: it said that all was removed again", done)
        self.down()
        return "what it says; `down` removes it"

    def _counted(self, case: Case, done: Run) -> None:
        """See that a verb that has succeeded in spite of everything made nothing twice."""
        if case.verb == "up":
            tags = [json.loads(each) for each in account(self.sandbox)["describe_tags"]]
            found = [each for each in tags if each["Key"] == "Name" and each["ResourceType"] != "volume"]
            named = [f"{each['ResourceType']} {each['Value']}" for each in found]
            if twice := sorted({each for each in named if named.count(each) > 1}):
                raise ProofError(f"{case}: there is more than one {', '.join(twice)}.\n{done}")

    def _same(self, before: dict[str, list[str]], said: str, done: Run) -> None:
        after = account(self.sandbox)
        if changed := {name: after[name] for name in after if after[name] != before[name]}:
            raise ProofError(f"{said}, and {json.dumps(changed, indent=1)} is.\n{done}")

    def interrupted(self, case: Case) -> Run:
        """Run a verb, and press Ctrl-C when it has printed what the case waits for."""
        command = [str(BIN / "ansible-playbook"), f"{case.verb}.yml", "--extra-vars", json.dumps(self.settings(case))]
        begun = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.sandbox.environment | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        said: list[str] = []
        try:
            for line in process.stdout:
                said.append(line)
                if case.interrupted_after in line:
                    os.killpg(process.pid, signal.SIGINT)
                    pressed = time.monotonic()
                    break
            said.append(process.communicate(timeout=TIMEOUT)[0])
            if time.monotonic() - pressed > 5:
                raise ProofError(f"{case}: it does not end at once.")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return Run(tuple(command), process.returncode, "".join(said), "", time.monotonic() - begun)
