"""What the screen says about a task that has ended: one short line, or none."""

from __future__ import annotations

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
    # How far it is: an item of its loop, an attempt.
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


def action_of(task: Any) -> str:
    """Return the task's action without Ansible's own prefix."""
    return str(task.action).removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")


def is_silent(task: Any) -> bool:
    """Say whether only a failure of this task is worth a line."""
    action = action_of(task)
    return action in SILENT or isinstance(task, TaskInclude) or action.startswith("include_")
