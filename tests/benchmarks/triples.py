"""How fast the stand-in for AllegroGraph loads and answers, and what it keeps: python -m tests.benchmarks.triples.

One server is loaded with each number of statements, each request a transaction of its own and then in a session; then
several servers are loaded at the same time and asked as a federation. A server's processor time tells what it would do
with a core for itself, however busy the machine is. Files count as much as memory: in the sandbox they are memory, too.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from agraph_bench import Client  # noqa: E402

from benchmarks.report import Target  # noqa: E402

UPLOAD = 64 << 20
"""Bytes of N-Triples in a transaction."""
COUNT = "SELECT (COUNT(*) AS ?n) {?s ?p ?o}"
GROUPED = "SELECT ?p (COUNT(*) AS ?n) {?s ?p ?o} GROUP BY ?p"
LOOKUP = "SELECT ?o {<http://example.org/data/person/77> ?p ?o}"
MILLION = 1_000_000
TICKS = os.sysconf("SC_CLK_TCK")
XSD = "http://www.w3.org/2001/XMLSchema#"


def lines(statements: int, first: int = 0) -> Iterator[str]:
    """N-Triples about persons, five each; all differ from those with another `first`."""
    for number in itertools.count(first):
        person = f"<http://example.org/data/person/{number}> <http://example.org/schema/"
        yield f'{person}name> "Person number {number}" .\n'
        yield f'{person}age> "{number % 97}"^^<{XSD}integer> .\n'
        yield f"{person}knows> <http://example.org/data/person/{number * 7919 % 1_000_003}> .\n"
        yield f'{person}born> "{1920 + number % 97}-0{number % 9 + 1}-1{number % 10}"^^<{XSD}date> .\n'
        yield f'{person}motto> "Everything that is said {number % 1000} times"@en .\n'
        if statements and number - first >= statements // 5:
            return


def uploads(folder: Path, statements: int, first: int = 0) -> list[Path]:
    """So many statements as compressed files, each with the triples of one transaction."""
    found: list[Path] = []
    block: list[str] = []
    size = 0

    def write() -> None:
        found.append(folder / f"{first}-{len(found)}.nt.gz")
        found[-1].write_bytes(gzip.compress("".join(block).encode(), compresslevel=1))

    for line in itertools.islice(lines(statements, first), statements):
        block.append(line)
        size += len(line)
        if size >= UPLOAD:
            write()
            block, size = [], 0
    write()
    return found


@dataclass
class Node:
    """A server in a process of its own, with an empty repository r."""

    client: Client
    process: subprocess.Popen[str]
    data: Path

    @property
    def stored(self) -> int:
        """Bytes of files."""
        return sum(each.stat().st_size for each in self.data.rglob("*") if each.is_file())

    @property
    def resident(self) -> int:
        """Bytes of memory now."""
        return self._memory("VmRSS")

    @property
    def peak(self) -> int:
        """The most bytes of memory since the last look."""
        most = self._memory("VmHWM")
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return most

    def _memory(self, name: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition(name + ":")[2].split()[0]) << 10

    @property
    def processor(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def load(self, files: list[Path], where: str, commit: bool) -> None:
        """Send files to a repository or session, and commit after each."""
        for file in files:
            answer = self.client.call(
                "POST",
                where + "/statements",
                body=file.read_bytes(),
                content_type="application/n-triples",
                headers={"Content-Encoding": "gzip"},
            )
            assert answer.status == 200, answer.text
            if commit:
                assert self.client.call("POST", where + "/commit").status == 204

    def load_in_session(self, files: list[Path]) -> None:
        """Send files in one session, a transaction each."""
        session = self.client.session("r")
        self.load(files, session, commit=True)
        self.client.call("POST", session + "/session/close")


@contextlib.contextmanager
def nodes(number: int, folder: Path) -> Iterator[list[Node]]:
    """Servers that run."""
    with contextlib.ExitStack() as stack:
        found = []
        for each in range(number):
            words = ["--host", "127.0.0.1", "--port", str(10135 + each), "--main-port-for-sessions"]
            data = folder / f"node-{each}"
            process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.allegrograph", *words, "--data", str(data)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert "ready" in process.stdout.readline()
            client = Client(10135 + each, patience=600)
            assert client.call("PUT", "/repositories/r").status == 204
            found.append(Node(client, process, data))
        yield found


@dataclass
class Report:
    """What was measured, printed as it comes."""

    found: list[dict[str, Any]] = field(default_factory=list)

    def add(self, what: str, node: Node, statements: int, work: Callable[[], object]) -> object:
        """Do something with a node and note what it took."""
        _ = node.peak
        processor, began = node.processor, time.monotonic()
        result = work()
        seconds, used = time.monotonic() - began, node.processor - processor
        self.note(what, statements, seconds, used, [node])
        return result

    def note(self, what: str, statements: int, seconds: float, used: float, among: list[Node]) -> None:
        """Print and keep a line."""
        rate = statements / max(used, 0.01)
        resident, peak, stored = (sum(getattr(node, name) for node in among) for name in ("resident", "peak", "stored"))
        print(
            f"{what:<44}{statements:>10,} {seconds:8.2f} s {used:8.2f} s CPU {rate:>11,.0f}/s CPU"
            f" {resident >> 20:>6} MiB {peak >> 20:>6} MiB peak {stored >> 20:>5} MiB of files"
            f" {(resident + stored) / max(statements, 1):6.0f} B each",
            flush=True,
        )
        self.found.append(
            {
                "what": what,
                "statements": statements,
                "seconds": round(seconds, 2),
                "processor_seconds": round(used, 2),
                "resident_bytes": resident,
                "peak_bytes": peak,
                "stored_bytes": stored,
            }
        )


def one_server(report: Report, folder: Path, statements: int) -> None:
    """Load one server in both ways, and ask it."""
    files = uploads(folder, statements)
    with tempfile.TemporaryDirectory(dir=folder) as data, nodes(1, Path(data)) as (node,):
        report.add("load, autocommit", node, statements, lambda: node.load(files, "/repositories/r", False))
    with tempfile.TemporaryDirectory(dir=folder) as data, nodes(1, Path(data)) as (node,):
        report.add("load, session and commit", node, statements, lambda: node.load_in_session(files))
        ask_one(report, node, statements)
        report.add("load in a session after a query", node, statements, lambda: node.load_in_session(files))


def ask_one(report: Report, node: Node, statements: int) -> None:
    """Read and query what a server has."""

    def get(what: str, accept: str = "application/json", **parameters: str) -> Callable[[], str]:
        return lambda: node.client.call("GET", f"/repositories/r/{what}", parameters, accept=accept).text

    def ask(query: str) -> Callable[[], object]:
        return lambda: node.client.values("r", query)

    assert report.add("size", node, statements, get("size")) == str(statements)
    page = get("statements", limit="1000", offset=str(statements // 2))
    report.add("statements, a page from the middle", node, statements, page)
    subject = get("statements", subj="<http://example.org/data/person/77>")
    report.add("statements of one subject", node, statements, subject)
    report.add("export as N-Triples", node, statements, get("statements", "application/n-triples"))
    report.add("export as JSON", node, statements, get("statements"))
    counted = report.add("COUNT, the first query", node, statements, ask(COUNT))
    assert counted == [[f'"{statements}"^^<{XSD}integer>']]
    report.add("COUNT again", node, statements, ask(COUNT))
    report.add("GROUP BY", node, statements, ask(GROUPED))
    report.add("a look-up", node, statements, ask(LOOKUP))


def federation(report: Report, folder: Path, members: int, each: int) -> None:
    """Load members at the same time, and ask the first of them for all."""
    with ThreadPoolExecutor(members) as pool, nodes(members, folder) as found:
        files = [uploads(folder, each, number * 10_000_000) for number in range(members)]
        began, processor = time.monotonic(), sum(node.processor for node in found)
        list(pool.map(Node.load_in_session, found, files))

        def note(what: str) -> None:
            used = sum(node.processor for node in found) - processor
            report.note(what, members * each, time.monotonic() - began, used, found)

        note(f"load, {members} members at the same time")
        client = found[0].client
        address = "<http://test:xyzzy@127.0.0.1:{}/repositories/r>"
        session = client.session(store=" + ".join(address.format(node.client.port) for node in found))
        for query, what in (
            (COUNT, "the first COUNT"),
            (COUNT, "COUNT again"),
            (GROUPED, "GROUP BY"),
            (LOOKUP, "a look-up"),
        ):
            began, processor = time.monotonic(), sum(node.processor for node in found)
            answer = client.values(session, query)
            assert query != COUNT or answer == [[f'"{members * each}"^^<{XSD}integer>']], answer
            note(f"{members} members, {what}")
            print("   MiB of each:", *(node.resident >> 20 for node in found), flush=True)


def targets(found: list[dict[str, Any]]) -> list[Target]:
    """What a million statements and more are to take, as far as it was measured."""
    many = [each for each in found if each["statements"] >= MILLION]
    loads = [each for each in many if each["what"].startswith("load") and "after" not in each["what"]]
    asked = [each for each in many if each["what"].endswith(("the first query", "the first COUNT"))]

    def kept(rows: list[dict[str, Any]]) -> float:
        return max(float((row["resident_bytes"] + row["stored_bytes"]) / row["statements"]) for row in rows)

    result = []
    if loads:
        slowest = max(row["processor_seconds"] / row["statements"] for row in loads)
        result.append(Target("load-core-seconds-a-million", slowest * MILLION, 16.7))
        result.append(Target("bytes-a-statement-loaded", kept(loads), 500))
    if asked:
        result.append(Target("bytes-a-statement-asked", kept(asked), 1500))
        result.append(Target("first-count-core-seconds", max(row["processor_seconds"] for row in asked), 60))
    return result


def main() -> int:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.triples", description=__doc__)
    parser.add_argument(
        "--statements", default="100000,1000000", help="for one server; commas between (100000,1000000)"
    )
    parser.add_argument("--members", type=int, default=4, help="of the federation; 0 for none (4)")
    parser.add_argument("--each", type=int, default=1_250_000, help="statements of a member (1250000)")
    parser.add_argument("--result", type=Path, default=ROOT / ".cache/bench/triples.json", help="where it is kept")
    given = parser.parse_args()
    report = Report()
    for statements in (int(part) for part in given.statements.split(",") if part):
        with tempfile.TemporaryDirectory(prefix="triples-") as folder:
            one_server(report, Path(folder), statements)
    if given.members:
        with tempfile.TemporaryDirectory(prefix="triples-") as folder:
            federation(report, Path(folder), given.members, given.each)
    given.result.parent.mkdir(parents=True, exist_ok=True)
    given.result.write_text(json.dumps(report.found, indent=1) + "\n")
    reached = targets(report.found)
    print(*reached, sep="\n")
    return int(not all(each.met for each in reached))


if __name__ == "__main__":
    sys.exit(main())
