"""What a person reads who has interrupted a run: what stands, and how to go on or to get rid of it."""

from __future__ import annotations

from collections.abc import Sequence


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
    if verb == "load":
        return (
            "load was interrupted. What was loaded until then stays, and is not loaded twice: go on with "
            f"ansible-playbook load.yml {which}"
        )
    return f"{verb} was interrupted."
