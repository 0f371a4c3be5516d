"""Where the sweep kills, and what it says in the end."""

from __future__ import annotations

import itertools

import pytest
from sweep import points
from sweep.picture import difference, without
from sweep.points import Job, Outcome, Point

TOTALS = {"up": 7, "resume": 7, "down": 3}


def test_every_point_is_in_exactly_one_job() -> None:
    wanted = points.every(TOTALS)
    done = list(itertools.chain.from_iterable(job.points for job in points.jobs(wanted)))
    assert len(wanted) == 17
    assert sorted(map(str, done)) == sorted(map(str, wanted))


@pytest.mark.parametrize("downs", [0, 1, 7, 12])
def test_a_down_follows_a_resumed_up_while_there_is_one(downs: int) -> None:
    done = points.jobs(points.every({**TOTALS, "down": downs}))
    assert sum(len(job.points) == 2 for job in done) == min(downs, 7)
    assert sum(len(job.points) for job in done) == 14 + downs


def test_every_third_point_of_a_kind_is_in_flight() -> None:
    for kind in points.KINDS:
        modes = [Point(kind, number).mode for number in range(1, 7)]
        assert sorted(modes[:3]) == sorted(points.MODES)
        assert modes[:3] == modes[3:]


def test_a_sample_is_the_same_for_the_same_seed_and_has_every_kind() -> None:
    chosen = points.sample(3, 5, TOTALS)
    assert chosen == points.sample(3, 5, TOTALS)
    assert [each.kind for each in chosen] == list(points.KINDS)
    assert len({str(points.sample(3, seed, TOTALS)) for seed in range(20)}) > 5
    assert len(points.sample(99, 5, TOTALS)) == 17


def test_points_are_asked_for_by_name() -> None:
    assert points.asked(["up:3", "down:1", "up:3"], TOTALS) == [Point("up", 3), Point("down", 1)]
    for wrong in ("up:8", "up:0", "up", "query:1", "down:x"):
        with pytest.raises(points.PointError, match=r"[Pp]oint"):
            points.asked([wrong], TOTALS)


def test_what_was_not_come_to_is_done_again() -> None:
    job = Job((Point("resume", 1), Point("down", 2)))
    assert points.again(job, [Outcome(Point("resume", 1), points.FAILED)]) == Job((Point("down", 2),))
    assert points.again(job, [Outcome(each, points.SURVIVED) for each in job.points]) is None


def test_the_last_line_counts_what_survived_of_all() -> None:
    wanted = points.every(TOTALS)
    done = [Outcome(each, points.SURVIVED) for each in wanted]
    assert points.last_line(wanted, done) == "sweep: up 7/7 resume 7/7 down 3/3 skipped 0"
    done[0] = Outcome(wanted[0], points.FAILED)
    done[-1] = Outcome(wanted[-1], points.SKIPPED)
    assert points.last_line(wanted, done) == "sweep: up 6/7 resume 7/7 down 2/3 skipped 1"


def test_where_a_worker_has_its_files_is_no_difference() -> None:
    one, two = ({"tags": [f"key-pair File={place}/key.pem"]} for place in ("/here/one.keys", "/here/two.keys"))
    assert difference(one, two)
    assert not difference(without(one, "/here/one.keys"), without(two, "/here/two.keys"))
