"""The nodes' `shutdown`: when the machine is to end, what takes that back, and what is no time."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.hosts.images import TREES

PROGRAM = (TREES / "common/usr/sbin/shutdown").read_text()
Shutdown = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a shutdown finds a systemctl that takes a note, and a sleep that takes a hundredth of the time."""
    for name, text in {
        "shutdown": PROGRAM.replace("/run/systemd", str(tmp_path / "run")),
        "systemctl": f'#!/bin/sh\necho "$@" >> {tmp_path / "asked"}\n',
        "sleep": '#!/bin/sh\nexec /bin/sleep "$(($1 / 100)).$(printf %02d $(($1 % 100)))"\n',
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def shutdown(folder: Path) -> Iterator[Shutdown]:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TZ": "UTC"}
        return subprocess.run(
            [str(folder / "shutdown"), *words],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=10,
        )

    yield call
    call("-c")


def asked(folder: Path) -> str:
    return (folder / "asked").read_text() if (folder / "asked").exists() else ""


def waits(group: str) -> bool:
    """Whether anything of a process group is alive."""
    return subprocess.run(["pgrep", "-g", group, "-r", "RSD"], capture_output=True, check=False).returncode == 0


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.05)


@pytest.mark.parametrize("words", [["now"], ["-h", "now"], ["-P", "+0"], ["-H", "0", "for the night"]])
def test_at_once(shutdown: Shutdown, folder: Path, words: list[str]) -> None:
    done = shutdown(*words)
    assert (done.returncode, done.stderr, asked(folder)) == (0, "", "poweroff\n")


@pytest.mark.parametrize("words", [[], ["+1"], ["-h", "1"]])
def test_in_a_minute(shutdown: Shutdown, folder: Path, words: list[str]) -> None:
    done = shutdown(*words)
    assert done.returncode == 0
    assert done.stderr.startswith("Shutdown scheduled for ")
    assert done.stderr.endswith(", use 'shutdown -c' to cancel.\n")
    assert asked(folder) == ""
    until(lambda: asked(folder) == "poweroff\n")
    assert not (folder / "run/shutdown/scheduled").exists()


def test_it_can_be_taken_back_and_the_last_word_counts(shutdown: Shutdown, folder: Path) -> None:
    note = folder / "run/shutdown/scheduled"
    groups = []
    in_two_hours = time.strftime("%H:%M", time.gmtime(time.time() + 7200))
    for moment in ("+600", in_two_hours, "+500"):
        assert shutdown("-h", moment).returncode == 0
        groups.append(note.read_text().strip())
    until(lambda: [waits(group) for group in groups] == [False, False, True])
    assert shutdown("-c").returncode == 0
    until(lambda: not waits(groups[2]))
    assert shutdown("-c").returncode == 0
    assert (asked(folder), note.exists()) == ("", False)


@pytest.mark.parametrize("moment", ["soon", "+1.5", "-5m", "24:00", "12:60", "+9999999"])
def test_what_is_no_time(shutdown: Shutdown, folder: Path, moment: str) -> None:
    done = shutdown("-h", moment)
    assert (done.returncode, asked(folder)) == (1, "")
    assert moment in done.stderr


def test_what_it_does_not_do(shutdown: Shutdown, folder: Path) -> None:
    assert "RebootInstances" in shutdown("-r", "now").stderr
    assert shutdown("-k", "now").returncode == 0
    assert asked(folder) == ""
