"""The person's terminal: raw while a session lasts, and its size."""

from __future__ import annotations

import contextlib
import os
import termios
import tty
from collections.abc import Iterator
from typing import Final

WITHOUT_TERMINAL: Final = (300, 100)
"""Columns and rows that are told to the far side when the output is no terminal, as AWS's plugin does."""


@contextlib.contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Every key goes to the far side, Ctrl-C too; nothing is changed where no terminal is."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor, termios.TCSANOW)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def size(descriptor: int) -> tuple[int, int]:
    """Columns and rows; (0, 0) on a pseudo-terminal whose size nobody has set."""
    try:
        columns, rows = os.get_terminal_size(descriptor)
    except OSError:
        return WITHOUT_TERMINAL
    return columns, rows
