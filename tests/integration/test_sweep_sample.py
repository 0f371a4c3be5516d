"""A point of the sweep, another one each time: `make sweep` does all of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from sweep.points import every
from sweep.workers import Sweep


@pytest.mark.timeout(1200)
def test_a_run_killed_anywhere_leaves_nothing_that_down_does_not_find(
    tmp_path: Path, notice: Callable[[str], None]
) -> None:
    said: list[str] = []
    sweep = Sweep(tmp_path / "sweep", workers=1, members=1, say=said.append)
    try:
        point = random.SystemRandom().choice(every(sweep.count()))
        repeat = f"sweep: .venv/bin/python -m tests.sweep --workers 1 --members 1 --points {point}"
        notice(repeat)
        line = sweep.run([point])
    finally:
        sweep.stop()
    notice(f"sweep: {line}")
    assert sweep.survived, "\n".join([repeat, *said])
