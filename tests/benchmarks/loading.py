"""How fast load.yml loads a large file into a federation in the sandbox, and with how much memory.

    python -m tests.benchmarks.loading

It makes a federation with `up`, writes a file of N-Triples, loads it, has `query` count what is there, and takes all of
it away. Memory is that of the controller with everything that it starts, sessions' plugins too, at its highest, shared
pages counted once. The machine's processors are the sandbox's as well: on AWS each member has its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from harness import BIN, Sandbox  # noqa: E402

from benchmarks import meter  # noqa: E402
from benchmarks.report import Target  # noqa: E402

TIMEOUT = 3600.0
MEGABYTES = 300
"""What the controller may need, of a million bytes each."""
MEBIBYTE = 1.048576
"""The megabytes of a mebibyte."""
SECONDS_A_MILLION = 60
"""What a million statements may take, on two processors that are the sandbox's as well."""
THING = 8
"""How many statements each thing of the file has."""
COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"


def generate(path: Path, statements: int) -> None:
    """Write a file of N-Triples, about 150 bytes each."""
    chance = random.Random(1)
    thing = "http://data.example.com/resource/thing"
    with path.open("w") as file:
        for start in range(0, statements, 10_000):
            lines = []
            for number in range(start, min(start + 10_000, statements)):
                subject, what = divmod(number, THING)
                if what % 2:
                    other = f'"measured {chance.random():.12f} at some place, number {number}"@en'
                else:
                    other = f"<{thing}/{chance.randrange(statements // THING + 1)}>"
                lines.append(f"<{thing}/{subject}> <http://vocabulary.example.com/terms/property{what}> {other} .\n")
            file.writelines(lines)


class BenchError(Exception):
    """What did not end well, in one sentence."""


class Bench:
    """One federation and what is done with it."""

    def __init__(self, folder: Path, members: int) -> None:
        self._folder = folder
        self._members = members
        self.sandbox = Sandbox(folder / "sandbox")

    def playbook(self, verb: str, **settings: Any) -> dict[str, Any]:
        """Run a verb that must succeed, and return what the meter says of it."""
        measured = self._folder / "measured.json"
        extra = json.dumps({"federation_member_count": self._members, **settings})
        command = [str(BIN / "ansible-playbook"), f"{verb}.yml", "--extra-vars", extra]
        running = subprocess.Popen(
            [sys.executable, meter.__file__, str(measured), *command],
            cwd=ROOT,
            env=self.sandbox.environment,
            stdin=subprocess.DEVNULL,
        )
        try:
            running.wait(TIMEOUT)
        finally:
            running.terminate()
            running.wait()
        found: dict[str, Any] = json.loads(measured.read_text())
        lines = [line for _, line in found["lines"]]
        if found["returncode"]:
            raise BenchError(f"{verb} ended with {found['returncode']}: {lines[-1] if lines else 'no word'}")
        print(f"[{found['seconds']:4.0f} s] {verb}: {lines[-1]}", flush=True)
        return found

    def loaded(self, data: Path) -> dict[str, Any]:
        """Load a file, and return what the meter says of it."""
        return self.playbook("load", federation_data=str(data))

    def counted(self) -> int:
        """Ask how many statements there are."""
        answer = self._folder / "answer.json"
        settings = {"federation_query": COUNT, "federation_output": "json", "federation_output_file": str(answer)}
        self.playbook("query", federation_query_timeout=600, **settings)
        return int(json.loads(answer.read_text())["results"]["bindings"][0]["n"]["value"])


def main() -> int:
    """Do it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.loading", description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=int, default=5_000_000, help="of the file (5000000)")
    parser.add_argument("--members", type=int, default=4, help="of the federation (4)")
    parser.add_argument("--result", type=Path, default=ROOT / ".cache/bench/loading.json", help="where it is kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loading-") as name:
        folder = Path(name)
        data = folder / "data.nt"
        generate(data, given.statements)
        bench = Bench(folder, given.members)
        bench.sandbox.start()
        try:
            bench.playbook("up", federation_on_failure="keep")
            load = bench.loaded(data)
            again = bench.loaded(data)
            count = bench.counted()
            bench.playbook("down")
        except BenchError as reason:
            print(f"ERROR: {reason}")
            return 2
        finally:
            with contextlib.suppress(AssertionError):
                bench.sandbox.stop()
    rate = given.statements / load["seconds"]
    print(f"{given.statements:,} statements in {load['seconds']:.0f} s: {rate:,.0f} a second, all of load.yml counted")
    reached = [
        Target("load-statements-amiss", abs(count - given.statements), 0),
        Target("load-seconds-a-million", load["seconds"] / given.statements * 1_000_000, SECONDS_A_MILLION),
        Target("load-controller-megabytes", load["peak_memory"] * MEBIBYTE, MEGABYTES),
        Target("load-again-of-load", again["seconds"] / load["seconds"], 1),
    ]
    given.result.parent.mkdir(parents=True, exist_ok=True)
    given.result.write_text(json.dumps({"load": load, "again": again, "statements": count}, indent=1) + "\n")
    print(*reached, sep="\n")
    return int(not all(each.met for each in reached))


if __name__ == "__main__":
    sys.exit(main())
