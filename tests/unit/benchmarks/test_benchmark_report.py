"""From recorded lives, of a tutorial and of playbooks with one member in a fast sandbox, to table, JSON and plots."""

from __future__ import annotations

import copy
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks import record, timeline
from benchmarks.limit import Step
from benchmarks.record import Life
from benchmarks.report import Report, Target, table_hash

from sandbox.latency import TABLES

LIVES = Path(__file__).resolve().parents[2] / "data/benchmark-lives"
FAST = TABLES["fast"]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def lives() -> list[Life]:
    """What was recorded."""
    return [record.read(each) for each in sorted(LIVES.glob("*.json"))]


def changed(life: Life, members: int, number: int, change: Callable[[Life], None]) -> Life:
    """Return another life, with something different about it."""
    other = copy.deepcopy(life)
    other.members, other.number = members, number
    change(other)
    return other


def seconds(verb: str, taken: float) -> Callable[[Life], None]:
    """Have a verb take so long."""

    def change(life: Life) -> None:
        life.verbs[verb].seconds = taken

    return change


def test_what_is_kept_is_read_again_as_it_was(lives: list[Life], tmp_path: Path) -> None:
    for life in lives:
        life.write(tmp_path)
        assert record.read(tmp_path / f"{life.name}.json") == life


def test_the_table_shows_everybody_side_by_side(lives: list[Life]) -> None:
    report = Report(lives, "fast", FAST)
    told = [(row.part, row.who) for row in report.rows]
    assert told == [
        ("up+query", "limit"),
        ("up+query", "tutorial"),
        ("up+query", "playbooks"),
        ("up", "limit"),
        ("up", "playbooks"),
        ("query", "playbooks"),
        ("again", "playbooks"),
        ("down", "limit"),
        ("down", "tutorial"),
        ("down", "playbooks"),
    ]
    both, up = (report.row(part, "playbooks", 1) for part in ("up+query", "up"))
    tutorial = report.row("up+query", "tutorial", 1)
    assert both and up and tutorial
    verbs = next(life.verbs for life in lives if life.who == "playbooks")
    assert both.seconds == verbs["up"].seconds + verbs["query"].seconds
    assert both.of_tutorial == both.seconds / tutorial.seconds
    # In the table fast: profile 1.0, pending 0.3, boot 0.2, agent 0.5.
    assert up.of_limit == pytest.approx(up.seconds / 2.0)
    assert up.sessions == 4
    header, *lines = report.text().splitlines()
    assert table_hash(FAST) in header
    assert sum(line.startswith("bench: ") for line in lines) == len(report.targets) == 7


def test_of_several_runs_it_is_the_median(lives: list[Life]) -> None:
    one = next(life for life in lives if life.who == "playbooks")
    runs = [changed(one, 2, number, seconds("down", taken)) for number, taken in enumerate((10.0, 99.0, 12.0), 1)]
    row = Report(runs, "fast", FAST).row("down", "playbooks", 2)
    assert row is not None
    assert (row.runs, row.seconds) == (3, 12.0)


def test_more_members_are_held_against_the_fewest(lives: list[Life]) -> None:
    one = next(life for life in lives if life.who == "playbooks")

    def many(life: Life) -> None:
        life.verbs["up"].seconds *= 1.6
        life.verbs["up"].calls["calls"] += 98 * 4
        life.verbs["down"].calls["calls"] += 98 * 2
        life.verbs["again"].calls["calls"] += 98 * 50

    report = Report([changed(one, 2, 1, lambda life: None), changed(one, 100, 1, many)], "fast", FAST)
    targets = {each.name: each for each in report.targets}
    assert targets["up-100-of-2"].value == pytest.approx(1.6)
    assert targets["up-100-of-2"].met
    assert targets["calls-each-further-member"].value == pytest.approx(6)
    assert not targets["calls-each-further-member"].met
    assert not report.passed


