#!/usr/bin/python
"""Says how the AllegroGraph server of a node is, and what it holds, without ever failing for it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agraph_node_info
short_description: Say how a node's AllegroGraph is and what it holds
description:
  - Asks the server once for its version, which needs no password, and then as O(user) for its repositories in all
    catalogs but AllegroGraph's own, C(system), with the number of their statements.
  - A server that does not answer, or refuses, is what this module is there to tell, and no failure of it. It changes
    nothing.
  - With O(secrets), the node fetches the password itself, so that it is in no module's arguments.
  - It needs nothing but Python's standard library, 3.9 or newer, on the host where it runs.
version_added: 0.1.0
extends_documentation_fragment: [agraph, agraph.secrets, looks]
author: [agraph-federation]
options:
  user:
    description: The user who asks; a superuser sees every repository. Without one, repositories are not asked for.
    type: str
  password:
    description: The user's password, where there are no O(secrets).
    type: str
  own:
    description: A statement of the node's own, of which is said how often it is among what a repository holds.
    type: dict
    suboptions:
      repository:
        description: The repository, of the root catalog.
        type: str
        required: true
      subject:
        description: The subject, for example V(<ex://instance0>).
        type: str
        required: true
      predicate:
        description: The predicate.
        type: str
        required: true
      object:
        description: The object, for example V("0"^^<http://www.w3.org/2001/XMLSchema#integer>).
        type: str
        required: true
  timeout:
    description: How long the server may take for all its answers, in seconds.
    type: int
    default: 20
  label:
    description: What to call the server in a sentence, for example V(Member 1 (i-0abc, 10.0.1.5\)).
    type: str
    default: AllegroGraph
"""

EXAMPLES = r"""
- name: See how this node's AllegroGraph is
  agraph_node_info:
    user: "{{ federation_agraph_user }}"
    secrets:
      service: https://ssm.us-west-2.amazonaws.com/
      region: us-west-2
      superuser: /agraph/superuser
  register: server
"""

RETURN = r"""
answers:
  description: Whether the server said its version.
  returned: always
  type: bool
problem:
  description: Why it did not, or why its repositories are not known, as a sentence; empty if all is known.
  returned: always
  type: str
  sample: "Member 1 does not answer http://127.0.0.1:10035/version: connection refused."
version:
  description: The server's version; empty if it did not say.
  returned: always
  type: str
  sample: 8.5.2
repositories:
  description: Its repositories, sorted by catalog and name; C(null) if they are not known.
  returned: always
  type: list
  elements: dict
  contains:
    catalog: {description: The catalog; C(/) for the root., type: str, returned: always}
    name: {description: The repository., type: str, returned: always}
    statements: {description: How many it holds; every copy of one counts., type: int, returned: always}
    own: {description: How many of them are O(own)., type: int, returned: with O(own)}
"""

import time
from typing import Any

from ansible.module_utils.agraph_client import AgraphError, Server
from ansible.module_utils.agraph_holdings import holdings, own_statements, version_within
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.instance_secrets import SUPERUSER_SECRET, SecretError, superuser_password

OWN: dict[str, Any] = {
    name: {"type": "str", "required": True} for name in ("repository", "subject", "predicate", "object")
}
ARGUMENTS: dict[str, Any] = {
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 10035},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "secrets": SUPERUSER_SECRET,
    "own": {"type": "dict", "options": OWN},
    "timeout": {"type": "int", "default": 20},
    "label": {"type": "str", "default": "AllegroGraph"},
}
# How often the secret is asked for: whoever only looks has less patience than who makes a node ready.
SECRET_TRIES = 2


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, supports_check_mode=True, required_by={"secrets": ("user",), "password": ("user",)}
    )
    module.exit_json(changed=False, **seen(module.params))


def seen(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what the server says of itself, and why it does not say more."""
    deadline = time.monotonic() + wanted["timeout"]
    answer: dict[str, Any] = {"answers": False, "problem": "", "version": "", "repositories": None}
    server = Server(wanted["host"], wanted["port"])
    try:
        answer["version"] = version_within(server, wanted["timeout"])
        answer["answers"] = True
        if wanted["user"]:
            server = server.asked_by(wanted["user"], password(wanted))
            found = holdings(server, deadline)
            answer["repositories"] = own_statements(server, found, wanted["own"], deadline) if wanted["own"] else found
    except (AgraphError, SecretError) as error:
        answer["problem"] = problem(wanted["label"], answer["answers"], str(error))
    return answer


def problem(label: str, answers: bool, said: str) -> str:
    """Say in one sentence who did not answer what, or what else is wrong."""
    what, silent, why = said.partition(" did not answer: ")
    if silent:
        return f"{label} does not answer {what}: {why}"
    return f"{label} does not say {'what it holds' if answers else 'its version'}: {said}"


def password(wanted: dict[str, Any]) -> str:
    """Return the password of the user who asks. Raises SecretError."""
    if wanted["secrets"]:
        return str(superuser_password(wanted["secrets"], SECRET_TRIES))
    return str(wanted["password"] or "")


if __name__ == "__main__":
    main()
