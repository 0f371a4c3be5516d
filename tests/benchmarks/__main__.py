"""The command: python -m tests.benchmarks."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def arguments() -> argparse.Namespace:
    """Read the command line."""

    def several(text: str) -> list[str]:
        return [each for each in text.split(",") if each]

    def numbers(text: str) -> list[int]:
        return [int(each) for each in several(text)]

    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure up, query and down beside the tutorial and the limit."
    )
    parser.add_argument("--members", type=numbers, default=None, help="numbers of members (2,10,50,100)")
    parser.add_argument("--repeat", type=int, default=None, help="how often, below 100 members (3)")
    parser.add_argument("--only", type=several, default=[], help="some of: tutorial,up,query,again,down")
    parser.add_argument("--latency", default="aws", help="the sandbox's table of delays (aws)")
    parser.add_argument("--folder", type=Path, default=None, help="where the results go (.cache/bench)")
    parser.add_argument("--report", action="store_true", help="run nothing: report on what the folder has")
    return parser.parse_args()


def interrupted(_signal: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> int:
    """Do it, and return the exit code."""
    from harness import ROOT

    from benchmarks import pieces, record, report, timeline
    from benchmarks.life import Living
    from sandbox.latency import latency

    given = arguments()
    signal.signal(signal.SIGTERM, interrupted)
    began = time.monotonic()
    folder = given.folder or ROOT / ".cache/bench"

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {line}", file=sys.stderr, flush=True)

    try:
        delays = latency(given.latency)
        if not given.report:
            asked = pieces.asked(given.members or pieces.MEMBERS, given.repeat or pieces.REPEAT, given.only)
            for old in folder.glob("lives/*"):
                old.unlink()
            for piece in asked:
                Living(folder, piece, given.latency, say).live().write(folder / "lives")
        lives = [record.read(each) for each in sorted(folder.glob("lives/*.json"))]
        if not lives:
            raise pieces.PieceError(f"{folder}/lives has no results: run it without --report first.")
        outcome = report.Report(lives, given.latency, delays)
        outcome.write(folder)
        timeline.draw(lives, delays, folder)
        print(outcome.text())
        return 0 if outcome.passed else 1
    except (pieces.PieceError, ValueError) as reason:
        print(f"ERROR: {reason}")
        return 2
    except KeyboardInterrupt:
        print("ERROR: interrupted; everything is ended.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
