"""The command: python -m tests.reliability tries every case, and writes the table."""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from reliability.cases import Case
    from reliability.proof import Row

PRINTING = threading.Lock()
STOPPED = threading.Event()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description="Have everything go wrong.")
    parser.add_argument("--only", action="append", default=[], help="cases with this in their name; other lines stay")
    parser.add_argument("--workers", type=int, default=2, help="sandboxes at once (2)")
    return parser.parse_args()


def tried(cases: Iterable[Case], home: Path) -> tuple[list[tuple[Case, Row]], list[str]]:
    """Try cases one after another; return what came of them, and what was not as it must be."""
    from harness import Sandbox

    from reliability.proof import Proof, ProofError

    rows: list[tuple[Case, Row]] = []
    wrong: list[str] = []
    proof: Proof | None = None
    sandbox = Sandbox(home)
    stands = False
    try:
        for case in cases:
            if STOPPED.is_set():
                break
            began = time.monotonic()
            try:
                if proof is None:
                    sandbox.start()
                    proof, stands = Proof(sandbox), False
                if case.stands != stands:
                    proof.up() if case.stands else proof.down()
                row = proof.tried(case)
                stands = row.left == "the federation, as it was" or (row.left == "nothing" and case.stands)
                rows.append((case, row))
                words = row.says or "survived"
            except (ProofError, OSError) as reason:
                wrong.append(f"{case}: {reason}")
                words = f"WRONG: {reason}"
                sandbox.stop()
                proof = None
            with PRINTING:
                print(f"{case} ({time.monotonic() - began:.0f} s)\n    {words}", flush=True)
        if proof and stands:
            proof.down()
    finally:
        sandbox.stop()
    return rows, wrong


def main() -> int:
    """Try them, and return the exit code."""
    from harness import ROOT

    from reliability.cases import CASES
    from reliability.page import PAGE, line, lines, read, start, written

    given = arguments()
    folder = ROOT / ".cache/reliability"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chosen = [each for each in CASES if not given.only or any(words in str(each) for words in given.only)]
    # Those that need a federation share one.
    standing = [each for each in chosen if each.stands]
    others = [each for each in chosen if not each.stands]
    parts = [others[number :: given.workers] for number in range(given.workers)]
    parts[-1] += standing
    with ThreadPoolExecutor(given.workers) as pool:
        try:
            done = list(pool.map(tried, parts, [folder / f"sandbox-{number}" for number in range(given.workers)]))
        except KeyboardInterrupt:
            STOPPED.set()
            print("ERROR: interrupted; the page is as it was.")
            return 130
    rows = {str(case): line(row) for some, _ in done for case, row in some}
    wrong = [each for _, some in done for each in some]
    page = read()
    known = {f"{each.verb}: {each.fault}": each for each in CASES}
    before = {str(case): each for case in known.values() for each in lines(page) if each.startswith(start(case))}
    PAGE.write_text(written([each for case in known if (each := rows.get(case, before.get(case)))], page), "utf-8")
    print(f"reliability: {len(rows)}/{len(chosen)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
