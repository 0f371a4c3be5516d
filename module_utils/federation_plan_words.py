"""A plan as people and scripts read it: a short table, what has to be known besides, and one closing line."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.module_utils.federation_leftovers import HOURS_A_MONTH, in_columns
from ansible.module_utils.federation_plan import ACTIONS, BEYOND, KEEP, MAKE, REMOVE, Entry

NUMBERED = re.compile(r"(.*-)([0-9]+)")
# From this many on, names that are numbered in a row are folded into the first and the last.
FOLDED_FROM = 3


def totals(entries: Sequence[Entry]) -> dict[str, float]:
    """Return what all of it costs: cost_hour and cost_month once `up` has ended, cost_hour_now; in USD."""
    after = sum(each.cost_hour or 0.0 for each in entries if each.action != REMOVE)
    return {
        "cost_hour": round(after, 4),
        "cost_month": round(after * HOURS_A_MONTH, 2),
        "cost_hour_now": round(sum(each.cost_now or 0.0 for each in entries), 4),
    }


def is_priced(entries: Iterable[Entry]) -> bool:
    """Tell whether the price of everything is known that costs something once `up` has ended."""
    return all(each.cost_hour is not None for each in entries if each.action != REMOVE)


def line(entries: Sequence[Entry]) -> str:
    """Return a plan as one line for scripts."""
    counts = ", ".join(f"{action} {sum(each.action == action for each in entries)}" for action in ACTIONS)
    cost, least = totals(entries), "" if is_priced(entries) else "at least "
    return (
        f"plan: {counts}; cost {least}{cost['cost_hour']:.2f} USD an hour, {least}{cost['cost_month']:.0f} a month, "
        f"now {cost['cost_hour_now']:.2f}"
    )


def table(entries: Sequence[Entry], notes: Sequence[str] = ()) -> str:
    """Return what changes in columns, what stays as one row, and the notes; nothing for nothing."""
    rows = [("", "what", "name", "USD an hour", "why")]
    for action in ACTIONS:
        some = [each for each in entries if each.action == action]
        if action == KEEP and some:
            rows.append((action, f"{len(some)} as they are", "", price(some), ""))
            continue
        for (kind, why), group in grouped(some):
            rows.append((action, kind, folded([each.name for each in group]), price(group), why))
    parts = [in_columns(rows)] if len(rows) > 1 else []
    return "\n".join([*parts, *([""] if parts and notes else []), *notes])


def grouped(entries: Iterable[Entry]) -> Iterator[tuple[tuple[str, str], list[Entry]]]:
    """Put those of a kind together that have the same reason; each where the first of them is."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for each in entries:
        groups.setdefault((each.kind, each.why), []).append(each)
    return iter(groups.items())


def price(entries: Iterable[Entry]) -> str:
    """Return what some things cost together; `?` where one of them has no known price, nothing for nothing."""
    costs = [each.cost_hour for each in entries]
    if any(each is None for each in costs):
        return "?"
    total = sum(each or 0.0 for each in costs)
    return f"{total:.4f}" if total else ""


def folded(names: Sequence[str]) -> str:
    """Return names as a list, those that are numbered in a row as in `agraph-member-0 … agraph-member-49`."""

    def row(indexed: tuple[int, str]) -> tuple[str, int]:
        found = NUMBERED.fullmatch(indexed[1])
        # In a row the number and the place grow together.
        return (found[1], int(found[2]) - indexed[0]) if found else (indexed[1], -1)

    parts: list[str] = []
    for _, group in itertools.groupby(enumerate(names), key=row):
        run = [name for _, name in group]
        parts += [f"{run[0]} … {run[-1]}"] if len(run) >= FOLDED_FROM else run
    return ", ".join(parts)


def notes(
    entries: Sequence[Entry], settings: Mapping[str, Any], instances: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return what has to be known besides, in sentences; `instances` are those that stay, by their names."""
    return [
        *end(entries, settings),
        *discarded(entries, settings),
        *unchanged(settings, instances),
        *unpriced(entries, settings),
        *others(entries, settings),
    ]


def end(entries: Sequence[Entry], settings: Mapping[str, Any]) -> Iterator[str]:
    """Say when its instances end themselves, and when a time to live comes too late."""
    stands = any(each.kind in ("VPC", "instance", "address") and each.action != MAKE for each in entries)
    if settings["ends"]:
        kept = ", whatever federation_ttl_hours says" if stands else ""
        yield f"Its instances end themselves at {settings['ends']}{kept}."
    elif stands and float(settings["ttl_hours"]) > 0:
        yield (
            "It stands without an end and keeps none: federation_ttl_hours is for a federation that is still to be "
            "made. Remove it yourself with down.yml."
        )


def discarded(entries: Sequence[Entry], settings: Mapping[str, Any]) -> Iterator[str]:
    """Say what is lost with members that go."""
    going = [each.name for each in entries if each.kind == "instance" and each.why == BEYOND]
    if going and settings["discard_data"]:
        yield f"With {folded(going)} go the triples that they hold: federation_discard_data is true."
    elif going:
        yield (
            f"Members that hold triples go only when you say so: with {folded(going)} they would be lost. "
            "Mean it with -e federation_discard_data=true"
        )


def unchanged(settings: Mapping[str, Any], instances: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Say which settings are for instances that are launched, where those that stay have others."""
    for setting, key in (("instance_type", "type"), ("key_name", "key_name")):
        given = settings[setting]
        others = [name for name, each in instances.items() if given and each[key] != given]
        if others:
            yield f"federation_{setting} {given} is for new instances: {folded(others)} keep what they have."


def unpriced(entries: Sequence[Entry], settings: Mapping[str, Any]) -> Iterator[str]:
    """Say what is not in the sum."""
    some = [each for each in entries if each.cost_hour is None and each.action != REMOVE]
    for (kind, _), group in grouped([each for each in some if each.kind == "instance"]):
        yield (
            f"The price of {settings['instance_type'] if group[0].action == MAKE else 'their type'} is not known here, "
            f"and not in the sum: {len(group)} {kind}{'s' if len(group) > 1 else ''}. Look at https://aws.amazon.com/ec2/pricing"
        )
    if any(each.kind == "volume" for each in some):
        yield "The size of the image's disk is not known, and its price not in the sum: 0.08 USD a GiB and month."


def others(entries: Sequence[Entry], settings: Mapping[str, Any]) -> Iterator[str]:
    """Say what makes a change felt, and what could not be looked at."""
    if any(each.kind == "AllegroGraph" and each.action != KEEP for each in entries):
        yield "AllegroGraph is changed on one node after the other; a query that needs the one fails meanwhile."
    if settings["not_asked"]:
        yield (
            f"{folded(settings['not_asked'])} could not be asked what is installed: up looks again, when their agents "
            "are online."
        )
