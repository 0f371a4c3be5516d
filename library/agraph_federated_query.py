#!/usr/bin/python
"""Ask a federation of AllegroGraph repositories one SPARQL question."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agraph_federated_query
short_description: Ask a federation of AllegroGraph repositories a SPARQL question
description:
  - Opens a session on the manager over the repositories of all members, asks, and closes the session whatever happens.
  - agraph-python waits for ever and sends a failed request eleven times; this module ends at O(timeout) all the same.
  - It changes nothing, on the servers or elsewhere.
  - With O(tunnel) the manager needs no open port. AllegroGraph gives each session a port of its own, so there may be
    two sessions of SSM, which end with the module.
version_added: 0.1.0
author: [agraph-federation]
requirements: [agraph-python, boto3 for O(secret_parameter) and a tunnel]
options:
  manager_host:
    description: The manager's address, seen from the host on which the module runs.
    type: str
    required: true
  manager_port:
    description: The manager's HTTP port.
    type: int
    default: 10035
  members:
    description: The servers that hold the data.
    type: list
    elements: dict
    required: true
    suboptions:
      index:
        description: The member's number, for the errors.
        type: int
        required: true
      id:
        description: The member's instance id, for the errors.
        type: str
        required: true
      address:
        description: The member's address, seen from the manager.
        type: str
        required: true
  member_port:
    description: The members' HTTP port.
    type: int
    default: 10035
  repository:
    description: The repository's name, the same on each member.
    type: str
    required: true
  catalog:
    description: The catalog that holds the repositories; the root catalog when it is not given.
    type: str
  user:
    description: A user who may start sessions on the manager and read the members' repositories.
    type: str
    required: true
  password:
    description: The user's password, the same everywhere. This or O(secret_parameter) is needed.
    type: str
  secret_parameter:
    description:
      - The parameter of Systems Manager's Parameter Store that holds the password, instead of O(password).
      - It is read here, with the ordinary credentials of this machine, so that no argument holds it.
    type: str
  region:
    description: The region of O(secret_parameter) and of O(tunnel); the environment's when it is not given.
    type: str
  query:
    description: The question, in SPARQL; SELECT, ASK, CONSTRUCT or DESCRIBE.
    type: str
    required: true
  timeout:
    description: How long all of it may take, in seconds.
    type: int
    default: 120
  tunnel:
    description:
      - How to reach the manager through SSM instead of its address; without it, the address is asked.
      - AWS is asked with the environment's credentials, as C(AWS_PROFILE) or C(AWS_ACCESS_KEY_ID) have them.
    type: dict
    suboptions:
      instance_id:
        description: The manager's instance id.
        type: str
        required: true
      plugin:
        description: The session-manager-plugin, AWS's own or the project's.
        type: str
        required: true
attributes:
  check_mode:
    description: Can run in check mode; it changes nothing anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Ask for the average of all members' numbers
  agraph_federated_query:
    manager_host: 198.51.100.7
    members:
      - {index: 0, id: i-0aaa, address: 10.0.1.5}
      - {index: 1, id: i-0bbb, address: 10.0.1.6}
    repository: r
    user: reader
    secret_parameter: /agraph/reader
    query: SELECT (AVG(?o) AS ?avg) { ?s <ex://id> ?o }
  register: answer
"""

RETURN = r"""
names:
  description:
    - The variables. An ASK has the single one V(ask).
    - A CONSTRUCT or DESCRIBE has V(subject), V(predicate) and V(object).
  returned: success
  type: list
  elements: str
  sample: [avg]
rows:
  description: The rows, each a list with a term for each variable, null where it is unbound.
  returned: success
  type: list
  elements: list
  sample: [[{type: literal, value: "0.5", datatype: "http://www.w3.org/2001/XMLSchema#decimal"}]]
table:
  description: The same for people.
  returned: success
  type: str
seconds:
  description: How long it took.
  returned: success
  type: float
"""

import contextlib
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

from ansible.module_utils.agraph_client import AgraphError, Server
from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.federation_spec import federation, repository_url, without_secrets
from ansible.module_utils.manager_way import Way
from ansible.module_utils.port_forwarding import LOCALHOST, ForwardingError, Instance
from ansible.module_utils.sparql_results import result

