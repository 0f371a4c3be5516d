"""The line of a phase: what it says, how it fits, and how long it is said to take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from recorded_aws import ROOT

from plugins.plugin_utils import durations
from plugins.plugin_utils.durations import AWS, ELSEWHERE, Kind, Run
from plugins.plugin_utils.phases import Phase, clock, cut, width
from plugins.plugin_utils.progress import Progress
from plugins.plugin_utils.summary import lines
from plugins.plugin_utils.task_lines import Line

NODES = Phase("Nodes", began=100.0, expected=90.0)
WAITING = "Wait until every SSM agent is online"


def test_a_phase_says_what_is_done_for_how_long_and_of_how_much() -> None:
    assert NODES.live(WAITING, 142.9, 120) == f"Nodes  {WAITING}  0:42 of about 1:30"
    assert NODES.live(WAITING, 199.0, 120) == f"Nodes  {WAITING}  1:39, usually 1:30"
    assert Phase("Nodes", 100.0).live("", 142.9, 120) == "Nodes  0:42"
    assert Phase("Ready", 100.0, 1.2).live("", 101.0, 120) == "Ready  0:01"


@pytest.mark.parametrize("columns", range(0, 70))
@pytest.mark.parametrize("text", [WAITING, "", "数据 数据 数据 数据 数据 数据 数据 数据 数据", "a\x1b[2Jb\nc\u0301d"])
def test_it_fits_whatever_the_window_is(columns: int, text: str) -> None:
    line = NODES.live(text, 142.9, columns)
    assert width(line) <= columns
    assert line.isprintable()
    if columns >= 30:
        assert line.endswith("  0:42 of about 1:30")


def test_what_is_cut_says_so() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 5) == "abcd…"
    assert cut("数据数据", 5) == "数据…"
    assert cut("abc", 0) == ""


@pytest.mark.parametrize(("seconds", "told"), [(0.9, "0:00"), (59.9, "0:59"), (754, "12:34"), (3723, "1:02:03")])
def test_seconds_are_told_as_by_a_clock(seconds: float, told: str) -> None:
    assert clock(seconds) == told


def test_a_phase_that_has_ended_says_how() -> None:
    phase = Phase("Cloud", 100.0)
    assert not phase.is_worth_a_line(100.4)
    assert phase.is_worth_a_line(101.4)
    phase.count(Line("Decide", 100.0, silent=True, ok=1))
    assert not phase.is_worth_a_line(100.4)
    phase.count(Line("Look", 100.0, silent=False, ok=1))
    assert phase.is_worth_a_line(100.4)
    assert phase.finished(124.0) == "Cloud  0:24"
    phase.count(Line("Make", 100.0, silent=False, changed=2))
    assert phase.finished(124.0) == "Cloud  1 changed  0:24"
    phase.count(Line("Make", 100.0, silent=False, failed=["It is refused."]))
    assert phase.finished(124.0) == "Cloud  failed  0:24"


@pytest.mark.parametrize("verb", sorted({verb for verb, _ in durations.MEASURED}))
def test_what_was_measured_are_phases_that_there_are(verb: str) -> None:
    plays = yaml.safe_load((ROOT / f"playbooks/{verb}.yml").read_text())
    measured = [phases for (name, _), phases in durations.MEASURED.items() if name == verb]
    assert set().union(*measured) <= {play["name"] for play in plays}


def run(seconds: float, **differences: object) -> Run:
    facts = {"verb": "up", "where": ELSEWHERE, "nodes": 3, "new": True}
    return Run(Kind(**{**facts, **differences}), {"Cloud": seconds})  # type: ignore[arg-type]


def test_the_latest_runs_alike_say_how_long_a_phase_takes() -> None:
    kind = Kind("up", ELSEWHERE, 4, new=True)
    runs = [run(100.0), run(20.0), run(60.0), run(30.0)]
    assert durations.expected(kind, "Cloud", runs) == 30.0
    assert durations.expected(kind, "Nodes", runs) is None
    for other in (run(1.0, nodes=51), run(1.0, where=AWS), run(1.0, new=False), run(1.0, verb="down")):
        assert durations.expected(kind, "Cloud", [*runs, other]) == 30.0


def test_until_then_what_was_measured_does_where_it_is_aws() -> None:
    measured = durations.MEASURED["up", True]["Nodes"]
    assert durations.expected(Kind("up", AWS, 3, new=True), "Nodes", []) == measured
    assert durations.expected(Kind("up", ELSEWHERE, 3, new=True), "Nodes", []) is None
    assert durations.expected(Kind("status", AWS, 3, new=True), "Status", []) is None


def test_runs_are_kept_without_anything_but_their_durations(tmp_path: Path) -> None:
    file = tmp_path / "home" / "durations.json"
    for number in range(durations.KEPT + 5):
        durations.keep(file, run(float(number)))
    kept = durations.read(file)
    assert len(kept) == durations.KEPT
    assert kept[-1] == run(float(durations.KEPT + 4))
    assert json.loads(file.read_text())[0].keys() == {"kind", "phases"}
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"kind": {}}]', '{"a": 1}', '[{"kind": 1, "phases": 2}]'])
def test_a_file_that_is_not_ours_is_no_reason_to_fail(tmp_path: Path, text: str) -> None:
    file = tmp_path / "durations.json"
    file.write_text(text)
    assert durations.read(file) == []
    durations.keep(file, run(1.0))
    assert durations.read(file) == [run(1.0)]


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    durations.keep(tmp_path / "home" / "durations.json", run(1.0))
    assert durations.read(tmp_path / "home" / "durations.json") == []


def test_what_a_run_is_like_is_known_from_its_first_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    settings = {"localhost": {"federation_member_count": "5"}}
    assert durations.kind_of("up", {"groups": {}, "hostvars": settings}) == Kind("up", AWS, 6, new=True)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.66.0.1:4566")
    there = {"federation_nodes": ["i-1", "i-2"]}
    assert durations.kind_of("down", {"groups": there, "hostvars": {}}) == Kind("down", ELSEWHERE, 2, new=False)


def test_progress_is_what_a_module_says_while_its_task_runs(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress")
    assert progress.line() == ""
    progress.file.write_text("loading 1 of 5\n")
    assert progress.line() == "loading 1 of 5"
    progress.forget()
    assert progress.line() == ""
    progress.file.write_text("loading 2 of 5\nand more")
    assert progress.line() == "loading 2 of 5"


def test_a_summary_has_its_words_below_each_other() -> None:
    summary = {
        "members": 2,
        "AllegroGraph": "http://198.51.100.7:10035/",
        "ends": "",
        "next": "ansible-playbook\n up.yml",
    }
    told = lines(summary)
    assert told == [
        "  members       2",
        "  AllegroGraph  http://198.51.100.7:10035/",
        "  next          ansible-playbook up.yml",
    ]
    assert lines({}) == []
