"""Runs a command and measures it, with everything that it starts: python meter.py RESULT COMMAND...

Whatever the command's processes leave behind becomes this process's child and is waited for, so that no processor time
is lost. The result, a JSON file:

    begin, seconds, returncode
    cpu             processor time of all its processes, in seconds
    peak_memory     the most memory that they had at once, in MiB, pages that several share counted once
    samples         [seconds from the begin, processor time so far, memory now]
    lines           [seconds from the begin, line of its output]
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import IO

INTERVAL = 0.25
MEMORY_EACH = 4
"""Every so many samples the memory is looked at: the kernel walks through all pages for it."""
SET_CHILD_SUBREAPER = 36
TICKS = os.sysconf("SC_CLK_TCK")
TIMES = slice(11, 15)
"""Of the fields behind a process's name: its own user and system time, and those of the children it waited for."""


def children(process: int) -> list[int]:
    """Return a process's children, those of all its threads."""
    found: list[int] = []
    for thread in _entries(Path(f"/proc/{process}/task")):
        with contextlib.suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return found


def descendants(process: int) -> list[int]:
    """Return a process's children, their children, and so on."""
    found: list[int] = []
    waiting = children(process)
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting += children(each)
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def processor_time(process: int) -> float:
    """Return what a process and the children that it waited for have used."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[TIMES])) / TICKS


def memory(process: int) -> float:
    """Return a process's share of the memory in MiB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


class Meter:
    """One command, from its start until the last of its processes has ended."""

    def __init__(self, command: list[str]) -> None:
        self.begin = time.time()
        self.seconds = 0.0
        self.samples: list[tuple[float, float, float]] = []
        self.lines: list[tuple[float, str]] = []
        self._command = command
        self._memory = 0.0

    def run(self) -> int:
        """Run it, and return its exit code."""
        # What loses its parent comes to us, not to process 1.
        ctypes.CDLL(None, use_errno=True).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        while True:
            self._sample()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(INTERVAL)
                break
        self.seconds = time.time() - self.begin
        self._reap()
        # Somebody else may hold the output open, such as a sandbox that the command has started.
        reader.join(1)
        return process.returncode

    def content(self, returncode: int) -> dict[str, object]:
        """Return what was measured."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "begin": self.begin,
            "seconds": self.seconds,
            "returncode": returncode,
            "cpu": used.ru_utime + used.ru_stime,
            "peak_memory": max((memory for _, _, memory in self.samples), default=0.0),
            "samples": self.samples,
            "lines": self.lines,
        }

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self.lines.append((time.time() - self.begin, line.rstrip("\n")))

    def _sample(self) -> None:
        now = time.time() - self.begin
        alive = descendants(os.getpid())
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = used.ru_utime + used.ru_stime + sum(map(processor_time, alive))
        if len(self.samples) % MEMORY_EACH == 0:
            self._memory = sum(map(memory, alive))
        self.samples.append((now, spent, self._memory))

    @staticmethod
    def _reap() -> None:
        """Wait for those who lost their parents; one that goes on for long does not belong to the command any more."""
        deadline = time.monotonic() + 2
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < deadline:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.02)


def end(_signal: int, _frame: FrameType | None) -> None:
    """End with everything that was started."""
    for each in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(each, signal.SIGKILL)
    sys.exit(128 + signal.SIGTERM)


def main() -> int:
    """Run the command line."""
    result, *command = sys.argv[1:]
    signal.signal(signal.SIGTERM, end)
    meter = Meter(command)
    returncode = meter.run()
    Path(result).write_text(json.dumps(meter.content(returncode)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
