"""The limit: the longest chain of AWS's delays that the dependencies force, whoever makes and removes the federation.

Each step begins when all steps before it are done, and takes what the table of delays says and not a moment more: calls
are free, and so are the controller and the servers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.latency import Latency


@dataclass(frozen=True)
class Step:
    """Something that takes time, or a moment that waits for several such things."""

    name: str
    seconds: float
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Span:
    """When a step begins and ends, in seconds from the start."""

    name: str
    begin: float
    end: float
    cause: str | None
    """The step that it had to wait for longest."""


class CircleError(Exception):
    """Steps that wait for one another, or for one that is not there."""


def schedule(steps: Sequence[Step]) -> dict[str, Span]:
    """Return when each step begins at the earliest, and ends."""
    spans: dict[str, Span] = {}
    waiting = list(steps)
    while waiting:
        ready = [step for step in waiting if all(each in spans for each in step.after)]
        if not ready:
            raise CircleError(f"Nothing comes before {', '.join(step.name for step in waiting)}.")
        for step in ready:
            cause = max(step.after, key=lambda each: spans[each].end, default=None)
            begin = spans[cause].end if cause else 0.0
            spans[step.name] = Span(step.name, begin, begin + step.seconds, cause)
        waiting = [step for step in waiting if step.name not in spans]
    return spans


def chain(spans: dict[str, Span]) -> list[Span]:
    """Return the longest chain, from its first step to its last."""
    found: list[Span] = []
    # Of several that end last, the one that nothing waits for.
    last: Span | None = max(reversed(spans.values()), key=lambda span: span.end, default=None)
    while last is not None:
        found.insert(0, last)
        last = spans[last.cause] if last.cause else None
    return found


def length(steps: Sequence[Step]) -> float:
    """Return how long all steps take at least."""
    return max((span.end for span in schedule(steps).values()), default=0.0)


def making(delays: Latency) -> list[Step]:
    """Return what AWS takes its time for between an empty account and the first answer.

    The number of members is no part of it: any number can be asked for at once. A create call's own answer tells what
    the next call needs; only what has to be *seen* can be seen late.
    """
    return [
        # RunInstances refuses a profile that it does not know yet.
        Step("instance profile usable", delays.instance_profile_propagation),
        # The members' way out; the route to it can stand before it is there.
        Step("NAT gateway available", delays.nat_gateway_create),
        Step("instances running", delays.instance_pending, ("instance profile usable",)),
        # A public address can only be given to an instance that runs, which somebody has to see.
        Step("instances visible", delays.creation_visible, ("instance profile usable",)),
        Step("manager's address given", 0.0, ("instances running", "instances visible")),
        Step("instances booted", delays.instance_boot, ("instances running",)),
        # The agents need their time on the node, and a way out when it is over, not before.
        Step("agents started", delays.agent_online, ("instances booted",)),
        Step("members' agents online", 0.0, ("agents started", "NAT gateway available")),
        Step("manager's agent online", 0.0, ("agents started", "manager's address given")),
        Step("answer", 0.0, ("members' agents online", "manager's agent online")),
    ]


def removing(delays: Latency) -> list[Step]:
    """Return what AWS takes its time for between a whole federation and an empty account."""
    return [
        Step("instances terminated", delays.instance_shutting_down),
        # Its going waits for nothing; what waits for it are its address and its subnet.
        Step("NAT gateway deleted", delays.nat_gateway_delete),
        Step("security groups deleted", 0.0, ("instances terminated",)),
        Step("addresses released", 0.0, ("instances terminated", "NAT gateway deleted")),
        Step("internet gateway detached", 0.0, ("addresses released",)),
        Step("subnets deleted", 0.0, ("instances terminated", "NAT gateway deleted")),
        Step("VPC deleted", 0.0, ("subnets deleted", "internet gateway detached", "security groups deleted")),
    ]


def steps_of(verb: str, delays: Latency) -> list[Step]:
    """Return the steps of a verb; those that only look, or find everything there, wait for nothing."""
    return {"up": making, "down": removing}[verb](delays) if verb in ("up", "down") else []
