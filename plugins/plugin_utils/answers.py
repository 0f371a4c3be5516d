"""What `query` needs of the screen: how wide it is, and a way to it that changes nothing."""

from __future__ import annotations

import shutil
import sys


def columns() -> int:
    """Return what COLUMNS says, or else the width of the terminal; 0 where there is neither."""
    return shutil.get_terminal_size((0, 0)).columns


def written_as_it_is(text: str) -> None:
    """Write a text for programs: Ansible's display would have line breaks of its own. The last line is ended."""
    sys.stdout.flush()
    sys.stdout.buffer.write((text if text.endswith("\n") else f"{text}\n").encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