def test_a_query_is_held_against_what_the_servers_need(lives: list[Life]) -> None:
    one = next(life for life in lives if life.who == "playbooks")

    def slow(life: Life) -> None:
        life.verbs["query"].seconds, life.verbs["query"].server_seconds = 100.0, 95.0

    targets = {each.name: each for each in Report([changed(one, 1, 1, slow)], "fast", FAST).targets}
    assert targets["query-beyond-server-seconds"].value == pytest.approx(5)
    assert targets["query-beyond-server-seconds"].met


def test_a_run_that_failed_is_a_miss_and_told_and_the_others_count(lives: list[Life]) -> None:
    one = next(life for life in lives if life.who == "playbooks")

    def fail(life: Life) -> None:
        life.verbs.clear()
        life.failure = "up ended with 2: ERROR: no more."

    report = Report([one, changed(one, 50, 1, fail)], "fast", FAST)
    assert "playbooks-50-1: up ended with 2: ERROR: no more." in report.text()
    assert "bench: failed-runs 1.00 0 miss" in report.text()
    assert report.row("up", "playbooks", one.members) is not None
    assert report.row("up", "playbooks", 50) is None
    # Nothing is said to have so many calls, or none, for members that were never there.
    assert "calls-each-further-member" not in {each.name for each in report.targets}


def test_a_target_is_met_up_to_its_number_or_below_it() -> None:
    assert str(Target("x", 1.25, 1.25)) == "bench: x 1.25 1.25 pass"
    assert str(Target("x", 1.26, 1.25)) == "bench: x 1.26 1.25 miss"
    assert str(Target("x", 1.0, 1.0, strict=True)) == "bench: x 1.00 1 miss"


def test_the_hash_is_another_one_when_any_delay_is() -> None:
    assert table_hash(FAST) == table_hash(replace(FAST))
    assert len({table_hash(each) for each in (FAST, TABLES["aws"], replace(FAST, agent_ping=9.0))}) == 3


def test_json_and_plots_are_written(lives: list[Life], tmp_path: Path) -> None:
    Report(lives, "fast", FAST).write(tmp_path)
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content["delays_hash"] == table_hash(FAST)
    assert content["limits"]["up"][0]["name"] == "instance profile usable"
    drawn = timeline.draw(lives, FAST, tmp_path)
    assert {each.name for each in drawn} >= {
        "timeline-playbooks-up.svg",
        "timeline-playbooks-down.png",
        "timeline-tutorial-up.svg",
    }
    for each in drawn:
        if each.suffix == ".png":
            assert each.read_bytes().startswith(PNG)
    picture = "".join(ElementTree.parse(tmp_path / "timeline-playbooks-up.svg").getroot().itertext())
    for title in (
        "NAT gateway available",
        "NAT gateway agraph-nat-gateway",
        "agent agraph-member-0",
        "vpc 1",
        "network | Make the VPC agraph-vpc",
        "servers | Wait for AllegroGraph",
    ):
        assert title in picture


def test_what_waited_for_what_is_seen(lives: list[Life]) -> None:
    up = next(life for life in lives if life.who == "playbooks").verbs["up"]
    groups = timeline.groups_of(up, [Step("first", 2), Step("second", 1, ("first",)), Step("aside", 1)])
    chain = {line.title: line.bars[0].colour for line in groups["limit"]}
    assert chain["first"] == chain["second"] != chain["aside"]
    (gateway,) = (line for line in groups["resources"] if line.title.startswith("NAT gateway"))
    (waiting,) = (line for line in groups["tasks"] if line.title == "nat_gateway | Wait for the gateway")
    pending, available = gateway.bars
    assert pending.end == available.begin <= waiting.bars[0].end
    assert available.end == up.seconds
    tasks = [line.begin for line in groups["tasks"]]
    assert tasks == sorted(tasks)
    assert not any("Validating" in line.title for line in groups["tasks"])
