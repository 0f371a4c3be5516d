"""One table of delays: how long the sandbox lets things take, in seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class Latency:
    """Seconds per event. The defaults are those of the table ``fast``: what AWS counts in seconds takes tenths."""

    instance_pending: float = 0.3
    """RunInstances or StartInstances to ``running``."""
    instance_boot: float = 0.2
    """``running`` to the start of user data and services."""
    agent_online: float = 0.5
    """Boot to the SSM agent's registration; one that is started anew later registers at once."""
    agent_retry: float = 0.3
    """An agent that could not reach the gateway tries again after this."""
    agent_ping: float = 1.0
    """Between two signs of life of an agent; after three without one its connection counts as broken."""
    agent_connection_lost: float = 2.0
    """From an agent's last sign of life until it is reported as ``ConnectionLost``."""
    instance_stopping: float = 0.5
    """StopInstances to ``stopped``."""
    instance_shutting_down: float = 0.5
    """TerminateInstances to ``terminated``."""
    instance_status_checks: float = 2.0
    """``running`` until the status checks say ``ok``."""
    instance_visible: float = 600.0
    """A terminated instance still shows for so long."""
    nat_gateway_create: float = 1.0
    """``pending`` to ``available`` (or ``failed``)."""
    nat_gateway_delete: float = 0.7
    """``deleting`` to ``deleted``."""
    nat_gateway_visible: float = 600.0
    """A deleted or failed gateway still shows for so long."""
    instance_profile_propagation: float = 1.0
    """A new instance profile is unknown to RunInstances for so long."""
    creation_visible: float = 0.2
    """What was created late is unknown to describes by its id, and missing in lists, for so long."""
    creation_late_each: int = 12
    """One in so many creations is late: a number and no delay, 1 for every one.

    Few where things are fast: amazon.aws's waiters look again after five seconds, so that each one late would double
    the time of an up.
    """
    credentials_lifetime: float = 6 * 3600.0
    """The metadata service's temporary credentials are good for so long."""


TABLES: Mapping[str, Latency] = {
    "fast": Latency(),
    "aws": Latency(
        instance_pending=4.9,
        instance_boot=15.0,
        agent_online=75.0,
        agent_retry=60.0,
        agent_ping=60.0,
        agent_connection_lost=300.0,
        instance_stopping=30.0,
        instance_shutting_down=45.0,
        instance_status_checks=150.0,
        instance_visible=3600.0,
        nat_gateway_create=105.0,
        nat_gateway_delete=50.0,
        nat_gateway_visible=3600.0,
        instance_profile_propagation=15.0,
        creation_visible=1.0,
        creation_late_each=1,
    ),
}
COUNTS = ("creation_late_each",)
"""What is no delay, but how many."""


def latency(text: str) -> Latency:
    """Return a table by its name, with single delays changed: ``fast,nat_gateway_delete=10``."""
    name, *changes = text.split(",")
    if name not in TABLES:
        raise ValueError(f"{name} is not a table of delays: choose {' or '.join(TABLES)}.")
    known = [field.name for field in fields(Latency)]
    changed: dict[str, Any] = {}
    for change in changes:
        event, _, number = change.partition("=")
        if event not in known:
            raise ValueError(f"{event} is not a delay: choose from {', '.join(known)}.")
        changed[event] = _count(event, number) if event in COUNTS else _seconds(event, number)
    return replace(TABLES[name], **changed) if changed else TABLES[name]


def _seconds(event: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{event} needs a number of seconds, for example {event}=10.")
    return seconds


def _count(event: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f"{event} needs a whole number from 1, for example {event}=10.")
    return int(text)
