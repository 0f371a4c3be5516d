"""The command: python -m tests.sweep."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description="Kill the controller everywhere.")
    parser.add_argument("--workers", type=int, default=3, help="sandboxes at once (3)")
    parser.add_argument("--members", type=int, default=2, help="members of the federation (2)")
    parser.add_argument("--points", action="append", default=[], help="one point, such as up:3, resume:3 or down:7")
    parser.add_argument("--sample", type=int, default=0, help="so many points at random")
    parser.add_argument("--go-on", action="store_true", help="keep what survived in the last sweep of the same product")
    parser.add_argument("--seed", type=int, default=None, help="what the random choice begins with")
    return parser.parse_args()


def interrupted(_signal: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> int:
    """Do it, and return the exit code."""
    from harness import ROOT

    from sweep.points import PointError, asked, every, sample
    from sweep.workers import Sweep

    given = arguments()
    signal.signal(signal.SIGTERM, interrupted)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {line}", flush=True)

    sweep = Sweep(ROOT / ".cache/sweep", given.workers, given.members, say)
    try:
        totals = sweep.count()
        say(f"an unhurt up makes {totals['up']} changing calls, a down {totals['down']}")
        points = every(totals)
        if given.sample:
            seed = given.seed if given.seed is not None else random.randrange(10**6)
            points = sample(given.sample, seed, totals)
            say(f"seed {seed}: {' '.join(map(str, points))}")
        elif given.points:
            points = asked(given.points, totals)
        if given.go_on:
            say(f"{sweep.go_on(points)} points survived in the last sweep of the same product")
        line = sweep.run(points)
        for each in sweep.bad:
            print(each)
        print(line)
        return 0 if sweep.survived else 1
    except PointError as reason:
        print(f"ERROR: {reason}")
        return 2
    except KeyboardInterrupt:
        print("ERROR: interrupted; everything is ended.")
        return 130
    finally:
        sweep.stop()


if __name__ == "__main__":
    sys.exit(main())
