"""progress: one line in a file, never more often than twice a second, and never a failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from pretended_agraph import ROOT  # noqa: F401  # makes ansible.module_utils ours, too

from module_utils.progress import VARIABLE, Progress, described, duration, rate


class Clock:
    """Time that passes when it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_stands_for_half_a_second(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "line"
    progress = Progress(str(path), clock)
    progress.say("one")
    clock.now += 0.4
    assert not progress.is_due()
    progress.say("two")
    assert path.read_text() == "one\n"
    clock.now += 0.1
    assert progress.is_due()
    progress.say("three")
    assert path.read_text() == "three\n"
    progress.say("the end", at_once=True)
    assert path.read_text() == "the end\n"
    assert list(tmp_path.iterdir()) == [path]


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "line"))
    Progress().say("read")
    assert (tmp_path / "line").read_text() == "read\n"


def test_nobody_has_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not Progress().is_due()
    Progress().say("read")
    lost = Progress(str(tmp_path / "no" / "line"))
    lost.say("read")
    assert not lost.is_due()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            described("read", 210_000_000, 600_000_000, 3.2, 1_800_000),
            "read 210 of 600 MB, 1,800,000 statements, 560,000 a second, about 6 s left",
        ),
        (described("sent", 0, 600_000_000, 0.0), "sent 0 of 600 MB"),
        (described("sent", 250_000, 2_000_000, 1.0), "sent 0.2 of 2.0 MB, about 7 s left"),
        (described("read", 2_000_000, 2_000_000, 1.0, 17), "read 2.0 of 2.0 MB, 17 statements, 17 a second"),
        (described("sent", 1_000, 60_000_000_000, 0.001), "sent 0 of 60,000 MB, about 16.7 h left"),
    ],
)
def test_a_line_says_what_there_is_to_say(line: str, wanted: str) -> None:
    assert line == wanted


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (1_100_000, "1.1 million"),
        (999_900, "1.0 million"),
        (344_321, "340,000"),
        (17.4, "17"),
        (999, "1,000"),
    ],
)
def test_a_rate_has_two_digits(number: float, wanted: str) -> None:
    assert rate(number) == wanted


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(0.2, "1 s"), (5.94, "6 s"), (89, "89 s"), (95, "2 min"), (3600, "60 min"), (7200, "2.0 h")]
)
def test_a_time_to_wait_is_short(seconds: float, wanted: str) -> None:
    assert duration(seconds) == wanted
