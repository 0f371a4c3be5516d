"""How a federation is, in one document: what AWS says, what the agents say, and what the servers on the nodes say.

The document is what is written as JSON, and all that the page is made of. docs/status.md says what stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Record = dict[str, Any]

# It changes when a reader of the document would have to.
SCHEMA = 1
MEMBER, MANAGER = "member", "manager"
LONGEST_SAID = 300
# What a connection says that is lost, and what it means.
LOST = (
    (re.compile(r"\w+ command '.*' timeout on host: "), "nothing came back in time."),
    (re.compile(r"\[Errno \d+\] "), "the session broke off."),
)


def document(
    name: str,
    region: str,
    account: str,
    member_count: int,
    cloud: Record,
    agents: Mapping[str, Record],
    answers: Mapping[str, Record],
) -> Record:
    """Return the document.

    `cloud` is from federation_cloud, `agents` from ssm_agents_info, and `answers` are Ansible's results of
    agraph_node_info, unreachable and failed ones too; both by the instance's id.
    """
    nodes = [_node(each, agents.get(each["id"]), answers.get(each["id"])) for each in cloud["instances"]]
    nodes += _missing(nodes, member_count if nodes else 0)
    nodes.sort(key=lambda node: (node["role"] != MANAGER, node["index"] is None, node["index"] or 0, node["id"]))
    problems = list(_problems(name, region, cloud, nodes))
    members = [node for node in nodes if node["role"] == MEMBER]
    return {
        "schema": SCHEMA,
        "made": cloud["made"],
        "federation": name,
        "region": region,
        "account": account,
        "member_count": member_count,
        "state": _state(cloud, nodes, problems),
        "problems": problems,
        "age": cloud["age"],
        "ends": cloud["ends"],
        "overdue": cloud["overdue"],
        "cost": cloud["costs"],
        "network": cloud["network"],
        "nodes": nodes,
        "repositories": _repositories(members),
        "statements": sum(node["statements"] or 0 for node in members),
        "statements_known": all(node["statements"] is not None for node in members),
        "leftovers": [{**each, "remedy": _remedy(each, name, region, cloud, nodes)} for each in cloud["strays"]],
        "free": cloud["free"],
    }


def label(node: Mapping[str, Any]) -> str:
    """Return what a person calls a node: Manager, Member 0; or its name, where it has no number."""
    if node["role"] == MANAGER:
        return "Manager"
    return f"Member {node['index']}" if node["index"] is not None else node["name"] or node["id"]


def _node(instance: Record, agent: Record | None, answer: Record | None) -> Record:
    node = {**instance, "agent": _agent(instance, agent), "server": _server(instance, answer)}
    repositories = answer.get("repositories") if answer else None
    node["repositories"] = repositories
    node["statements"] = None if repositories is None else sum(each["statements"] for each in repositories)
    node["condition"], node["problem"] = _condition(node)
    return node


def _agent(instance: Record, agent: Record | None) -> Record | None:
    """Return an agent's state and version; None where no agent can be."""
    if instance["state"] != "running":
        return None
    if agent is None:
        return {"state": "never registered", "version": ""}
    return {"state": agent.get("ping_status", ""), "version": agent.get("agent_version", "")}


def _server(instance: Record, answer: Record | None) -> Record:
    """Return whether the server was asked and answers, its version, and what is wrong in words."""
    if answer is None:
        return {"asked": False, "answers": False, "version": "", "problem": ""}
    if "answers" in answer:
        return {"asked": True, **{key: answer[key] for key in ("answers", "version", "problem")}}
    said = " ".join(str(answer.get("msg", "")).split())
    said = next((words for pattern, words in LOST if pattern.match(said)), said)[:LONGEST_SAID]
    return {
        "asked": True,
        "answers": False,
        "version": "",
        "problem": f"could not be asked in a session: {said}",
    }


def _condition(node: Record) -> tuple[str, str]:
    """Return well, unsure or down, and why it is not well, in a few words."""
    if node["state"] == "pending":
        return "unsure", "starting"
    if node["state"] != "running":
        return "down", node["state"]
    if node["agent"]["state"] != "Online":
        return "down", "agent offline"
    server = node["server"]
    if not server["asked"]:
        return "unsure", "not asked"
    if not server["answers"]:
        return "down", "no answer"
    return ("unsure", "data unknown") if node["repositories"] is None else ("well", "")


