#!/usr/bin/python
"""Wait until an AllegroGraph server answers, and give it users, a repository and a statement: all in one session."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agraph_member
short_description: Wait for AllegroGraph, and give it users and a repository with a statement
description:
  - Does what M(agraph_server_info), M(agraph_repository) and M(agraph_statement) do one after the other, for hosts on
    which each task has a price of its own, a session for example.
  - Asks C(/version) until an answer comes or the time is up; sees to it that the repository is there, and the statement
    in it exactly once. Without O(repository) and O(secrets) it only waits.
  - With O(secrets), the superuser's password becomes one that the node fetches itself, so that it is in no module's
    arguments, and a user who reads O(repository) and nothing else gets another one.
  - It needs nothing but Python's standard library, 3.9 or newer, on the host where it runs.
version_added: 0.1.0
extends_documentation_fragment: [agraph]
author: [agraph-federation]
options:
  repository:
    description: The repository's name. One that is there already keeps what it holds.
    type: str
  statement:
    description: The statement that the repository is to have exactly once, written as in N-Triples.
    type: dict
    suboptions:
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
  user:
    description: A user who may make repositories and write to them; with O(secrets), the superuser.
    type: str
  password:
    description: The user's password; with O(secrets), the one that is to be replaced, where it still holds.
    type: str
  secrets:
    description: Where the passwords are, for a node that is an EC2 instance whose role may read them.
    type: dict
    suboptions:
      service:
        description: The URL of Systems Manager.
        type: str
        required: true
      region:
        description: The region whose Parameter Store it is.
        type: str
        required: true
      superuser:
        description: The name of the parameter with the password of O(user).
        type: str
        required: true
      reader:
        description: The name of the parameter with the password of O(secrets.reader_user).
        type: str
        required: true
      reader_user:
        description: The user who reads.
        type: str
        default: reader
  timeout:
    description: How long to wait for the first answer, in seconds.
    type: int
    default: 120
  interval:
    description: How long to wait between two attempts, in seconds.
    type: float
    default: 1.0
  label:
    description: What to call the server in an error, for example V(Member 1 (i-0abc, 10.0.1.5\)).
    type: str
    default: AllegroGraph
  remedy:
    description: What a person should do when no answer came; the end of the error.
    type: str
    default: Is AllegroGraph installed and running on this machine?
attributes:
  check_mode:
    description: Can run in check mode and says what it would do.
    support: full
  diff_mode:
    description: Says whether the repository was and is there, how often the statement, and what was done to users.
    support: full
"""

EXAMPLES = r"""
- name: Make the member ready
  agraph_member:
    repository: r
    statement:
      subject: <ex://instance0>
      predicate: <ex://id>
      object: '"0"^^<http://www.w3.org/2001/XMLSchema#integer>'
    user: "{{ federation_agraph_user }}"
    password: "{{ federation_agraph_password }}"
    secrets:
      service: https://ssm.us-west-2.amazonaws.com/
      region: us-west-2
      superuser: /agraph/superuser
      reader: /agraph/reader
"""

RETURN = r"""
version:
  description: The server's version.
  returned: success
  type: str
  sample: 8.5.2
waited:
  description: How long it took until it answered or was given up, in seconds.
  returned: always
  type: float
  sample: 3.2
done:
  description: What was done, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
  sample: [made the repository r, added the statement]
"""

import time
from typing import Any

from ansible.module_utils import agraph_contents as contents
from ansible.module_utils import agraph_users as users
from ansible.module_utils.agraph_client import AgraphError, Repository, Server, wait_for_version
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.instance_secrets import SecretError, secrets

TERMS = {name: {"type": "str", "required": True} for name in ("subject", "predicate", "object")}
SECRETS: dict[str, Any] = {
    "service": {"type": "str", "required": True},
    "region": {"type": "str", "required": True},
    # Names of parameters, which are no secrets; Ansible takes them for some by the word.
    "superuser": {"type": "str", "required": True},
    "reader": {"type": "str", "required": True},
    "reader_user": {"type": "str", "default": "reader"},
}
ARGUMENTS: dict[str, Any] = {
    "repository": {"type": "str"},
    "statement": {"type": "dict", "options": TERMS},
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 10035},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "secrets": {"type": "dict", "options": SECRETS, "no_log": False},
    "timeout": {"type": "int", "default": 120},
    "interval": {"type": "float", "default": 1.0},
    "label": {"type": "str", "default": "AllegroGraph"},
    "remedy": {"type": "str", "default": "Is AllegroGraph installed and running on this machine?"},
}
# How long to wait for each answer of a server that has once answered, in seconds.
ANSWER_TIMEOUT = 60


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_by={"repository": ("user",), "secrets": ("user",), "statement": ("repository",)},
    )
    wanted, started = module.params, time.monotonic()
    server = Server(wanted["host"], wanted["port"], wanted["user"], wanted["password"], ANSWER_TIMEOUT)
    try:
        version = wait_for_version(Server(wanted["host"], wanted["port"]), wanted["timeout"], wanted["interval"])
    except AgraphError as error:
        said = contents.silence(wanted["label"], server.url, wanted["timeout"], str(error), wanted["remedy"])
        module.fail_json(msg=said, waited=round(time.monotonic() - started, 1))
    answer: dict[str, Any] = {"version": version, "waited": round(time.monotonic() - started, 1)}
    try:
        done, differences = settled(server, wanted, module.check_mode)
    except (AgraphError, SecretError) as error:
        module.fail_json(msg=f"{wanted['label']} cannot be made ready: {error}", **answer)
    module.exit_json(changed=bool(done), done=done, diff=differences, **answer)


def settled(server: Server, wanted: dict[str, Any], check_mode: bool) -> tuple[list[str], list[dict[str, str]]]:
    """See to the users, to the repository and to the statement; return what was done, and what --diff shows of it."""
    source = wanted["secrets"]
    if not source:
        return filled(server, wanted, check_mode)
    found = secrets([source["superuser"], source["reader"]], source["service"], source["region"])
    superuser = users.Login(wanted["user"], found[source["superuser"]])
    given = users.settle_superuser(server, superuser, wanted["password"], check_mode)
    if not (given and check_mode):
        server = server.asked_by(superuser.user, superuser.password)
    done, differences = filled(server, wanted, check_mode)
    reader = users.Login(source["reader_user"], found[source["reader"]])
    given += users.settle_reader(server, reader, wanted["repository"], check_mode)
    if given:
        differences.append({"before": "", "after": "".join(f"{each}\n" for each in given)})
    return given + done, differences


def filled(server: Server, wanted: dict[str, Any], check_mode: bool) -> tuple[list[str], list[dict[str, str]]]:
    """See to the repository and to the statement in it; return what was done, and what --diff shows of it."""
    done: list[str] = []
    differences: list[dict[str, str]] = []
    if wanted["repository"]:
        repository = Repository(server, wanted["repository"])
        before = contents.state_of(repository)
        differences.append(contents.repository_difference(repository.name, before, "present"))
        if before == "absent":
            done.append(f"made the repository {repository.name}")
            if not check_mode:
                repository.create()
        if wanted["statement"]:
            terms = contents.terms_of(wanted["statement"])
            found = contents.number_found(repository, terms, check_mode)
            differences.append(contents.statement_difference(terms, found, 1))
            if found != 1:
                done.append("added the statement" if found == 0 else "removed copies of the statement")
                if not check_mode:
                    contents.settle(repository, terms, 1)
    return done, differences


if __name__ == "__main__":
    main()
