"""A point that fails is told and kept, and the others go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sweep import product
from sweep.cycle import Cycle
from sweep.points import FAILED, SKIPPED, SURVIVED, Point
from sweep.verbs import NotStruckError, VerbError
from sweep.workers import TRIES, Sweep

WRONG = Point("up", 2)
NEVER = Point("up", 3)
LEFT = Point("resume", 1)


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """A sweep without sandboxes, in which three points do not go well."""
    own = Sweep(tmp_path, workers=1, members=1, say=lambda line: None)
    (cycle,) = own.cycles
    started: list[bool] = []

    def kill(verb: str, point: Point) -> None:
        if point == WRONG:
            raise VerbError("up ended with 2")
        if point == NEVER:
            raise NotStruckError("up ended with 0")
        if point == LEFT:
            raise ConnectionError("nobody answers")

    monkeypatch.setattr(cycle.verbs, "kill", kill)
    monkeypatch.setattr(cycle.verbs, "run", lambda verb: started.append(True))
    for name in ("down", "up_again"):
        monkeypatch.setattr(cycle, name, lambda: None)
    monkeypatch.setattr(cycle, "start", lambda: started.append(False))
    return own


def test_the_others_go_on(sweep: Sweep, tmp_path: Path) -> None:
    points = [Point("up", 1), WRONG, NEVER, Point("up", 4), LEFT, Point("down", 1)]
    assert sweep.run(points) == "sweep: up 2/4 resume 0/1 down 1/1 skipped 1"
    verdicts = {each.point: each.verdict for each in sweep.outcomes}
    assert verdicts == dict.fromkeys(points, SURVIVED) | {WRONG: FAILED, NEVER: SKIPPED, LEFT: FAILED}
    assert not sweep.survived
    assert "up ended with 2" in (tmp_path / "up-2.txt").read_text()
    assert "nobody answers" in (tmp_path / "resume-1.txt").read_text()
    assert len(json.loads((tmp_path / "result.json").read_text())["points"]) == len(points)


def test_what_was_never_struck_is_tried_again(sweep: Sweep) -> None:
    said: list[str] = []
    sweep.say = said.append
    sweep.run([NEVER])
    assert sum("tried again" in line for line in said) == TRIES - 1
    assert not sweep.survived


def test_a_removal_that_fails_after_a_run_that_was_never_struck_fails_its_point(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(cycle: Cycle) -> None:
        raise VerbError("something is left")

    (cycle,) = sweep.cycles
    monkeypatch.setattr(cycle, "down", lambda: down(cycle))
    sweep.run([NEVER])
    assert [(each.verdict, each.why) for each in sweep.outcomes] == [(FAILED, "something is left")]


def test_a_sweep_goes_on_where_the_last_one_of_the_same_product_was(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [Point("up", 1), WRONG, LEFT, Point("down", 1)]
    sweep.run(points)

    def gone_on(product: str) -> tuple[int, list[Point]]:
        own, done = Sweep(tmp_path, workers=1, members=1, say=lambda line: None), list[Point]()
        (cycle,) = own.cycles
        monkeypatch.setattr("sweep.product.digest", lambda root: product)
        for name in ("start", "stop"):
            monkeypatch.setattr(cycle, name, lambda *_: None)
        monkeypatch.setattr(cycle, "count", lambda: {"up": 2, "resume": 1, "down": 1})

        def tried(prove: object, point: Point) -> tuple[str, str]:
            done.append(point)
            return SURVIVED, ""

        monkeypatch.setattr(cycle, "_tried", tried)
        own.count()
        kept = own.go_on(points)
        assert own.run(points) == "sweep: up 2/2 resume 1/1 down 1/1 skipped 0"
        assert own.survived
        return kept, done

    result = tmp_path / "result.json"
    before = result.read_text()
    product = json.loads(before)["product"]
    assert gone_on(product) == (2, [WRONG, LEFT])
    assert gone_on(product) == (4, [])
    result.write_text(before)
    assert gone_on("another") == (0, points)


def test_the_digest_is_of_what_the_product_is_and_of_nothing_else(tmp_path: Path) -> None:
    for place in (*product.PLACES, "sandbox"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "it.py").write_text("1")
    for name in product.SINGLE:
        (tmp_path / name).write_text("1")
    first = product.digest(tmp_path)
    (tmp_path / "sandbox/it.py").write_text("2")
    assert product.digest(tmp_path) == first
    (tmp_path / "roles/it.py").write_text("2")
    assert product.digest(tmp_path) != first
