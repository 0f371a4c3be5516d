"""What a person reads who has interrupted a run: what stands, and how to go on or to get rid of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from typing import Any


def interrupted(verb: str, federation: str, changes: Sequence[str]) -> str:
    """Return the sentence for a verb that was interrupted after the tasks that changed something, in their order."""
    which = f"-e federation_name={federation}"
    see = f"see it with ansible-playbook leftovers.yml {which}"
    remove = f"ansible-playbook down.yml {which}"
    count = f"{len(changes)} change{'' if len(changes) == 1 else 's'}"
    came_to = f" ({count}, the last: {changes[-1]})" if changes else ""
    if verb == "up":
        return (
            f"up was interrupted. What it had made until then{came_to} stands, and is paid for: {see}, go on with "
            f"ansible-playbook up.yml {which}, or remove it with {remove}"
        )
    if verb == "down":
        return (
            f"down was interrupted. What it had not removed until then{came_to} stands, and is paid for: {see}, and "
            f"go on with {remove}"
        )
    if verb in ("stop", "start"):
        return (
            f"{verb} was interrupted, and what AWS had been asked for until then goes on there: see it with "
            f"ansible-playbook status.yml {which}, and go on with ansible-playbook {verb}.yml {which}"
        )
    if verb == "load":
        return (
            "load was interrupted. What was loaded until then stays, and is not loaded twice: go on with "
            f"ansible-playbook load.yml {which}"
        )
    return f"{verb} was interrupted."


def watch(process: int, handle: Callable[[int], bool]) -> None:
    """Have a process told of Ctrl-C and of being ended, before whoever was told of it until now.

    What is handled ends there. A worker has these handlers, too, until it has its own, and nobody is told there.
    """

    def wrapped(before: Any) -> Any:
        def handler(number: int, frame: Any) -> None:
            if os.getpid() == process and handle(number):
                return
            if callable(before):
                before(number, frame)

        return handler

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, wrapped(signal.getsignal(number)))
