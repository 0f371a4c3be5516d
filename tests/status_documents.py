"""Documents of federations as status.yml writes them, and their pages: for tests, and for the pictures in docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pretended_agraph  # makes the modules' common code importable
from ansible.module_utils.federation_document import document
from ansible.module_utils.federation_page import page

TEMPLATES = pretended_agraph.ROOT / "roles" / "status" / "templates"
MADE, LAUNCHED = "2026-11-26T14:05:00Z", "2026-11-26T09:52:40Z"
AGE = 15_140
REGION, ZONE = "us-west-2", "us-west-2a"

Record = dict[str, Any]


def instance(role: str, index: int | None = None, **details: Any) -> Record:
    number = 0 if index is None else index + 1
    known: Record = {
        **{"id": f"i-0{0x5A3C19E47B0D2F60 + 7919 * number:016x}", "name": f"agraph-{role}"},
        **{"role": role, "index": index, "state": "running", "type": "t3.medium", "zone": ZONE},
        **{"subnet": f"subnet-{'public' if role == 'manager' else 'private'}", "launched": LAUNCHED, "age": AGE},
        **{"private_address": f"10.0.{0 if index is None else 1}.{11 + number}"},
        "public_address": "203.0.113.24" if role == "manager" else "",
        "volumes": [{"id": f"vol-{number}", "gib": 30, "type": "gp3"}],
    }
    if index is not None:
        known["name"] += f"-{index}"
    return {**known, **details}


def cloud(instances: Sequence[Record], **details: Any) -> Record:
    """What federation_status_info returns of these instances, in a network like that of `up`."""
    number = len(instances)
    running = sum(each["state"] == "running" for each in instances)
    parts = [
        {"kind": "instance", "number": number, "hourly": 0.0416 * running},
        {"kind": "NAT gateway", "number": 1, "hourly": 0.045},
        {"kind": "address", "number": 2, "hourly": 0.01},
        {"kind": "volume", "number": number, "hourly": 30 * 0.08 / 730 * number},
    ]
    parts = [each for each in parts if each["number"]]
    parts = [{**each, "so_far": each["hourly"] * AGE / 3600} for each in parts]
    subnets = [("public", "10.0.0.0/24"), ("private", "10.0.1.0/24")]
    network = {
        "vpc": {"id": "vpc-0d1", "name": "agraph-vpc", "cidr": "10.0.0.0/16"},
        "internet_gateway": {"id": "igw-0d1", "name": "agraph-internet-gateway"},
        "nat_gateway": {"id": "nat-0d1", "name": "agraph-nat-gateway", "state": "available", "address": "203.0.113.77"},
        "subnets": [
            {"id": f"subnet-{side}", "name": side, "cidr": cidr, "zone": ZONE, "public": side == "public"}
            for side, cidr in subnets
        ],
    }
    costs = {
        **{name: sum(each[name] for each in parts) for name in ("hourly", "so_far")},
        **{"parts": parts, "unknown": []},
    }
    known = {
        **{"made": MADE, "age": AGE, "ends": "2026-11-26T18:00:00Z", "overdue": False, "network": network},
        **{"instances": list(instances), "costs": costs, "strays": [], "free": 14},
    }
    return {**known, **details}


def sizes(members: int) -> dict[int, dict[str, int]]:
    """Numbers of triples that look like those of real data: much the same on each member, and never equal."""
    return {
        index: {"people": 6_180_000 + 41_113 * ((index * 7) % 11), "places": 402_000 + 3_301 * ((index * 5) % 7)}
        for index in range(members)
    }


def answers(instances: Sequence[Record], held: Mapping[int, Mapping[str, int]]) -> dict[str, Record]:
    """What agraph_node_info returns on each of them."""
    found = {}
    for each in instances:
        names = held.get(each["index"], {}) if each["index"] is not None else {}
        repositories = [{"catalog": "/", "name": name, "statements": number} for name, number in names.items()]
        answer = {"answers": True, "problem": "", "version": "8.5.2", "repositories": repositories}
        if each["state"] == "running":
            found[each["id"]] = answer
    return found


def agents(instances: Sequence[Record]) -> dict[str, Record]:
    """What ssm_agents_info returns of them."""
    online = {"ping_status": "Online", "agent_version": "3.3.2746.0"}
    return {each["id"]: dict(online) for each in instances if each["state"] == "running"}


def made_of(
    instances: Sequence[Record],
    its_answers: Mapping[str, Record],
    member_count: int,
    its_cloud: Record | None = None,
    its_agents: Mapping[str, Record] | None = None,
    name: str = "agraph",
) -> Record:
    """The document of such a federation."""
    it: Record = document(
        name,
        REGION,
        "123456789012",
        member_count,
        its_cloud or cloud(instances),
        agents(instances) if its_agents is None else its_agents,
        its_answers,
    )
    return it


def healthy(members: int) -> Record:
    """A federation with which all is well."""
    instances = [instance("manager"), *(instance("member", index) for index in range(members))]
    return made_of(instances, answers(instances, sizes(members)), members)


def one_down(members: int, index: int = 1) -> Record:
    """One whose member has a server that does not answer."""
    instances = [instance("manager"), *(instance("member", each) for each in range(members))]
    found = answers(instances, sizes(members))
    who = instances[1 + index]
    said = (
        f"Member {index} ({who['id']}, {who['private_address']}) does not answer http://127.0.0.1:10035/version: "
        "connection refused."
    )
    found[who["id"]] = {"answers": False, "problem": said, "version": "", "repositories": None}
    return made_of(instances, found, members)


def odd() -> Record:
    """One in which much is odd at once: endless names, members that stopped, are missing, starting, or say nothing."""
    endless = "a-federation-with-a-name-as-long"
    states = ["running", "stopped", "pending", "running", "running", "running"]
    members = [instance("member", each, state=state) for each, state in enumerate(states)]
    members[0]["private_address"] = "10.0.1.111"
    somebody = "<b>somebody else's & a name that goes on and on, 联邦成员联邦成员联邦成员</b>"
    stray = instance("member", id="i-0ddddddddddddddd1", name=somebody)
    instances = [instance("manager"), *members, stray]
    held = sizes(6)
    held[0] = {"r": 0, "a-repository-whose-name-is-longer-than-anybody-would-like-to-read-in-one-line-of-a-page": 1}
    held[5] = {"people": 1, "r": 1_234_567_890_123}
    found = answers(instances, held)
    found[members[3]["id"]] = {"msg": "EXEC command 'sudo x' timeout on host: i-0", "unreachable": True}
    said = f"Member 4 ({members[4]['id']}) does not say what it holds"
    silent = {"answers": True, "version": "8.5.3", "repositories": None}
    found[members[4]["id"]] = {**silent, "problem": f"{said}: it refuses the user test."}
    strays = [
        {"kind": "volume", "name": "", "id": "vol-0d2", "state": "available", "age": 7_000_000, "cost": 0.0033},
        {"kind": "network interface", "name": "x" * 200, "id": "eni-0d2", "state": "", "age": None, "cost": 0.0},
        {"kind": "volume", "name": "<i>dear</i>", "id": "vol-0d3", "state": "available", "age": 60, "cost": None},
    ]
    its_cloud = cloud(instances, strays=strays, ends="")
    its_cloud["network"]["nat_gateway"]["state"] = "failed"
    its_cloud["network"]["internet_gateway"] = None
    its_cloud["costs"]["unknown"] = ["<i>dear</i>"]
    its_agents = agents(instances)
    del its_agents[stray["id"]]
    return made_of(instances, found, 8, its_cloud, its_agents, endless)


def overdue() -> Record:
    """One whose instances have ended themselves, while gateway and addresses go on to cost."""
    strays: list[Record] = [
        {"kind": "NAT gateway", "name": "agraph-nat-gateway", "id": "nat-0d1", "state": "available", "age": 93_000},
        {"kind": "address", "name": "agraph-manager-address", "id": "eipalloc-0a1", "state": "", "age": None},
        {"kind": "VPC", "name": "agraph-vpc", "id": "vpc-0d1", "state": "available", "age": None},
    ]
    costs = (0.045, 0.005, 0.0)
    its: Record = {
        "strays": [{**each, "cost": cost} for each, cost in zip(strays, costs, strict=True)],
        "overdue": True,
        "ends": "2026-11-26T06:00:00Z",
        "age": 93_000,
    }
    return made_of([], {}, 2, cloud([], **its))


def rendered(its_document: Record) -> str:
    """The page of a document, by the templates as Ansible renders them."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.get_template("status.html.j2").render(__status_shown={"page": page(its_document)})


def write(its_document: Record, path: Path) -> Path:
    """Write the page of a document into a file."""
    path.write_text(rendered(its_document), encoding="utf-8")
    return path
