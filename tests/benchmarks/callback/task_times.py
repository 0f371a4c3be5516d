"""Notes when each task began and ended, a line of JSON each, in the file that TASK_TIMES_FILE names."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: task_times
type: aggregate
short_description: Note when each task began and ended
description:
  - Writes a line of JSON for each play and task as it begins, and for each host's result.
requirements:
  - enabled in configuration, and E(TASK_TIMES_FILE) set
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """The callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._file = Path(os.environ["TASK_TIMES_FILE"]).open("w", buffering=1)  # noqa: SIM115 - it lasts as long as the run
        self._number = 0
        self._numbers: dict[str, int] = {}

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Note a play."""
        self._write("play", name=play.get_name().strip())

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Note a task. One that a loop or an include repeats comes again under the same id: each time is a task."""
        self._number += 1
        self._numbers[task._uuid] = self._number
        role = task._role.get_name() if task._role else ""
        name = str(task.name or task.get_name()).strip().rpartition(" | ")[2]
        self._write("task", number=self._number, role=role, name=name, action=str(task.action))

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note a result."""
        self._result(result, "changed" if result.result.get("changed", False) else "ok")

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Note a result."""
        self._result(result, "skipped")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note a result."""
        self._result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note a result."""
        self._result(result, "unreachable")

    def v2_runner_retry(self, result: Any) -> None:
        """Note that a task is tried again."""
        self._result(result, "retried")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Note the end."""
        self._write("end")
        self._file.close()

    def _result(self, result: Any, status: str) -> None:
        number = self._numbers.get(result.task._uuid, self._number)
        self._write("result", number=number, host=result.host.get_name(), status=status)

    def _write(self, event: str, **content: Any) -> None:
        self._file.write(json.dumps({"event": event, "time": time.time(), **content}) + "\n")
