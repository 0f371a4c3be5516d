"""The meter counts all that a command starts, also what outlives its parent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks import meter

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"


def measured(tmp_path: Path, program: str) -> dict[str, Any]:
    result = tmp_path / "measured.json"
    subprocess.run([sys.executable, meter.__file__, result, sys.executable, "-c", program], check=True, timeout=60)
    return dict(json.loads(result.read_text()))


def test_processor_time_of_children_and_of_orphans_counts(tmp_path: Path) -> None:
    child, orphan = (BURN.format(seconds=each) for each in (0.3, 0.6))
    program = f"""
import os, subprocess, sys
subprocess.run([sys.executable, "-c", {child!r}], check=True)
if os.fork() == 0:
    os.setsid()
    os.execv(sys.executable, [sys.executable, "-c", {orphan!r}])
"""
    found = measured(tmp_path, program)
    assert found["returncode"] == 0
    assert found["cpu"] >= 0.9
    assert found["seconds"] < found["cpu"] + 5


def test_memory_of_several_processes_is_added_up(tmp_path: Path) -> None:
    hold = "import time; held = bytearray(60 * 2**20); time.sleep(2.5)"
    program = f"""
import subprocess, sys
both = [subprocess.Popen([sys.executable, "-c", {hold!r}]) for _ in range(2)]
for each in both:
    each.wait()
"""
    found = measured(tmp_path, program)
    assert 120 < found["peak_memory"] < 240
    assert len(found["samples"]) >= 8


def test_lines_have_their_times_and_the_exit_code_is_told(tmp_path: Path) -> None:
    program = "import sys, time\nprint('a', flush=True); time.sleep(0.5); print('b', flush=True); sys.exit(3)"
    found = measured(tmp_path, program)
    (first, a), (second, b) = found["lines"]
    assert (a, b, found["returncode"]) == ("a", "b", 3)
    assert second - first == pytest.approx(0.5, abs=0.3)