ARGUMENTS: dict[str, Any] = {
    "manager_host": {"type": "str", "required": True},
    "manager_port": {"type": "int", "default": 10035},
    "members": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "index": {"type": "int", "required": True},
            "id": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
        },
    },
    "member_port": {"type": "int", "default": 10035},
    "repository": {"type": "str", "required": True},
    "catalog": {"type": "str"},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    # The name of a secret is none.
    "secret_parameter": {"type": "str", "no_log": False},
    "region": {"type": "str"},
    "query": {"type": "str", "required": True},
    "timeout": {"type": "int", "default": 120},
    "tunnel": {
        "type": "dict",
        "options": {
            "instance_id": {"type": "str", "required": True},
            "plugin": {"type": "str", "required": True},
        },
    },
}
# How long the manager may take to say that it is there, and to close a session that ran out of time.
PATIENCE = 10.0

Wanted = dict[str, Any]


class QueryError(Exception):
    """Why there is no answer, in one sentence."""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_one_of=[("password", "secret_parameter")],
        mutually_exclusive=[("password", "secret_parameter")],
    )
    started = time.monotonic()
    # A run that is ended ends its sessions.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wanted = dict(module.params)
    try:
        if wanted["secret_parameter"]:
            wanted["password"] = stored(wanted["secret_parameter"], wanted["region"])
            module.no_log_values.add(wanted["password"])
        answer = ask(wanted, started + wanted["timeout"])
    except ImportError as error:
        module.fail_json(msg=missing_required_lib("boto3" if "boto" in str(error.name) else "agraph-python"))
    except (QueryError, AgraphError, ForwardingError) as error:
        module.fail_json(msg=without_secrets(str(error), [wanted["password"] or ""]))
    module.exit_json(changed=False, seconds=round(time.monotonic() - started, 2), **result(answer))


def stored(name: str, region: str | None) -> str:
    """Return the password that a parameter holds, or raise one sentence."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client: Any = boto3.client("ssm", region_name=region)
        return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except ClientError as error:
        refused = error.response["Error"]
        if refused["Code"] == "ParameterNotFound":
            raise QueryError(
                f"There is no password {name} in the Parameter Store of {client.meta.region_name}: was the federation "
                "made there, and by this version? Repeat ansible-playbook up.yml, which makes what is missing."
            ) from None
        raise QueryError(
            f"The password {name} cannot be read from the Parameter Store: {refused['Code']}: "
            f"{refused['Message'].rstrip('.')}. It takes ssm:GetParameter on it."
        ) from None
    except BotoCoreError as error:
        raise QueryError(f"The password {name} cannot be read from the Parameter Store: {error}") from None


def ask(wanted: Wanted, deadline: float) -> Any:
    """Return the server's answer, or raise one sentence, by the deadline."""
    import franz.miniclient.repository  # noqa: F401  # here, so that the child is forked with it loaded

    if not wanted["members"]:
        raise QueryError("The federation has no members, so there is nothing to ask.")
    tunnel = wanted["tunnel"]
    instance = tunnel and Instance(tunnel["instance_id"], "the manager", tunnel["plugin"], wanted["region"])
    with Way(wanted["manager_host"], wanted["manager_port"], instance, deadline) as way:
        return ask_there(wanted, deadline, way)


def ask_there(wanted: Wanted, deadline: float, way: Way) -> Any:
    """Return the server's answer, or raise one sentence, by the deadline."""
    greet(wanted, deadline, way)
    # The client has no time-out of its own: a process of its own can be ended whatever it waits for.
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=converse, args=(wanted, way, theirs), daemon=True)
    child.start()
    theirs.close()
    session = None
    try:
        while ours.poll(max(0.0, deadline - time.monotonic())):
            kind, value = ours.recv()
            if kind == "session":
                session = way.here(value)
                ours.send(session)
            elif kind == "answer":
                return value
            else:
                raise QueryError((value[0] is None and way.trouble()) or explain(wanted, *value))
    except EOFError:
        raise QueryError("The query's process ended without an answer; run it again with -vvv to see why.") from None
    finally:
        end(child)
        if session:
            close(wanted, session, way)
    raise QueryError(late(wanted))


def greet(wanted: Wanted, deadline: float, way: Way) -> None:
    """Say at once that the manager cannot be reached; the client would try for minutes."""
    patience = max(0.5, min(PATIENCE, deadline - time.monotonic()))
    server = Server(way.host, way.port, timeout=patience, through_proxy=way.through_proxy)
    try:
        server.version()
    except AgraphError as error:
        if wanted["tunnel"]:
            raise QueryError(
                way.trouble() or f"The manager's AllegroGraph does not answer through the tunnel: {error}"
            ) from None
        raise QueryError(
            f"The manager cannot be reached: {error} Does its security group let this machine's address in "
            "(federation_allowed_cidr), and does AllegroGraph run there?"
        ) from None


