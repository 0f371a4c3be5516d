"""The machine's processes, as /proc shows them: whose child is whose, and who holds a connection."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections import defaultdict
from pathlib import Path


def descendants(process: int) -> list[int]:
    """Return all processes that began in this one and have not ended."""
    children = defaultdict(list)
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                state, parent = (each / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    children[int(parent)].append(int(each.name))
    found = list(children[process])
    for each_found in found:
        found += children[each_found]
    return found


def kill_descendants(process: int) -> None:
    """Kill all that began in this process; to be called again until there is nothing left."""
    for each in descendants(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def holder(process: int, sockets: set[str]) -> bool:
    """Tell whether the process, or one that began in it, holds one of these sockets (by their inode numbers)."""
    names = {f"socket:[{each}]" for each in sockets}
    for each in (process, *descendants(process)):
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{each}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(descriptor.readlink()) in names:
                        return True
    return False


def connections(near: tuple[str, int], far: tuple[str, int]) -> set[str]:
    """Return the inode number of the machine's socket that connects the near address to the far one."""
    wanted = [_as_in_proc(near), _as_in_proc(far)]
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {words[9] for words in lines if words[1:3] == wanted}


def _as_in_proc(address: tuple[str, int]) -> str:
    parts = [int(part) for part in address[0].split(".")]
    number = int.from_bytes(bytes(parts), sys.byteorder)
    return f"{number:08X}:{address[1]:04X}"
