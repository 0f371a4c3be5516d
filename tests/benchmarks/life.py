"""One sandbox, in it the tutorial or the verbs from up to down, and what was measured of each."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness import BIN, ROOT, Sandbox, stands

from benchmarks import calls, meter, tasks
from benchmarks.observer import Observer, user
from benchmarks.pieces import Piece
from benchmarks.record import TUTORIAL, Life, Measured
from module_utils.agraph_client import Server
from module_utils.federation_spec import federation, repository_url

TIMEOUT = 1800.0
TASK_TIMES = Path(__file__).parent / "callback"
PLAYBOOK = {"again": "up"}
"""The playbook of a verb that has not its own name."""
PORT, REPOSITORY = 10035, "r"
READER, READER_PASSWORD = "reader", "/agraph/reader"
QUERY = "SELECT (AVG(?o) AS ?avg) { ?s ?p ?o }"
Say = Callable[[str], None]


class LifeError(Exception):
    """What did not end well, in one sentence."""


class Living:
    """A life as it is lived; what is measured comes to `life`."""

    def __init__(self, folder: Path, piece: Piece, latency: str, say: Say) -> None:
        self.piece = piece
        self.life = Life(piece.who, piece.members, latency, piece.throttling, piece.number)
        self._folder = folder
        self._say = say
        self._sandbox = Sandbox(folder / "sandbox", latency)
        self._keys = ("", "")
        self._running: subprocess.Popen[bytes] | None = None

    def live(self) -> Life:
        """Live it, from a new sandbox to its end; one that fails has what was measured before, and says why."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.stop()
        try:
            options = ["--throttling"] if self.piece.throttling else []
            started = self._sandbox.command("start", "--latency", self.life.latency, *options)
            if started.returncode:
                raise LifeError(f"the sandbox does not start: {started.stderr.strip()}")
            self._keys = user(self._sandbox)
            if self.piece.who == TUTORIAL:
                self._tutorial()
            else:
                for verb in self.piece.verbs:
                    self._playbook(verb)
        except LifeError as reason:
            self.life.failure = str(reason)
            self._say(f"{self.piece}: failed: {reason}")
        finally:
            self.stop()
        return self.life

    def stop(self) -> None:
        """End everything, from any state."""
        if self._running and self._running.poll() is None:
            self._running.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(10)
        self._sandbox.stop()

    # The tutorial: one script, which prints the answer between its making and its removing

    def _tutorial(self) -> None:
        script = [sys.executable, "-u", "tests/tutorial/federation.py", str(self.piece.members)]
        before = len(self._sandbox.journal())
        with Observer(self._sandbox, self._keys, self.piece.members + 1) as observer:
            result = self._measured("tutorial", [sys.executable, "-m", "sandbox", "run", "--", *script], {})
        journal = self._sandbox.journal()[before:]
        answered = next((when for when, line in reversed(result["lines"]) if set(line) == {"-"}), None)
        if answered is None:
            raise LifeError("the tutorial has printed no answer")
        border = result["begin"] + answered
        for part, begin, end in (("up", 0.0, answered), ("down", answered, result["seconds"])):
            within = [call for call in journal if (calls.moment(call) <= border) == (part == "up")]
            memories = [memory for when, _, memory in result["samples"] if begin <= when <= end]
            self.life.verbs[part] = Measured(
                verb=part,
                begin=result["begin"] + begin,
                seconds=end - begin,
                cpu=tasks.used(result["samples"], begin, end),
                peak_memory=max(memories, default=0.0),
                calls=calls.counted(within),
                watched=list(observer.watched.values()),
                moments=list(calls.moments(within)),
            )
        self._told()

    # The playbooks

    def _playbook(self, verb: str) -> None:
        noted = self._folder / "task-times.jsonl"
        environment = {
            "ANSIBLE_CALLBACK_PLUGINS": f"plugins/callback:{TASK_TIMES}",
            "ANSIBLE_CALLBACKS_ENABLED": "task_times",
            "TASK_TIMES_FILE": str(noted),
        }
        settings = json.dumps({"federation_member_count": self.piece.members})
        command = [str(BIN / "ansible-playbook"), f"{PLAYBOOK.get(verb, verb)}.yml", "--extra-vars", settings]
        before = len(self._sandbox.journal())
        with Observer(self._sandbox, self._keys, self.piece.members + 1) as observer:
            result = self._measured(verb, command, environment)
        journal = self._sandbox.journal()[before:]
        noted_tasks = tasks.read(noted.read_text().splitlines(), result["begin"])
        self.life.verbs[verb] = Measured(
            verb=verb,
            begin=result["begin"],
            seconds=result["seconds"],
            cpu=result["cpu"],
            peak_memory=result["peak_memory"],
            calls=calls.counted(journal),
            tasks=tasks.with_processor_time(noted_tasks, result["samples"]),
            watched=list(observer.watched.values()),
            moments=list(calls.moments(journal)),
            server_seconds=self._server_seconds() if verb == "query" else None,
        )
        self._told(verb)

    def _server_seconds(self) -> float:
        """Return how long the servers take for the same query, asked by nobody but this process."""
        found = self._sandbox.client("ec2").describe_instances()["Reservations"]
        nodes = [each for reservation in found for each in reservation["Instances"] if stands(each)]
        (manager,) = (each["PublicIpAddress"] for each in nodes if "PublicIpAddress" in each)
        members = [each["PrivateIpAddress"] for each in nodes if "PublicIpAddress" not in each]
        stored = self._sandbox.client("ssm").get_parameter(Name=READER_PASSWORD, WithDecryption=True)
        password = stored["Parameter"]["Value"]
        store = federation(repository_url(each, PORT, REPOSITORY, READER, password) for each in members)
        server = Server(manager, PORT, READER, password, timeout=60)
        began = time.monotonic()
        session = server.json("POST", "/session", {"store": store, "autoCommit": "true"})
        server.json("GET", session, {"query": QUERY})
        seconds = time.monotonic() - began
        server.json("POST", f"{session}/session/close")
        return seconds

    # What is common to both

    def _measured(self, name: str, command: Sequence[str], environment: dict[str, str]) -> dict[str, Any]:
        """Run a command that must succeed, and return what the meter says of it."""
        measured = self._folder / "measured.json"
        measured.unlink(missing_ok=True)
        self._running = subprocess.Popen(
            [sys.executable, meter.__file__, str(measured), *command],
            cwd=ROOT,
            env=self._sandbox.environment | environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._running.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.stop()
            raise LifeError(f"{name} had not ended after {TIMEOUT:.0f} s") from None
        result: dict[str, Any] = json.loads(measured.read_text())
        output = [line for _, line in result["lines"]]
        (self._folder / f"{self.life.name}-{name}.txt").write_text("\n".join(output) + "\n")
        if result["returncode"]:
            raise LifeError(f"{name} ended with {result['returncode']}: {output[-1] if output else 'no word'}")
        return result

    def _told(self, *verbs: str) -> None:
        for each in verbs or self.life.verbs:
            measured = self.life.verbs[each]
            self._say(f"{self.piece}: {each} {measured.seconds:.1f} s, {measured.calls['calls']} calls")