def converse(wanted: Wanted, way: Way, pipe: Connection) -> None:
    """In the child: open the session, ask, close it, and send what came of it."""
    # The client prints errors, with the URLs and the passwords in them; the module's output is JSON and nothing else.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    for name in [name for name in os.environ if name.startswith("AGRAPH_")]:
        del os.environ[name]
    if not way.through_proxy:
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = LOCALHOST
    from franz.miniclient.repository import Client
    from franz.miniclient.request import RequestError

    try:
        client = Client(f"http://{way.host}:{way.port}", wanted["user"], wanted["password"])
        # A session that nobody closes any more ends by itself soon after the time is up.
        session = client.openSession(specification(wanted), lifetime=min(21600, wanted["timeout"] + 60))
        pipe.send(("session", session.url))
        session.url = pipe.recv()
        outcome: tuple[str, Any] = ("answer", session.evalSparqlQuery(wanted["query"]))
    except RequestError as error:
        outcome = ("refused", (error.status, error.code, str(error.message)))
    except Exception as error:  # noqa: BLE001  # it has to cross the pipe as data; the parent makes a sentence of it
        outcome = ("failed", (None, None, f"{type(error).__name__}: {error}"))
    # Who closes the session is the parent: the client would try that for minutes on a manager that has just died.
    with contextlib.suppress(BrokenPipeError):
        pipe.send(outcome)
    # Not sys.exit: what the parent registered to be done at exit is the parent's.
    os._exit(0)


def specification(wanted: Wanted) -> str:
    """Return the spec of the federation of the members' repositories."""
    rest = (wanted["member_port"], wanted["repository"], wanted["user"], wanted["password"], wanted["catalog"])
    members = sorted(wanted["members"], key=lambda member: int(member["index"]))
    return str(federation(repository_url(member["address"], *rest) for member in members))


def explain(wanted: Wanted, status: int | None, code: str | None, words: str) -> str:
    """Turn what the server or the client said into a sentence with a remedy."""
    words = " ".join(words.split()).rstrip(".")
    manager = f"{wanted['manager_host']}:{wanted['manager_port']}"
    members = named(wanted, words)
    if members:
        return f"The manager could not ask {members}: {words}. Does AllegroGraph run there, with the repository in it?"
    if code == "MALFORMED QUERY":
        return f"The query does not parse: {words}."
    if code == "QUERY TIMEOUT":
        return late(wanted)
    if status == 401:
        return (
            f"The manager {manager} refuses the user {wanted['user']} or the password. Repeat ansible-playbook up.yml, "
            "which gives the servers the federation's users and passwords."
        )
    if status is None:
        kind = words.partition(":")[0]
        return f"The manager {manager} broke the conversation off ({kind}). Does AllegroGraph still run there?"
    return f"The manager {manager} answered {status}: {f'{code}: ' if code else ''}{words}."


def named(wanted: Wanted, words: str) -> str:
    """Return the members whose addresses stand in the server's words."""
    found = []
    for member in wanted["members"]:
        start = words.find(member["address"])
        # 10.0.1.5 is not meant where 10.0.1.50 stands
        if start >= 0 and not words[start + len(member["address"]) :][:1].isdigit():
            found.append(f"member {member['index']} ({member['id']}, {member['address']})")
    return " and ".join(found)


def late(wanted: Wanted) -> str:
    """Say that the time was up."""
    return (
        f"The query took longer than {wanted['timeout']} s and was given up. "
        "Ask for less, or allow more with federation_query_timeout."
    )


def end(child: Any) -> None:
    """End the child, whatever it waits for."""
    child.join(0.5 if not child.is_alive() else 0)
    if child.is_alive():
        child.kill()
        child.join()


def close(wanted: Wanted, session: str, way: Way) -> None:
    """Close a session that the child could not close any more."""
    server = Server(way.host, way.port, wanted["user"], wanted["password"], PATIENCE / 2, way.through_proxy)
    with contextlib.suppress(AgraphError):
        server.json("POST", f"{session}/session/close")


if __name__ == "__main__":
    main()
