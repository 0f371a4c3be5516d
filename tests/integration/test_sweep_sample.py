"""Three points of the sweep, others each time: `make sweep` does all of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from sweep.points import KINDS, sample
from sweep.workers import Sweep


@pytest.mark.timeout(1200)
def test_a_run_killed_anywhere_leaves_nothing_that_down_does_not_find(
    tmp_path: Path, notice: Callable[[str], None]
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    said: list[str] = []
    sweep = Sweep(tmp_path / "sweep", workers=1, members=1, say=said.append)
    repeat = f"sweep: .venv/bin/python -m tests.sweep --workers 1 --members 1 --sample {len(KINDS)} --seed {seed}"
    try:
        points = sample(len(KINDS), seed, sweep.count())
        line = sweep.run(points)
    finally:
        sweep.stop()
        notice(repeat)
    notice(f"sweep: {', '.join(map(str, points))}: {line}")
    assert sweep.survived, "\n".join([repeat, *said])
