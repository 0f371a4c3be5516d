#!/usr/bin/python
"""Ask a federation of AllegroGraph repositories one SPARQL question."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agraph_federated_query
short_description: Ask a federation of AllegroGraph repositories a SPARQL question
description:
  - Opens a session on the manager over the repositories of all members, asks, and closes the session whatever happens.
  - agraph-python waits for ever and sends a failed request eleven times; this module ends at O(timeout) all the same.
  - It changes nothing on the servers, and an update is refused before anything is asked. With O(output_file) the
    answer goes from the manager to the disk a piece at a time, so that it may be larger than the memory.
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
  output:
    description:
      - In which form the answer comes; V(table), V(csv), V(tsv), V(json), V(xml) or V(html) for the rows of a SELECT,
        V(table), V(json), V(xml) or V(html) for an ASK, V(table), V(ntriples), V(turtle), V(xml) or V(html) for the
        triples of a CONSTRUCT or DESCRIBE.
      - AllegroGraph writes all but V(table) and V(html), and these are its bytes. V(json) and V(xml) are SPARQL's own,
        V(xml) of triples is RDF/XML.
    type: str
    default: table
  output_file:
    description:
      - A file for the answer instead of the result's RV(text), mode 0644. It is there whole or not at all, and stays
        as it is where it has the same content.
    type: path
  limit:
    description: The most rows or triples, as AllegroGraph counts them; V(0) for all.
    type: raw
    default: 0
  bindings:
    description: Terms, written as in N-Triples, by the names of the variables that have them from the beginning.
    type: raw
    default: {}
  reasoning:
    description: Whether what follows by RDFS++ from the members' triples counts as if it were there.
    type: bool
    default: false
  shown:
    description: The most rows of a table that goes to no file; V(0) for all. RV(more) says whether there were more.
    type: int
    default: 0
  columns:
    description: The width of a table that goes to no file, in columns of a terminal; V(0) for what it takes.
    type: int
    default: 0
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
    description: It asks in check mode, too, and says whether O(output_file) would be another; it is not written.
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

- name: Write all that is known about one thing to a file
  agraph_federated_query:
    manager_host: 198.51.100.7
    members:
      - {index: 0, id: i-0aaa, address: 10.0.1.5}
    repository: r
    user: reader
    secret_parameter: /agraph/reader
    query: SELECT ?p ?o { ?s ?p ?o }
    bindings: {s: <http://example.org/a>}
    output: csv
    output_file: /tmp/a.csv
    timeout: 3600
"""

RETURN = r"""
text:
  description: The answer in the form that was asked for. A table ends without a line break, all else as it came.
  returned: success, without O(output_file)
  type: str
count:
  description: How many rows or triples there are; none for an ASK and in V(turtle) and RDF/XML, which are not counted.
  returned: success
  type: int
more:
  description: Whether there are more rows than O(shown).
  returned: success, with O(output=table) and without O(output_file)
  type: bool
bytes:
  description: The size of the answer.
  returned: success, with O(output_file)
  type: int
names:
  description:
    - The variables. An ASK has the single one V(ask).
    - A CONSTRUCT or DESCRIBE has V(subject), V(predicate) and V(object).
  returned: success, with O(output=table) and without O(output_file)
  type: list
  elements: str
  sample: [avg]
rows:
  description: The rows, each a list with a term for each variable, null where it is unbound.
  returned: success, with O(output=table) and without O(output_file)
  type: list
  elements: list
  sample: [[{type: literal, value: "0.5", datatype: "http://www.w3.org/2001/XMLSchema#decimal"}]]
table:
  description: The same for people, as wide as it is.
  returned: success, with O(output=table) and without O(output_file)
  type: str
seconds:
  description: How long it took.
  returned: success
  type: float
"""

import contextlib
import signal
import time
from typing import Any

from ansible.module_utils.agraph_client import AgraphError
from ansible.module_utils.answer_outputs import OutputError, opened, sink_of
from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.federation_spec import without_secrets
from ansible.module_utils.manager_conversation import Manager, QueryError, Question, ask
from ansible.module_utils.port_forwarding import ForwardingError, Instance
from ansible.module_utils.sparql_formats import accepted, problem_with_question, rows_of, terms_of

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
    "output": {"type": "str", "default": "table"},
    "output_file": {"type": "path"},
    "limit": {"type": "raw", "default": 0},
    "bindings": {"type": "raw", "default": {}},
    "reasoning": {"type": "bool", "default": False},
    "shown": {"type": "int", "default": 0},
    "columns": {"type": "int", "default": 0},
    "timeout": {"type": "int", "default": 120},
    "tunnel": {
        "type": "dict",
        "options": {
            "instance_id": {"type": "str", "required": True},
            "plugin": {"type": "str", "required": True},
        },
    },
}


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
    params = dict(module.params)
    repository = f"http://localhost:{params['member_port']}/repositories/{params['repository']}"
    asked = (params[name] for name in ("query", "output", "limit", "bindings"))
    if problem := problem_with_question(*asked, repository):
        module.fail_json(msg=problem)
    try:
        if params["secret_parameter"]:
            params["password"] = stored(params["secret_parameter"], params["region"])
            module.no_log_values.add(params["password"])
        found = answer(params, started + params["timeout"], module.check_mode)
    except ImportError as error:
        module.fail_json(msg=missing_required_lib("boto3" if "boto" in str(error.name) else "agraph-python"))
    except (QueryError, OutputError, AgraphError, ForwardingError) as error:
        unwritten = f" Nothing was written to {params['output_file']}." if params["output_file"] else ""
        module.fail_json(msg=without_secrets(f"{error}{unwritten}", [params["password"] or ""]))
    module.exit_json(**{"changed": False, **found}, seconds=round(time.monotonic() - started, 2))


def answer(params: dict[str, Any], deadline: float, check_mode: bool) -> dict[str, Any]:
    """Return what the manager answers by the deadline, or write it to the file, or raise one sentence."""
    path, query, output = params["output_file"], params["query"], params["output"]
    with opened(path, check_mode) if path else contextlib.nullcontext() as file:
        sink, most = sink_of(query, output, file, params["shown"], rows_of(params["limit"]) or 0, params["columns"])
        bindings = terms_of(params["bindings"])
        question = Question(query, accepted(query, output), most, params["reasoning"], bindings)
        found = dict(ask(manager_of(params), question, sink, params["timeout"], deadline))
        if file and found["changed"]:
            file.put()
    return found


def manager_of(params: dict[str, Any]) -> Manager:
    """Return who is asked."""
    tunnel = params["tunnel"]
    return Manager(
        host=params["manager_host"],
        port=params["manager_port"],
        members=params["members"],
        member_port=params["member_port"],
        repository=params["repository"],
        catalog=params["catalog"],
        user=params["user"],
        password=params["password"],
        instance=tunnel and Instance(tunnel["instance_id"], "the manager", tunnel["plugin"], params["region"]),
    )


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


if __name__ == "__main__":
    main()
