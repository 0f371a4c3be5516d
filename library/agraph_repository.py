#!/usr/bin/python
"""Make or delete a repository of an AllegroGraph server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agraph_repository
short_description: Make or delete a repository of AllegroGraph
description:
  - Sees to it that a repository is there, or that it is gone. A repository that is there already keeps what it holds.
  - It needs nothing but Python's standard library, 3.9 or newer, on the host where it runs.
version_added: 0.1.0
extends_documentation_fragment: [agraph]
author: [agraph-federation]
options:
  name:
    description: The repository's name.
    type: str
    required: true
  state:
    description:
      - V(present) makes the repository unless it is there.
      - V(absent) deletes it with everything in it.
    type: str
    choices: [present, absent]
    default: present
  catalog:
    description: The catalog that holds the repository; the root catalog when it is not given.
    type: str
  user:
    description: A user who may make and delete repositories.
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
    description: Says whether the repository was there and is there.
    support: full
"""

EXAMPLES = r"""
- name: Make the repository r
  agraph_repository:
    name: r
    user: "{{ federation_agraph_user }}"
    password: "{{ federation_agraph_password }}"

- name: Delete it with everything in it
  agraph_repository:
    name: r
    state: absent
    user: "{{ federation_agraph_user }}"
    password: "{{ federation_agraph_password }}"
"""

RETURN = r"""
name:
  description: The repository's name.
  returned: success
  type: str
  sample: r
"""

from ansible.module_utils.agraph_client import AgraphError, Repository, Server
from ansible.module_utils.agraph_contents import repository_difference, state_of
from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "catalog": {"type": "str"},
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 10035},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "timeout": {"type": "int", "default": 60},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = module.params
    server = Server(wanted["host"], wanted["port"], wanted["user"], wanted["password"], wanted["timeout"])
    repository = Repository(server, wanted["name"], wanted["catalog"])
    try:
        before = state_of(repository)
        if before != wanted["state"] and not module.check_mode:
            change(repository, wanted["state"])
    except AgraphError as error:
        module.fail_json(msg=f"The repository {wanted['name']} cannot be made {wanted['state']}: {error}")
    difference = repository_difference(wanted["name"], before, wanted["state"])
    module.exit_json(changed=before != wanted["state"], name=wanted["name"], diff=difference)


def change(repository: Repository, state: str) -> None:
    """Bring the repository into the state; safe to be done again."""
    if state == "present":
        repository.create()
    else:
        repository.delete()


if __name__ == "__main__":
    main()
