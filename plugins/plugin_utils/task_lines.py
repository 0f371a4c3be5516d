"""What the screen says about a task that has ended: one short line, or none."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ansible.playbook.task_include import TaskInclude

# They prepare or decide; what they do shows in the tasks after them.
SILENT = {"add_host", "assert", "debug", "fail", "group_by", "meta", "set_fact", "set_stats", "validate_argument_spec"}
# An unchanged task that took longer than this, in seconds, is worth a line: somebody waited for it.
NOTICEABLE = 2.0


@dataclass
class Line:
    """A task in progress, on all its hosts."""

    title: str
    started: float
    silent: bool
    ended: float = 0.0
    ok: int = 0
    changed: int = 0
    failed: list[str] = field(default_factory=list)
    ignored: int = 0
    diffs: list[str] = field(default_factory=list)
    # On how many hosts it is under way, and how far it is: an item of its loop, an attempt.
    running: int = 0
    detail: str = ""

    @property
    def under_way(self) -> str:
        """What is under way, without the role that does it."""
        title = self.title.rpartition(" | ")[2]
        return f"{title}: {self.detail}" if self.detail else title

    def text(self, check_mode: bool) -> str | None:
        """Return what is printed when the task has ended; None when it is not worth a line."""
        seconds = self.ended - self.started
        hosts = self.ok + self.changed + len(self.failed) + self.ignored
        took = f" ({seconds:.0f} s)" if seconds >= NOTICEABLE else ""
        if self.failed:
            return f"  {self.title}: failed{took}"
        if self.silent or not hosts:
            return None
        if self.changed:
            word = "would change" if check_mode else "changed"
            share = f" on {self.changed} of {hosts}" if hosts > 1 else ""
            return f"  {self.title}: {word}{share}{took}"
        return f"  {self.title}: ok{took}" if took else None


class Tasks:
    """The tasks under way, by their uuid: one, or under a free strategy one on each host."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._names: dict[str, str] = {}

    def begin(self, task: Any) -> None:
        """Take up a task. Its name is templated only while that event lasts."""
        title = str(task.name or task.get_name()).strip().rpartition(" | ")[2]
        self._names[task._uuid] = f"{task._role.get_name()} | {title}" if task._role else title
        # One that was skipped may come again, in another round of an include.
        if (line := self.get(task)) and not line.running and not line.ended:
            del self._lines[task._uuid]
        self._line(task)

    def start(self, task: Any) -> None:
        """Note that a host begins its part of a task."""
        if line := self.get(task):
            line.running += 1

    def end(self, task: Any) -> None:
        """Note that a host has done its part of a task."""
        if line := self.get(task):
            line.running -= 1

    def get(self, task: Any) -> Line | None:
        """Return a task's line, if it is under way."""
        return self._lines.get(task._uuid)

    def name_of(self, task: Any) -> str:
        """Return a task's name, with the role that it belongs to."""
        return self._names.get(task._uuid, str(task.get_name()))

    def has_result(self, task: Any) -> Line:
        """Return the line of a task that has a result now."""
        line = self._line(task)
        line.ended = time.monotonic()
        return line

    def take_ended(self, all_of_them: bool) -> list[Line]:
        """Return the lines of the tasks that have ended, for the last time; others may be running in another lane."""
        taken = [uuid for uuid, line in self._lines.items() if all_of_them or line.ended]
        return [self._lines.pop(uuid) for uuid in taken]

    @property
    def under_way(self) -> str:
        """What is under way: of several tasks that run, the one that began first; empty if there is none."""
        running = (line for line in self._lines.values() if line.running and not line.silent)
        return next((line.under_way for line in running), "")

    def _line(self, task: Any) -> Line:
        return self._lines.setdefault(task._uuid, Line(self.name_of(task), time.monotonic(), is_silent(task)))


def action_of(task: Any) -> str:
    """Return the task's action without Ansible's own prefix."""
    return str(task.action).removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")


def is_silent(task: Any) -> bool:
    """Say whether only a failure of this task is worth a line."""
    action = action_of(task)
    return action in SILENT or isinstance(task, TaskInclude) or action.startswith("include_")
