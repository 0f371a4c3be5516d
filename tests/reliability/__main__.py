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


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description="Have everything go wrong.")
    parser.add_argument("--only", default="", help="the cases that have this in their name, and no table")
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
    from reliability.page import PAGE, read, written

    given = arguments()
    folder = ROOT / ".cache/reliability"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chosen = [each for each in CASES if given.only in str(each)]
    # Those that need a federation share one.
    standing = [each for each in chosen if each.stands]
    others = [each for each in chosen if not each.stands]
    parts = [others[number :: given.workers] for number in range(given.workers)]
    parts[-1] += standing
    with ThreadPoolExecutor(given.workers) as pool:
        done = list(pool.map(tried, parts, [folder / f"sandbox-{number}" for number in range(given.workers)]))
    known = {str(case): row for rows, _ in done for case, row in rows}
    wrong = [each for _, some in done for each in some]
    if not given.only and not wrong:
        PAGE.write_text(written([known[str(each)] for each in CASES], read()), encoding="utf-8")
    print(f"reliability: {len(known)}/{len(chosen)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
