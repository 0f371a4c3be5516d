"""EC2 instances that carry the same tags: what there is of them, and waiting until each is in its state."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.aws_answers import all_of

Record = dict[str, Any]
POLL_SECONDS = 1.0
DEAD = {"shutting-down", "terminated"}
# Who stopped an instance is told by the code's beginning; where it was EC2 itself, it never ran.
BY_EC2 = "Server."
ON = "repeat the run, it goes on from here"


class InstanceError(Exception):
    """A sentence that says which instance is not as wanted, and what to do."""


def tags_of(instance: Record) -> dict[str, str]:
    """Return an instance's tags as a dictionary."""
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}


def state_of(instance: Record) -> str:
    """Return the name of an instance's state."""
    return str(instance["State"]["Name"])


def described(client: Any, scope: Mapping[str, str]) -> list[Record]:
    """Describe all instances with these tags, the dead included as long as EC2 shows them."""
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in scope.items()]
    found = all_of(client, "describe_instances", "Reservations[].Instances[]", Filters=filters)
    return [each for each in found if scope.items() <= tags_of(each).items()]


def title(instance: Record, identity: str, names: Mapping[str, str]) -> str:
    """Return what to call an instance in a sentence: the name that the caller has for it, or else its tag."""
    name = names.get(identity) or tags_of(instance).get("Name", "An instance")
    return f"{name} ({identity})"


def wait_for(
    look: Callable[[], list[Record]],
    states: Mapping[str, str],
    timeout: float,
    names: Mapping[str, str],
    remedy: str = ON,
) -> dict[str, Record]:
    """Look until each instance is in its state, and return all that was seen last, by id.

    One that EC2 does not show is not there yet, or no longer. Raises InstanceError when one cannot come into its state,
    or the time, in seconds, is over; `remedy` is what to do then.
    """
    deadline = time.monotonic() + timeout
    while True:
        found = {each["InstanceId"]: each for each in look()}
        unseen = {each: "terminated" if state in DEAD else "unknown to EC2" for each, state in states.items()}
        now = {each: state_of(found[each]) if each in found else unseen[each] for each in states}
        late = {each: state for each, state in now.items() if state != states[each]}
        if not late:
            return found
        for identity, state in late.items():
            if problem := _problem(found.get(identity, {}), state, states[identity]):
                raise InstanceError(f"{title(found.get(identity, {}), identity, names)} {problem}.")
        if time.monotonic() > deadline:
            said = ", ".join(
                f"{title(found.get(each, {}), each, names)} is still {state}" for each, state in sorted(late.items())
            )
            raise InstanceError(f"{said} after {timeout} s: {remedy}.")
        time.sleep(POLL_SECONDS)


def _problem(instance: Record, state: str, wanted: str) -> str:
    """Say why an instance is not going to come into the wanted state; nothing if it may."""
    reason = instance.get("StateReason", {})
    said = str(reason.get("Message", "no reason given")).rstrip(".")
    if state in DEAD and wanted not in DEAD:
        return f"died before it was {wanted}: {said}"
    if state == "stopped" and wanted == "running" and str(reason.get("Code", "")).startswith(BY_EC2):
        return f"could not be started: {said}"
    return ""
