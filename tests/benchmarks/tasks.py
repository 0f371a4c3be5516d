"""What Ansible says of a verb's tasks, as the callback noted it, and the processor time that fell into each."""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Samples = Sequence[Sequence[float]]


@dataclass
class Task:
    """A task from its beginning to its last host's result, in seconds from the verb's start."""

    play: str
    role: str
    name: str
    action: str
    begin: float
    end: float
    hosts: int = 0
    skipped: int = 0
    tries: int = 0
    cpu: float = 0.0
    """What the controller's processes used meanwhile, in seconds."""

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"{self.role} | {self.name}" if self.role else self.name

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin

    @property
    def ran(self) -> bool:
        """Whether any host did it."""
        return self.hosts > self.skipped


def read(lines: Iterable[str], start: float) -> list[Task]:
    """Return the tasks in order, of a verb that was started at that time."""
    tasks: dict[int, Task] = {}
    play = ""
    for line in lines:
        event = json.loads(line)
        now = event["time"] - start
        match event["event"]:
            case "play":
                play = event["name"]
            case "task":
                tasks[event["number"]] = Task(play, event["role"], event["name"], event["action"], now, now)
            case "result" if event["number"] in tasks:
                task = tasks[event["number"]]
                task.end = now
                if event["status"] == "retried":
                    task.tries += 1
                else:
                    task.hosts += 1
                    task.skipped += event["status"] == "skipped"
    return list(tasks.values())


def used(samples: Samples, begin: float, end: float) -> float:
    """Return the processor time between two moments, taken as even between two samples."""
    return max(0.0, _until(samples, end) - _until(samples, begin))


def _until(samples: Samples, moment: float) -> float:
    times = [sample[0] for sample in samples]
    index = bisect.bisect_right(times, moment)
    if index == 0:
        return 0.0
    before = samples[index - 1]
    if index == len(samples):
        return before[1]
    after = samples[index]
    return before[1] + (after[1] - before[1]) * (moment - before[0]) / (after[0] - before[0])


def with_processor_time(tasks: list[Task], samples: Samples) -> list[Task]:
    """Note for each task what was used while it was under way."""
    for task in tasks:
        task.cpu = round(used(samples, task.begin, task.end), 2)
    return tasks
