"""How a federation is, in a table and a line: as far as AWS's describe calls tell, or by a whole document."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from ansible.module_utils.federation_leftovers import ALL, MOMENT, age, costly, in_columns

Record = dict[str, Any]

# The worst first.
STATES = ("overdue", "partly", "stopped", "ready", "absent")


def status(name: str, found: Sequence[Record], member_count: int) -> Record:
    """Sum up what was found of one federation, or of `all`."""
    instances = [each for each in found if each["kind"] == "instance"]
    ages = [each["age"] for each in found if each["age"] is not None]
    return {
        "federation": name,
        "state": state(found, member_count),
        "instances": len(instances),
        "age": max(ages, default=None),
        "ends": min((each["ends"] for each in found if each["ends"]), default=""),
        "cost": round(sum(each["cost"] or 0.0 for each in found), 4),
    }


def state(found: Sequence[Record], member_count: int) -> str:
    """Say how one federation is, or the worst of several."""
    return min(
        (_state_of_one(each, member_count) for each in by_federation(found).values()),
        key=STATES.index,
        default="absent",
    )


def _state_of_one(found: Sequence[Record], member_count: int) -> str:
    if any(each["overdue"] for each in found):
        return "overdue"
    instances = [each for each in found if each["kind"] == "instance"]
    if instances and all(each["state"] in ("stopping", "stopped") for each in instances):
        return "stopped"
    roles = [each["role"] for each in instances if each["state"] == "running"]
    gateways = [each["state"] for each in found if each["kind"] == "NAT gateway"]
    runs = len(roles) == len(instances) and "manager" in roles and roles.count("member") >= member_count
    return "ready" if runs and "available" in gateways else "partly"


def by_federation(found: Sequence[Record]) -> dict[str, list[Record]]:
    """Return what was found of each federation."""
    each_one: dict[str, list[Record]] = {}
    for each in found:
        each_one.setdefault(each["federation"], []).append(each)
    return each_one


def table(found: Sequence[Record], now: datetime.datetime) -> str:
    """Return the instances in columns and a line on the rest, for each federation; nothing for nothing."""
    return "\n\n".join(_table_of_one(name, each, now) for name, each in by_federation(found).items())


def _table_of_one(name: str, found: Sequence[Record], now: datetime.datetime) -> str:
    instances = [each for each in found if each["kind"] == "instance"]
    rest = [each for each in found if each["kind"] != "instance"]
    rows = [("name", "id", "state", "address", "age", "ends")]
    for each in sorted(instances, key=lambda each: (each["role"], len(each["name"]), each["name"])):
        cells = (
            each["name"] or "-",
            each["id"],
            each["state"],
            each["address"] or "-",
            age(each["age"]),
            ending(each, now),
        )
        rows.append(cells)
    lines = [in_columns(rows) if instances else f"{name} has no instances."]
    if costs := costly(rest):
        lines.append(f"Besides, at so much an hour: {costs}.")
    if free := sum(each["cost"] == 0.0 for each in rest):
        lines.append(f"Besides, for nothing: {free} more, which leftovers.yml lists.")
    if any(each["overdue"] for each in found):
        lines.append(
            f"Its time was over at {found[0]['ends']}. Remove what stands with: "
            f"ansible-playbook down.yml -e federation_name={name}"
        )
    return "\n".join(lines)


def ending(it: Record, now: datetime.datetime) -> str:
    """Say when something ends, as in `in 3 h`."""
    if it["overdue"]:
        return "overdue"
    if not it["ends"]:
        return "never"
    ends = datetime.datetime.strptime(it["ends"], MOMENT).replace(tzinfo=datetime.UTC)
    return f"in {age(int((ends - now).total_seconds()))}"


def line(it: Record) -> str:
    """Return a status as one line for scripts."""
    words = {
        "federation": it["federation"],
        "state": it["state"],
        "instances": it["instances"],
        "age": age(it["age"]).replace(" ", ""),
        "ends": it["ends"] or ("-" if it["state"] == "absent" else "never"),
        "cost": f"{it['cost']:.4f}",
    }
    return "status: " + " ".join(f"{name}={value}" for name, value in words.items())


def table_of(document: Record) -> str:
    """Return the nodes of a document in columns, and what a person should see to."""
    if not document["nodes"]:
        return ""
    rows = [("name", "id", "state", "agent", "AllegroGraph", "triples", "address", "age")]
    for node in document["nodes"]:
        cells = (
            node["name"] or node["role"] + ("" if node["index"] is None else f" {node['index']}"),
            node["id"] or "-",
            node["state"],
            node["agent"]["state"] if node["agent"] else "-",
            node["server"]["version"] or node["problem"] or "-",
            "-" if node["statements"] is None else f"{node['statements']:,}",
            node["public_address"] or node["private_address"] or "-",
            age(node["age"]),
        )
        rows.append(cells)
    seen_to = [f"{each['sentence']} See to it with: {each['remedy']}" for each in document["problems"]]
    return "\n".join([in_columns(rows), *seen_to])


def line_of(document: Record) -> str:
    """Return a document as one line for scripts: that of a status, and the members' triples."""
    summed_up = {
        **{name: document[name] for name in ("federation", "state", "age", "ends")},
        "instances": sum(bool(node["id"]) for node in document["nodes"]),
        "cost": document["cost"]["hourly"],
    }
    return f"{line(summed_up)} triples={document['statements'] if document['statements_known'] else '?'}"


def wanted_members(name: str, member_count: int) -> int:
    """Return how many members make a federation whole; of all of them nobody knows, so one must do."""
    return 1 if name == ALL else member_count
