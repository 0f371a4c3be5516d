"""Which isolation a sandbox gets, and the programs of nodes that have none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sandbox.hosts import Unavailable, isolation
from sandbox.hosts.isolation import Isolation, Opened, Place, open_world
from sandbox.hosts.plain_image import PROGRAMS
from sandbox.latency import TABLES


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(66, tmp_path / "hosts", "http://127.66.0.1:4566", "127.66.0.1:4567", "us-west-2", TABLES["fast"])


def only(able: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one isolation alone be possible."""

    def opened(place: Place, wanted: Isolation, reason: str) -> Opened:
        if wanted != able:
            raise Unavailable(f"No {wanted}.")
        return Opened(None, wanted, reason)  # type: ignore[arg-type]

    monkeypatch.setattr(isolation, "_open", opened)


@pytest.mark.parametrize(
    ("user", "able", "remark"),
    [
        (0, "root", ""),
        (0, "user", "No root."),
        (0, "none", "No user."),
        (1000, "user", ""),
        (1000, "none", "No user."),
    ],
)
def test_the_best_that_works(
    user: int, able: Isolation, remark: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    only(able, monkeypatch)
    opened = open_world(place, None)
    assert (opened.isolation, opened.remark) == (able, remark)


def test_what_was_asked_for_or_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    only("none", monkeypatch)
    with pytest.raises(Unavailable, match=r"^No root\.$"):
        open_world(place, "root")


@pytest.mark.parametrize("path", sorted(PROGRAMS.iterdir()), ids=lambda path: path.name)
def test_the_programs_are_well_formed(path: Path) -> None:
    shell = path.read_text().splitlines()[0].removeprefix("#!")
    assert subprocess.run([shell, "-n", path], check=False).returncode == 0


def sudo(*words: str) -> str:
    command = ["bash", str(PROGRAMS / "sudo"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_sudo_without_another_user() -> None:
    assert sudo("-H", "-S", "-n", "-u", "root", "/bin/sh", "-c", "echo BECOME; exit") == "BECOME\n"
    assert sudo("-u", "agraph", "A=1 2", "sh", "-c", 'echo "$A"') == "1 2\n"
    assert sudo("-D", "/", "--", "pwd") == "/\n"
