#!/usr/bin/python
"""Says whether members that are too many may go, or why they may not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_leaving_info
short_description: Say whether members that are too many may go
description:
  - Fails when one of the members that are to go holds triples, or does not say what it holds, unless O(discard_data).
    The error names each of them with what it holds, and both ways out.
  - It asks nobody; what the members said is handed to it, as M(agraph_node_info) returns it.
version_added: 0.1.0
extends_documentation_fragment: [looks]
author: [agraph-federation]
options:
  name:
    description: The federation's name, for the error.
    type: str
    required: true
  discard_data:
    description: Whether they may go with what they hold.
    type: bool
    default: false
  members:
    description: The members that are to go.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: The instance's id.
        type: str
        required: true
      index:
        description: The member's number, from 0.
        type: int
        required: true
      state:
        description: The instance's state, for example V(running).
        type: str
        required: true
      repositories:
        description:
          - What it holds, each with C(catalog), C(name), C(statements), and how many of these are its C(own). Without
            it, nobody knows.
        type: list
        elements: dict
      problem:
        description: Why it did not say what it holds, as a sentence.
        type: str
        default: ""
"""

EXAMPLES = r"""
- name: See that member 2 may go
  federation_leaving_info:
    name: agraph
    members:
      - {id: i-0123, index: 2, state: running, repositories: [{catalog: /, name: r, statements: 1, own: 1}]}
"""

RETURN = r"""
members:
  description: The numbers of the members that may go, the lowest first.
  returned: success
  type: list
  elements: int
said:
  description: Which go, and with what, as a sentence without its full stop.
  returned: success
  type: str
  sample: Members 3 and 4 go, with nothing but what up has written there
"""

from collections.abc import Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

Member = dict[str, Any]
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "discard_data": {"type": "bool", "default": False},
    "members": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "id": {"type": "str", "required": True},
            "index": {"type": "int", "required": True},
            "state": {"type": "str", "required": True},
            "repositories": {"type": "list", "elements": "dict"},
            "problem": {"type": "str", "default": ""},
        },
    },
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    members = sorted(module.params["members"], key=lambda member: int(member["index"]))
    found = [said for member in members if (said := holding(member))]
    if found and not module.params["discard_data"]:
        module.fail_json(msg=refusal(module.params["name"], members, found))
    goes = "would go" if module.check_mode else "go" if len(members) > 1 else "goes"
    with_what = f"with all that there is: {'; '.join(found)}" if found else "with nothing but what up has written there"
    said = f"{titles(members).capitalize()} {goes}, {with_what}"
    module.exit_json(changed=False, members=[member["index"] for member in members], said=said)


def holding(member: Member) -> str:
    """Say what a member holds, or why that is not known; nothing where it holds nothing but its own."""
    title = f"member {member['index']} ({member['id']})"
    if member["repositories"] is None:
        if member["state"] != "running":
            return f"{title} is {member['state']}, so that nobody knows what it holds"
        return str(member["problem"]).strip().rstrip(".") or f"{title} could not be asked what it holds"
    counts = {path(each): int(each["statements"]) - int(each.get("own", 0)) for each in member["repositories"]}
    parts = [f"{number:,} in the repository {name}" for name, number in counts.items() if number > 0]
    if not parts:
        return ""
    return f"{title} holds triples, {' and '.join(parts)}"


def path(repository: dict[str, Any]) -> str:
    """Return a repository's name, behind its catalog's where that is not the root."""
    catalog = str(repository.get("catalog", "/"))
    return str(repository["name"]) if catalog == "/" else f"{catalog}:{repository['name']}"


def titles(members: Sequence[Member]) -> str:
    """Return the members' numbers in words, as in `members 2, 3 and 4`."""
    numbers = [str(member["index"]) for member in members]
    if len(numbers) == 1:
        return f"member {numbers[0]}"
    return f"members {', '.join(numbers[:-1])} and {numbers[-1]}"


def refusal(name: str, members: Sequence[Member], found: Sequence[str]) -> str:
    """Say why the members stay, and how they are kept, or go all the same."""
    these = "it" if len(members) == 1 else "them"
    keeping = max(int(member["index"]) for member in members) + 1
    return (
        f"The federation {name} is to have fewer members, and nothing was changed, since triples would be lost: "
        f"{'; '.join(found)}. Keep {titles(members)} with: "
        f"ansible-playbook up.yml -e federation_member_count={keeping}, or remove {these} and those triples with: "
        "ansible-playbook up.yml -e federation_discard_data=true"
    )


if __name__ == "__main__":
    main()
