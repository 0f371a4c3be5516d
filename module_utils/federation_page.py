"""What the page says, of the document alone: each sentence, number and length is made here, the template has none."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from ansible.module_utils.federation_cloud import counted
from ansible.module_utils.federation_document import MEMBER, label
from ansible.module_utils.federation_leftovers import HOURS_A_MONTH, MOMENT
from ansible.module_utils.federation_topology import WIDTHS, drawing
from ansible.module_utils.federation_words import counted_triples, dollars, many, moment, span

Record = dict[str, Any]

# What stands in a cell that has nothing.
NOTHING = "-"
# Problems that are seen at once; the others are opened by a click.
PROBLEMS_AT_ONCE = 6
# Bars that are seen at once; beyond, each repository but the first is opened by a click.
BARS_AT_ONCE = 60
WORDS = {"ready": "Healthy", "partly": "Needs attention", "overdue": "Overdue", "absent": "Absent"}
TONES = {"ready": "well", "partly": "down", "overdue": "down", "absent": "plain"}


def page(document: Record) -> Record:
    """Return everything that the template writes down."""
    remedies = {each["remedy"] for each in document["leftovers"]}
    return {
        "title": f"{document['federation']}: {WORDS[document['state']].lower()}",
        "federation": document["federation"],
        "place": f"{document['region']} · account {document['account']}",
        "made": moment(document["made"]),
        "verdict": {"word": _verdict(document), "tone": _tone(document)},
        "tiles": [_health(document), _data(document), _cost(document), _lifetime(document)],
        "problems": document["problems"][:PROBLEMS_AT_ONCE],
        "more_problems": document["problems"][PROBLEMS_AT_ONCE:],
        "drawings": [drawing(document, kind) for kind in WIDTHS] if document["nodes"] else [],
        "description": _description(document),
        "charts": list(_charts(document)),
        "no_charts": _no_charts(document),
        "nodes": [_row(node) for node in document["nodes"]],
        "costs": _costs(document),
        # Where one command helps against all, it is said once.
        "leftovers_remedy": remedies.pop() if len(remedies) == 1 and len(document["leftovers"]) > 1 else "",
        "leftovers": [_leftover(each) for each in document["leftovers"]],
        "free": _free(document["free"]),
    }


def _free(number: int) -> str:
    if not number:
        return ""
    return f"{counted(number, 'thing')} {'stands' if number == 1 else 'stand'} for nothing"


def _tone(document: Record) -> str:
    severe = any(each["severity"] == "down" for each in document["problems"])
    return (
        "unsure" if document["state"] == "partly" and document["problems"] and not severe else TONES[document["state"]]
    )


def _down(document: Record) -> list[str]:
    return [label(node) for node in document["nodes"] if node["condition"] == "down"]


def _verdict(document: Record) -> str:
    down = _down(document)
    if document["state"] != "partly" or not down:
        return WORDS[document["state"]]
    return f"{down[0]} is down" if len(down) == 1 else f"{len(down)} nodes are down"


def _health(document: Record) -> Record:
    nodes, down = document["nodes"], _down(document)
    tile = {"label": "Health", "tone": _tone(document), "share": None}
    if not nodes:
        return {**tile, "value": "No instances", "detail": "Nothing runs that could answer."}
    well = sum(node["condition"] == "well" for node in nodes)
    detail = ", ".join(down[:4]) + (f" and {len(down) - 4} more" if len(down) > 4 else "")
    detail = f"Down: {detail}" if down else "All answer" if well == len(nodes) else "Not all is known"
    return {**tile, "value": f"{well} of {len(nodes)} well", "detail": f"{detail}{_versions(nodes)}"}


def _versions(nodes: Sequence[Record]) -> str:
    versions = sorted({node["server"]["version"] for node in nodes if node["server"]["version"]})
    return f" · AllegroGraph {' and '.join(versions)}" if versions else ""


def _data(document: Record) -> Record:
    members = [node for node in document["nodes"] if node["role"] == MEMBER]
    number = len(document["repositories"])
    detail = f"{counted_repositories(number)} on {counted(len(members), 'member')}"
    known = document["statements_known"]
    unknown = sum(node["statements"] is None for node in members)
    least = "" if known else "at least "
    return {
        "label": "Data",
        "tone": "plain" if known else "unsure",
        "share": None,
        "value": f"{least}{counted_triples(document['statements'], short=True)}" if members else "No data",
        "detail": detail if known else f"{detail}; {counted(unknown, 'member')} not counted",
    }


def counted_repositories(number: int) -> str:
    """Return a number of repositories in words."""
    return "1 repository" if number == 1 else f"{number} repositories"


def _cost(document: Record) -> Record:
    cost = document["cost"]
    month = dollars(cost["hourly"] * HOURS_A_MONTH, 0)
    return {
        "label": "Cost",
        "tone": "plain",
        "share": None,
        "value": f"{dollars(cost['hourly'])} USD an hour",
        "detail": f"about {dollars(cost['so_far'])} USD so far · {month} a month, estimated",
    }


def _lifetime(document: Record) -> Record:
    tile: Record = {"label": "Lifetime", "tone": "plain", "share": None}
    age = document["age"]
    stands = f"stands for {span(age)}" if age is not None else "nothing stands"
    if not document["ends"]:
        return {**tile, "value": "No end set" if document["nodes"] else "None", "detail": stands}
    left = _left(document)
    until = moment(document["ends"])
    if document["overdue"] or left <= 0:
        return {**tile, "tone": "down", "value": f"{span(left)} overdue", "detail": f"ended {until}"}
    share = round(100 * (age or 0) / ((age or 0) + left), 1)
    return {**tile, "value": f"{span(left)} left", "detail": f"until {until} · {stands}", "share": share}


def _left(document: Record) -> int:
    ends, made = (datetime.datetime.strptime(document[name], MOMENT) for name in ("ends", "made"))
    return int((ends - made).total_seconds())


def _description(document: Record) -> str:
    """Say the drawing in words."""
    network, nodes = document["network"], document["nodes"]
    said = [f"{label(node)} {'well' if node['condition'] == 'well' else node['problem']}" for node in nodes]
    vpc = network["vpc"]
    subnets = ", ".join(f"{'public' if each['public'] else 'private'} {each['cidr']}" for each in network["subnets"])
    gateway = network["nat_gateway"]
    return (
        f"VPC {vpc['cidr'] if vpc else 'missing'} with the subnets {subnets or 'missing'}; "
        f"NAT gateway {gateway['state'] if gateway else 'missing'}; {', '.join(said)}."
    )


def _charts(document: Record) -> Iterator[Record]:
    repositories = document["repositories"]
    at_once = sum(len(each["members"]) for each in repositories) <= BARS_AT_ONCE
    for number, each in enumerate(repositories):
        greatest = max((one["statements"] or 0 for one in each["members"]), default=0)
        catalog = "" if each["catalog"] == "/" else f"{each['catalog']}:"
        unknown = sum(one["statements"] is None for one in each["members"])
        yield {
            "name": f"{catalog}{each['name']}",
            "total": counted_triples(each["statements"])
            + (f" and what {counted(unknown, 'member')} may hold" if unknown else ""),
            "open": at_once or number == 0,
            "bars": [_bar(one, greatest) for one in each["members"]],
        }


def _bar(one: Record, greatest: int) -> Record:
    number = one["statements"]
    if number is None:
        return {"label": one["node"], "share": 0, "value": "not known", "known": False}
    share = round(100 * number / greatest, 3) if greatest else 0
    return {"label": one["node"], "share": share, "value": many(number), "known": True}


def _no_charts(document: Record) -> str:
    if document["repositories"]:
        return ""
    known = document["statements_known"] and document["nodes"]
    return "No member has a repository." if known else "No member has said what it holds."


def _row(node: Record) -> Record:
    agent, server = node["agent"] or {"state": NOTHING, "version": ""}, node["server"]
    says = "no answer" if server["asked"] else "not asked"
    cells = [
        ("instance", "Instance", node["state"], " · ".join(each for each in (node["type"], node["zone"]) if each)),
        ("server", "AllegroGraph", server["version"] or says, ""),
        ("triples", "Triples", "not known" if node["statements"] is None else many(node["statements"]), ""),
        ("agent", "Agent", agent["state"], agent["version"]),
        ("address", "Address", node["public_address"] or node["private_address"] or NOTHING, ""),
        ("disk", "Disk", " + ".join(f"{each['gib']} GiB" for each in node["volumes"]) or NOTHING, ""),
        ("age", "Runs for", span(node["age"]) if node["age"] is not None else NOTHING, ""),
    ]
    return {
        "label": label(node),
        "name": node["name"],
        "id": node["id"] or NOTHING,
        "condition": node["condition"],
        "word": {"well": "well", "unsure": node["problem"], "down": f"down: {node['problem']}"}[node["condition"]],
        "cells": [dict(zip(("kind", "title", "main", "more"), each)) for each in cells],
    }


def _costs(document: Record) -> Record:
    cost = document["cost"]
    rows = [
        {
            "what": counted(each["number"], each["kind"]),
            "hourly": f"{each['hourly']:.4f}",
            "so_far": f"{each['so_far']:,.2f}",
        }
        for each in cost["parts"]
    ]
    return {
        "rows": rows,
        "hourly": f"{cost['hourly']:.4f}",
        "so_far": f"{cost['so_far']:,.2f}",
        "unknown": ", ".join(cost["unknown"]),
    }


def _leftover(each: Record) -> Record:
    costs = "for a price not known" if each["cost"] is None else "for nothing"
    costs = f"for {each['cost']:.4f} USD an hour" if each["cost"] else costs
    age = f" since {span(each['age'])}" if each["age"] is not None else ""
    return {
        "kind": each["kind"],
        "name": each["name"] or NOTHING,
        "id": each["id"],
        "detail": f"stands{age} {costs}",
        "remedy": each["remedy"],
    }
