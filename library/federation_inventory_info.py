#!/usr/bin/python
"""Hold the instances that were found against the members that should be there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_inventory_info
short_description: Hold the instances that were found against the members that should be there
description:
  - A federation with a member missing would give a smaller answer without a word. This module fails instead, and its
    error names every manager and member that is missing, not running, or there twice.
  - It asks nobody; what was found is handed to it, for example by the inventory.
version_added: 0.1.0
extends_documentation_fragment: [looks]
author: [agraph-federation]
options:
  nodes:
    description: The instances that were found, terminated ones left out.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: The instance's id.
        type: str
        required: true
      role:
        description: What the instance is for.
        type: str
        choices: [manager, member]
        required: true
      index:
        description: The member's number, from 0.
        type: int
      state:
        description: The instance's state, for example V(running).
        type: str
        required: true
      address:
        description: The address of the instance, the manager's public one and a member's private one.
        type: str
  member_count:
    description: How many members there should be.
    type: int
    required: true
  name:
    description: The federation's name, for the errors.
    type: str
    required: true
  remedy:
    description: What a person should do; the end of the error.
    type: str
    default: "Put it right with: ansible-playbook up.yml"
"""

EXAMPLES = r"""
- name: Hold the inventory against what should be there
  federation_inventory_info:
    name: "{{ federation_name }}"
    member_count: "{{ federation_member_count }}"
    nodes: "{{ nodes }}"
  register: found
"""

RETURN = r"""
manager:
  description: The manager, with C(id) and C(address).
  returned: success
  type: dict
members:
  description: The members in the order of their numbers, each with C(index), C(id) and C(address).
  returned: success
  type: list
  elements: dict
"""

from collections.abc import Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS: dict[str, Any] = {
    "nodes": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "id": {"type": "str", "required": True},
            "role": {"type": "str", "choices": ["manager", "member"], "required": True},
            "index": {"type": "int"},
            "state": {"type": "str", "required": True},
            "address": {"type": "str"},
        },
    },
    "member_count": {"type": "int", "required": True},
    "name": {"type": "str", "required": True},
    "remedy": {"type": "str", "default": "Put it right with: ansible-playbook up.yml"},
}

Node = dict[str, Any]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    nodes, count, name = module.params["nodes"], module.params["member_count"], module.params["name"]
    findings = inspect(nodes, count)
    if not nodes:
        module.fail_json(
            msg=f"There is no federation named {name}. Make it with: ansible-playbook up.yml -e federation_name={name}"
        )
    if all(node["state"] in ("stopping", "stopped") for node in nodes):
        module.fail_json(
            msg=f"The federation {name} is stopped. Start it with: ansible-playbook start.yml -e federation_name={name}"
        )
    if findings:
        module.fail_json(msg=f"The federation {name} is not whole: {'; '.join(findings)}. {module.params['remedy']}")
    managers = [node for node in nodes if node["role"] == "manager"]
    members = sorted((node for node in nodes if node["role"] == "member"), key=lambda node: int(node["index"]))
    module.exit_json(changed=False, manager=brief(managers[0]), members=[brief(member) for member in members])


def inspect(nodes: Sequence[Node], member_count: int) -> list[str]:
    """Return what is wrong, one finding for each manager or member that is not there exactly once and running."""
    wanted: list[tuple[str, int | None]] = [("manager", None), *(("member", index) for index in range(member_count))]
    findings = []
    for role, index in wanted:
        title = role if index is None else f"member {index}"
        found = [node for node in nodes if node["role"] == role and (index is None or node["index"] == index)]
        findings += finding(title, found)
    for node in nodes:
        if node["role"] == "member" and node["index"] not in range(member_count):
            number = "without a number" if node["index"] is None else str(node["index"])
            findings.append(f"member {number} ({node['id']}) is there and should not be, of {member_count}")
    return findings


def finding(title: str, found: Sequence[Node]) -> list[str]:
    """Say what is wrong with the instances that claim to be one node."""
    if not found:
        return [f"{title} is missing"]
    if len(found) > 1:
        ids = ", ".join(sorted(node["id"] for node in found))
        return [f"{title} is there {len(found)} times ({ids})"]
    node = found[0]
    if node["state"] != "running":
        return [f"{title} ({where(node)}) is {node['state']}"]
    if not node["address"]:
        return [f"{title} ({node['id']}) has no address"]
    return []


def where(node: Node) -> str:
    """Return the node's id, and its address where it has one."""
    return f"{node['id']}, {node['address']}" if node["address"] else str(node["id"])


def brief(node: Node) -> Node:
    """Return what a query needs to know of a node."""
    return {key: node[key] for key in ("index", "id", "address") if node[key] is not None}


if __name__ == "__main__":
    main()
