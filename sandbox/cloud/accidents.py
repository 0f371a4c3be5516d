"""What goes wrong on purpose with what an account has: where the backends ask the rules of the faults in force."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import context
from sandbox.faults.questions import EVENTS
from sandbox.faults.rules import FAILURES, Rule
from sandbox.world import Fault


def name_of(backend: Any, resource_id: str) -> str:
    """Return the tag Name of a resource of EC2."""
    return str(backend.tags.get(resource_id, {}).get("Name", ""))


def strike(backend: Any, resource_id: str, kind: str, *actions: str) -> Rule | None:
    """Count something that happens to a resource, and return the rule that strikes it, if one does."""
    return context.current().faults.strike(kind, actions, lambda: name_of(backend, resource_id))


def gateway_failure(gateway: Any) -> tuple[str, str] | None:
    """Return with which code and message a NAT gateway that was just asked for will fail, or None."""
    rule = strike(gateway.ec2_backend, gateway.id, "nat_gateway", "failed")
    if rule is None:
        return None
    code = rule.values.get("code", "InternalError")
    message = FAILURES[code].format(
        interface=gateway.interface.id,
        vpc=gateway.vpc_id,
        subnet=gateway.subnet_id,
        allocation=gateway.elastic.allocation_id if gateway.elastic else "",
    )
    return code, rule.values.get("message", message)


def dies_pending(instance: Any) -> bool:
    """Tell whether an instance that was just launched will not get to run."""
    return strike(instance.ec2_backend, instance.id, "instance", "dies_pending") is not None


def seconds_to_live(instance: Any) -> float | None:
    """Return how long an instance that is running now will be, or None when nothing ends it."""
    rule = strike(instance.ec2_backend, instance.id, "instance", "dies")
    return None if rule is None else float(rule.values.get("seconds", 0))


def never_online(instance: Any) -> bool:
    """Tell whether the agent of an instance that boots now is never to register."""
    faults = context.current().faults
    return faults.holds("agent", "never_online", instance.id, lambda: name_of(instance.ec2_backend, instance.id))


def of_server(instance: Any) -> Fault:
    """Return what answers the questions of the AllegroGraph on an instance."""
    faults, backend = context.current().faults, instance.ec2_backend

    def fault(event: str) -> dict[str, Any] | None:
        action = EVENTS.get(event)
        rule = faults.strike("allegrograph", [action] if action else [], lambda: name_of(backend, instance.id))
        return None if rule is None else dict(rule.values)

    return fault
