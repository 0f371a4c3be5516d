"""Holds the table of a plan against the tasks that check mode reports as changed: they have to say the same."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness import Run

# What up's tasks are called that see to a kind; {} is the thing's own name.
TASKS = {
    "VPC": ("Make the VPC {}", "Empty the VPC's own security group"),
    "internet gateway": ("Make the internet gateway {}",),
    "subnet": ("Make the subnet {}",),
    "route table": ("Make the route table {}", "Lead the members' way out through the gateway"),
    "address": ("Allocate the address {}", "Give the manager the address {}"),
    "NAT gateway": ("Start the gateway {}", "Delete the gateway that failed"),
    "security group": ("Make the security group {}",),
    "role": ("Make the role {}", "Let the nodes do what their agents need"),
    "instance profile": ("Make the instance profile {}",),
    "parameter": ("Have a password of AllegroGraph's superuser",),
    "key pair": ("Make the key pair {}", "Make the folder for the private key"),
    "bucket": ("Make the bucket {}",),
    "object": ("Let the nodes fetch AllegroGraph",),
    "instance": ("Make the instances",),
    "volume": ("Make the instances",),
    "AllegroGraph": ("Install AllegroGraph",),
}
# The private table is led through the gateway by a task that does not name it.
ONE_SIDED = {"Lead the members' way out through the gateway": "-private-routes"}


@dataclass(frozen=True)
class Row:
    """One row of the table: what becomes of things of a kind."""

    action: str
    kind: str
    names: tuple[str, ...]
    why: str

    def is_said_by(self, title: str, name: str) -> bool:
        """Tell whether a task that changed something is one of those that see to the thing of that name."""
        fitting = (task for task in TASKS[self.kind] if ONE_SIDED.get(task, "") in name)
        return any(title.startswith(task.format(name)) for task in fitting)


def rows(run: Run) -> list[Row]:
    """Read the table that a run has printed; what stays is not in it."""
    lines = iter(run.stdout.splitlines())
    head = next((line for line in lines if re.fullmatch(r"\s+what\s+name\s+USD an hour(\s+why)?", line)), "")
    starts = [head.find(word) for word in ("what", "name", "USD an hour", "why")]
    found = []
    for line in lines:
        if not line.startswith(("make ", "change ", "remove ")):
            break
        kind, name, _, why = (line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True))
        names = tuple(re.split(r", | … ", name))
        found.append(Row(line.split()[0], kind, names, why))
    return found


def disagreements(run: Run) -> list[str]:
    """Return what a check mode's tasks and its table do not both say."""
    planned = [(row, name) for row in rows(run) for name in row.names]
    unplanned = [title for title in run.changes if not any(row.is_said_by(title, name) for row, name in planned)]
    undone = [each for each in planned if not any(each[0].is_said_by(title, each[1]) for title in run.changes)]
    return [
        *(f"not in the list: {title}" for title in unplanned),
        *(f"in no task: {name}, {row}" for row, name in undone),
    ]
