#!/usr/bin/python
"""Puts together how a federation is, in one document, and computes the page that shows it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_status_page
short_description: Put together how a federation is, and compute the page that shows it
description:
  - Takes what AWS says, what the SSM agents say and what the servers on the nodes say, and makes one document of it,
    which can be written as JSON.
  - Of that document alone come all numbers, sentences, positions and lengths of a page, for a template that only
    writes them down.
  - It asks nobody and changes nothing.
version_added: 0.1.0
extends_documentation_fragment: [looks]
author: [agraph-federation]
options:
  name:
    description: The federation's name.
    required: true
    type: str
  region:
    description: Its region.
    required: true
    type: str
  account:
    description: Its account.
    required: true
    type: str
  member_count:
    description: How many members make it whole.
    required: true
    type: int
  cloud:
    description: What M(federation_status_info) returned as C(cloud).
    required: true
    type: dict
  agents:
    description: What M(ssm_agents_info) returned as C(agents).
    default: {}
    type: dict
  answers:
    description: The result of M(agraph_node_info) on each node that was asked, failed and unreachable ones too, by id.
    default: {}
    type: dict
"""

EXAMPLES = r"""
- name: Put together how it is
  federation_status_page:
    name: agraph
    region: us-west-2
    account: "123456789012"
    member_count: 2
    cloud: "{{ seen.cloud }}"
    agents: "{{ seen_agents.agents }}"
    answers: "{{ dict(asked | zip(asked | map('extract', hostvars, 'server'))) }}"
  register: shown

- name: Write it as JSON
  ansible.builtin.copy:
    content: "{{ shown.document | to_nice_json }}"
    dest: status.json
    mode: "0644"
"""

RETURN = r"""
document:
  description: How the federation is. Moments are in UTC, ages in seconds, costs in USD.
  returned: success
  type: dict
  contains:
    schema: {description: The number of this form of the document., type: int, returned: always}
    made: {description: When it was looked., type: str, returned: always}
    federation: {description: The name., type: str, returned: always}
    region: {description: The region., type: str, returned: always}
    account: {description: The account., type: str, returned: always}
    member_count: {description: How many members make it whole., type: int, returned: always}
    state:
      description:
        - C(absent) if nothing stands, C(overdue) if something stands after its end, C(ready) if every node and the
          gateway are well, else C(partly).
      type: str
      returned: always
    problems:
      description: >-
        What a person should see to, each with the C(node) (empty for the whole), C(severity) (C(down) or C(unsure)),
        the C(sentence) and a command, C(remedy).
      type: list
      elements: dict
      returned: always
    age: {description: Seconds since the first was made; C(null) if nothing tells., type: int, returned: always}
    ends: {description: When the instances end themselves; empty for never., type: str, returned: always}
    overdue: {description: Whether that is over., type: bool, returned: always}
    cost:
      description: C(hourly), C(so_far), C(parts) and C(unknown), as in C(cloud.costs) of M(federation_status_info).
      type: dict
      returned: always
    network:
      description: C(vpc), C(internet_gateway) and C(nat_gateway), each C(null) where there is none, and C(subnets).
      type: dict
      returned: always
    nodes:
      description: >-
        The manager, the members by their numbers, and those that are missing, each as in C(cloud.instances), and with
        C(agent) (C(null), or C(state) and C(version)), C(server) (C(asked), C(answers), C(version), C(problem)),
        C(repositories) (C(null) if not known), their C(statements), C(condition) (C(well), C(unsure) or C(down)) and
        C(problem), why it is not well.
      type: list
      elements: dict
      returned: always
    repositories:
      description: >-
        Each repository of any member, by C(catalog) and C(name), with its C(statements) in all and in C(members) on
        each, C(null) where that is not known.
      type: list
      elements: dict
      returned: always
    statements: {description: The members' triples in all that is known., type: int, returned: always}
    statements_known: {description: Whether all members have said theirs., type: bool, returned: always}
    leftovers:
      description: What serves nothing, or nothing any more, with the command that helps, C(remedy).
      type: list
      elements: dict
      returned: always
    free: {description: How many things stand for nothing., type: int, returned: always}
page:
  description: What a template of the page writes down.
  returned: success
  type: dict
table:
  description: The nodes for a person, and what to see to; empty if there are none.
  returned: success
  type: str
line:
  description: The document as one line for scripts.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.federation_document import document
from ansible.module_utils.federation_page import page
from ansible.module_utils.federation_status import line_of, table_of

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "region": {"type": "str", "required": True},
    "account": {"type": "str", "required": True},
    "member_count": {"type": "int", "required": True},
    "cloud": {"type": "dict", "required": True},
    "agents": {"type": "dict", "default": {}},
    "answers": {"type": "dict", "default": {}},
}


def main() -> None:
    """Make the document, and all else of it."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = {name: module.params[name] for name in ARGUMENTS}
    it = document(**given)
    module.exit_json(changed=False, document=it, page=page(it), table=table_of(it), line=line_of(it))


if __name__ == "__main__":
    main()
