"""The line that lives: drawn when it has something new to say, never in the way of what stays, gone at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from plugins.plugin_utils.live_line import ERASE, LiveLine


class Screen:
    """A terminal as far as it is needed: what was written, and the last line of it."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.says = "first"

    @property
    def last_line(self) -> str:
        return "".join(self.written).rpartition("\n")[2].rpartition(ERASE)[2]


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def line(screen: Screen) -> LiveLine:
    return LiveLine(screen.written.append, lambda columns: screen.says[:columns], interval=0.001)


def test_it_is_drawn_only_when_it_says_something_new(line: LiveLine, screen: Screen) -> None:
    line.draw()
    line.draw()
    assert screen.written == [f"{ERASE}first"]
    screen.says = "second"
    line.draw()
    assert screen.written == [f"{ERASE}first", f"{ERASE}second"]


def test_it_makes_room_for_what_stays_and_comes_back_below(line: LiveLine, screen: Screen) -> None:
    line.draw()
    with line.aside():
        screen.written.append("It stays.\n")
    assert screen.last_line == ""
    line.draw()
    assert "".join(screen.written) == f"{ERASE}first{ERASE}It stays.\n{ERASE}first"


def test_what_was_never_drawn_is_not_erased(line: LiveLine, screen: Screen) -> None:
    with line.aside():
        pass
    line.stop()
    assert screen.written == []


def test_a_narrow_window_cuts_it(line: LiveLine, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "4")
    line.draw()
    assert screen.last_line == "fir"


def test_nothing_is_drawn_while_something_else_is_written_nor_after_the_end(line: LiveLine, screen: Screen) -> None:
    line.start()
    eventually(lambda: screen.written)
    with line.aside():
        before = len(screen.written)
        screen.says = "second"
        time.sleep(0.02)
        assert len(screen.written) == before
        screen.written.append("It stays.\n")
    eventually(lambda: screen.last_line == "second")
    line.stop()
    ended = list(screen.written)
    assert screen.last_line == ""
    screen.says = "third"
    line.draw()
    assert screen.written == ended
    eventually(lambda: not [each for each in threading.enumerate() if each.name == "live line"])


def test_a_handler_of_a_signal_is_not_kept_waiting_for_ever(
    line: LiveLine, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.plugin_utils.live_line.PATIENCE", 0.01)
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with line.aside():
            held.set()
            over.wait(10)

    line.draw()
    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(10)
    line.stop()
    over.set()
    other.join(10)
    assert not other.is_alive()


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)