def _missing(nodes: Sequence[Record], member_count: int) -> list[Record]:
    """Return a node for the manager and each member that should be there and is not."""
    here = {(node["role"], node["index"]) for node in nodes}
    wanted: list[tuple[str, int | None]] = [(MANAGER, None)] if member_count else []
    wanted += [(MEMBER, index) for index in range(member_count)]
    empty = dict.fromkeys(("id", "name", "type", "zone", "subnet", "private_address", "public_address", "launched"), "")
    server = {"asked": False, "answers": False, "version": "", "problem": ""}
    return [
        {
            **empty,
            **{"role": role, "index": index, "state": "missing", "age": None, "volumes": [], "agent": None},
            **{"server": server, "repositories": None, "statements": None, "condition": "down", "problem": "missing"},
        }
        for role, index in wanted
        if (role, index) not in here
    ]


def _problems(name: str, region: str, cloud: Record, nodes: Sequence[Record]) -> Iterator[Record]:
    """Yield what a person should see to, each with a sentence and the command that helps."""
    if cloud["overdue"]:
        sentence = f"Its time was over at {cloud['ends']}, and what stands still costs."
        yield {"node": "", "severity": "down", "sentence": sentence, "remedy": _verb("down", name)}
        return
    for node in nodes:
        if node["condition"] != "well":
            yield {"node": label(node), "severity": node["condition"], **_of_node(node, name, region)}
    gateway = cloud["network"]["nat_gateway"]
    if nodes and (gateway is None or gateway["state"] != "available"):
        sentence = f"The NAT gateway is {gateway['state'] if gateway else 'missing'}: the members have no way out."
        yield {"node": "", "severity": "down", "sentence": sentence, "remedy": _verb("up", name)}


def _of_node(node: Record, name: str, region: str) -> Record:
    who = label(node) + (f" ({node['id']})" if node["id"] else "")
    look = f"aws ssm start-session --region {region} --target {node['id']}"
    problem = node["problem"]
    if node["state"] == "missing":
        return {"sentence": f"{who} does not exist.", "remedy": _verb("up", name)}
    if node["state"] != "running":
        return {"sentence": f"{who} is {node['state']}.", "remedy": _verb("up", name)}
    if node["agent"]["state"] != "Online":
        said = node["agent"]["state"]
        console = f"aws ec2 get-console-output --region {region} --latest --output text --instance-id {node['id']}"
        return {"sentence": f"{who} runs, but its SSM agent is not online ({said}).", "remedy": console}
    if problem == "not asked":
        return {"sentence": f"{who} was not asked.", "remedy": _verb("status", name)}
    said = node["server"]["problem"].rstrip(".")
    return {"sentence": said + "." if node["id"] in said else f"{who} {said}.", "remedy": look}


def _state(cloud: Record, nodes: Sequence[Record], problems: Sequence[Record]) -> str:
    if cloud["overdue"]:
        return "overdue"
    if not nodes:
        return "partly" if cloud["strays"] else "absent"
    return "partly" if problems else "ready"


def _repositories(members: Sequence[Record]) -> list[Record]:
    """Return each repository of any member with its statements in all and on each member, None where not known.

    A member whose repositories are known and that has no such one is left out.
    """
    keys = {(each["catalog"], each["name"]) for node in members for each in node["repositories"] or []}
    found = []
    for catalog, name in sorted(keys):
        shares = []
        for node in members:
            sizes = [
                each["statements"]
                for each in node["repositories"] or []
                if (each["catalog"], each["name"]) == (catalog, name)
            ]
            if sizes or node["repositories"] is None:
                shares.append({"node": label(node), "index": node["index"], "statements": sizes[0] if sizes else None})
        total = sum(each["statements"] or 0 for each in shares)
        found.append({"catalog": catalog, "name": name, "statements": total, "members": shares})
    return found


def _remedy(stray: Record, name: str, region: str, cloud: Record, nodes: Sequence[Record]) -> str:
    """Return the command that removes what serves nothing, or shows whose it is."""
    if cloud["overdue"] or not nodes:
        return _verb("down", name)
    if stray["kind"] == "volume":
        return f"aws ec2 delete-volume --region {region} --volume-id {stray['id']}"
    if stray["kind"] == "network interface":
        return f"aws ec2 describe-network-interfaces --region {region} --network-interface-ids {stray['id']}"
    return _verb("up", name)


def _verb(verb: str, name: str) -> str:
    return f"ansible-playbook {verb}.yml -e federation_name={name}"
