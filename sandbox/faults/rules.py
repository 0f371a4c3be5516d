"""What a rule may say. All of it is checked when it is set: a fault that never strikes would prove nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Check = Callable[[Any], bool]


class RuleError(Exception):
    """What is wrong with a rule: one sentence with the remedy."""


@dataclass(frozen=True)
class Rule:
    """One rule: what it is about, when it strikes, and what happens then."""

    given: Mapping[str, Any]
    """As it was written."""
    kind: str
    """`call`, or what else it is about: `nat_gateway`, `instance`, `agent`, `session`, `allegrograph`."""
    action: str
    """What happens: `error`, `status`, `drop`, `delay` or `kill` to a call; to the others one of `OTHERS`."""
    after: int = 0
    times: int | None = 1
    share: float = 1.0
    seed: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    """Everything else that it says."""


@dataclass(frozen=True)
class _Key:
    """A key of a rule: what its value must be, in words and as a test."""

    words: str
    fits: Check


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _one_of(*allowed: Any) -> _Key:
    words = " or ".join(json.dumps(each) for each in allowed)
    return _Key(words, lambda value: any(value == each and type(value) is type(each) for each in allowed))


TEXT = _Key("a text that is not empty", lambda value: isinstance(value, str) and bool(value))
COUNT = _Key("a whole number, 0 or more", _count)
SECONDS = _Key("a number of seconds, 0 or more", lambda value: _number(value) and value >= 0)
WHEN = {
    "after": COUNT,
    "times": _Key("a whole number, 1 or more, or null for every time", lambda v: v is None or (_count(v) and v > 0)),
    "share": _Key("a number above 0, up to 1", lambda value: _number(value) and 0 < value <= 1),
    "seed": COUNT,
}
"""The keys that say which of the matching ones a rule strikes; every kind has them, unless it is a state."""
STATES = ("agent",)
"""Kinds whose rules hold as long as they stand: nothing is counted."""
STATUS = _Key("a whole number from 400 to 599", lambda value: _count(value) and 400 <= value <= 599)
CALL = {
    "operation": TEXT,
    "service": TEXT,
    "changing": _Key("true or false", lambda value: isinstance(value, bool)),
    "error": TEXT,
    "message": TEXT,
    "status": STATUS,
    "drop": _one_of("before", "after"),
    "delay": SECONDS,
    "kill": _Key("the id of a process group, 2 or more", lambda value: _count(value) and value > 1),
    "when": _one_of("after", "in_flight"),
    **WHEN,
}
OTHERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "nat_gateway": {"failed": ("code", "message")},
    "instance": {"dies_pending": (), "dies": ("seconds",)},
    "agent": {"never_online": (), "lost": ()},
    "session": {"cut": ("bytes",), "interrupted": ("bytes",)},
    "allegrograph": {"never_starts": (), "error": ("status",), "dies_in_query": ()},
}
"""Rules that are not about calls, by the key that tells the kind: its values, each with the keys that go with it."""
FAILURES: Mapping[str, str] = {
    "InternalError": "Network interface {interface}, created and used internally by this NAT gateway is in an invalid "
    "state. Please try again.",
    "InsufficientFreeAddressesInSubnet": "Subnet has insufficient free addresses to create this NAT gateway",
    "Gateway.NotAttached": "Network {vpc} has no Internet gateway attached",
    "InvalidAllocationID.NotFound": "Elastic IP address {allocation} could not be associated with this NAT gateway",
    "Resource.AlreadyAssociated": "Elastic IP address {allocation} is already associated",
    "InvalidSubnetID.NotFound": "The specified subnet {subnet} does not exist or could not be found.",
}
"""The failures of NAT gateways that AWS documents, each with its message."""
DETAILS: Mapping[str, _Key] = {
    "code": _one_of(*FAILURES),
    "message": TEXT,
    "seconds": SECONDS,
    "bytes": COUNT,
    "status": STATUS,
}
"""What the other kinds may say besides the name."""
PERSISTENT = ("never_starts", "error")
"""What happens to AllegroGraph every time, unless a rule says how often."""
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "kill": ("when", "delay"),
    "error": ("status", "message"),
    "drop": (),
    "status": (),
    "delay": (),
}
"""What may happen to a call, each with the keys that go with it; the first that a rule has is its action."""


def parse(text: str) -> list[Rule]:
    """Return the rules of a JSON list."""
    try:
        given = json.loads(text)
    except ValueError as reason:
        raise RuleError(f"The rules are not JSON ({reason}): write a list such as [{EXAMPLE}].") from None
    return rules_of(given)


EXAMPLE = '{"operation": "CreateVpc", "error": "RequestLimitExceeded"}'


def rules_of(given: Any) -> list[Rule]:
    """Return the rules that plain data mean, or raise `RuleError` for the first that is wrong."""
    if not isinstance(given, list):
        raise RuleError(f"The rules are not a list: write one such as [{EXAMPLE}].")
    return [_rule(each, number) for number, each in enumerate(given, 1)]


def _rule(given: Any, number: int) -> Rule:
    if not isinstance(given, dict):
        raise RuleError(f"Rule {number} is not an object: write one such as {EXAMPLE}.")
    try:
        kind = _kind(given)
        _check(given, _keys(kind))
        action = _call_action(given) if kind == "call" else str(given[kind])
        _go_together(given, action, ACTIONS if kind == "call" else OTHERS[kind])
    except RuleError as reason:
        raise RuleError(f"Rule {number} of the faults {reason}") from None
    values = {name: value for name, value in given.items() if name not in WHEN}
    always = "share" in given or (kind == "allegrograph" and action in PERSISTENT)
    return Rule(
        given=dict(given),
        kind=kind,
        action=action,
        after=given.get("after", 0),
        times=given.get("times", None if always else 1),
        share=given.get("share", 1.0),
        seed=given.get("seed", 0),
        values=values,
    )


def _kind(given: Mapping[str, Any]) -> str:
    kinds = [name for name in OTHERS if name in given]
    if len(kinds) > 1:
        raise RuleError(f"is about {' and '.join(kinds)} at once: write a rule for each.")
    return kinds[0] if kinds else "call"


def _keys(kind: str) -> Mapping[str, _Key]:
    """Return the keys that the rules of a kind may have."""
    if kind == "call":
        return CALL
    details = [name for names in OTHERS[kind].values() for name in names]
    own = {kind: _one_of(*OTHERS[kind]), "name": TEXT, **{name: DETAILS[name] for name in details}}
    return own if kind in STATES else own | WHEN


def _check(given: Mapping[str, Any], keys: Mapping[str, _Key]) -> None:
    for name, value in given.items():
        if name not in keys:
            raise RuleError(f"has the unknown key {json.dumps(name)}: it may have {', '.join(keys)}.")
        if not keys[name].fits(value):
            raise RuleError(f"has {json.dumps(value)} for {json.dumps(name)}: give {keys[name].words}.")


def _call_action(given: Mapping[str, Any]) -> str:
    """Return what a rule does to a call: one thing."""
    action = next((each for each in ACTIONS if each in given), None)
    if action is None:
        raise RuleError(f"does nothing: give it one of {', '.join(ACTIONS)}.")
    if action == "status" and given["status"] < 500:
        raise RuleError(f"has the status {given['status']} without an error: name one, or give 500 to 599.")
    if action == "kill" and "delay" in given and given.get("when") != "in_flight":
        raise RuleError('has a delay, which only a kill "in_flight" takes: leave it out, or add "when": "in_flight".')
    return action


def _go_together(given: Mapping[str, Any], action: str, actions: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a rule with a key that goes with another action."""
    companions = {name for names in actions.values() for name in names} | set(actions)
    for name in given:
        if name in companions and name != action and name not in actions[action]:
            raise RuleError(f"has {json.dumps(name)}, which does not go with {json.dumps(action)}: leave one out.")
