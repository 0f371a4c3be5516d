#!/usr/bin/python
"""See to it that a statement is in a repository exactly once, or not at all."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agraph_statement
short_description: Keep a statement in a repository of AllegroGraph exactly once, or not at all
description:
  - AllegroGraph keeps a triple as often as it is added, and a connection may run a task a second time without a word.
    So this module counts first, adds when there is none, and removes all copies but the oldest when there are several.
  - It needs nothing but Python's standard library, 3.9 or newer, on the host where it runs.
version_added: 0.1.0
extends_documentation_fragment: [agraph]
author: [agraph-federation]
options:
  repository:
    description: The repository's name; it has to exist.
    type: str
    required: true
  catalog:
    description: The catalog that holds the repository; the root catalog when it is not given.
    type: str
  subject:
    description: The subject, written as in N-Triples, for example V(<ex://instance0>).
    type: str
    required: true
  predicate:
    description: The predicate, written as in N-Triples.
    type: str
    required: true
  object:
    description: The object, written as in N-Triples, for example V("0"^^<http://www.w3.org/2001/XMLSchema#integer>).
    type: str
    required: true
  graph:
    description: The named graph that holds the statement, written as in N-Triples; V(null) is the default graph.
    type: str
    default: "null"
  state:
    description:
      - V(present) leaves exactly one copy of the statement.
      - V(absent) leaves none.
    type: str
    choices: [present, absent]
    default: present
  user:
    description: A user who may write to the repository.
    type: str
    required: true
  password:
    description: The user's password.
    type: str
    required: true
  timeout:
    description: How long to wait for each answer, in seconds.
    type: int
    default: 60
attributes:
  check_mode:
    description: Can run in check mode and says what it would do.
    support: full
  diff_mode:
    description: Says how often the statement was there and is there.
    support: full
"""

EXAMPLES = r"""
- name: Give the member its number
  agraph_statement:
    repository: r
    subject: <ex://instance0>
    predicate: <ex://id>
    object: '"0"^^<http://www.w3.org/2001/XMLSchema#integer>'
    user: "{{ federation_agraph_user }}"
    password: "{{ federation_agraph_password }}"
"""

RETURN = r"""
found:
  description: How often the statement was there before.
  returned: success
  type: int
  sample: 0
count:
  description: How often it is there now; in check mode, how often it would be.
  returned: success
  type: int
  sample: 1
"""

from ansible.module_utils import agraph_contents as contents
from ansible.module_utils.agraph_client import AgraphError, Repository, Server
from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "repository": {"type": "str", "required": True},
    "catalog": {"type": "str"},
    "subject": {"type": "str", "required": True},
    "predicate": {"type": "str", "required": True},
    "object": {"type": "str", "required": True},
    "graph": {"type": "str", "default": "null"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 10035},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "timeout": {"type": "int", "default": 60},
}
WANTED_COUNT = {"present": 1, "absent": 0}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = module.params
    server = Server(wanted["host"], wanted["port"], wanted["user"], wanted["password"], wanted["timeout"])
    repository = Repository(server, wanted["repository"], wanted["catalog"])
    terms = contents.terms_of(wanted)
    count = WANTED_COUNT[wanted["state"]]
    try:
        found = contents.number_found(repository, terms, module.check_mode)
        if found != count and not module.check_mode:
            contents.settle(repository, terms, count)
    except AgraphError as error:
        module.fail_json(msg=f"The statement cannot be made {wanted['state']} in {wanted['repository']}: {error}")
    difference = contents.statement_difference(terms, found, count)
    module.exit_json(changed=found != count, found=found, count=count, diff=difference)


if __name__ == "__main__":
    main()
