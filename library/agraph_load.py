#!/usr/bin/python
"""Loads parts of data into a repository of AllegroGraph, each exactly once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agraph_load
short_description: Load data into a repository of AllegroGraph, each part exactly once
description:
  - Fetches each part from a URL, through this host and into a session of AllegroGraph as it comes, and commits it
    together with a marker that names it. What is committed is noted in a ledger on this host, and the marker removed.
  - A part that the ledger has is not loaded again. What a run left that was interrupted, at any point, is found out and
    finished first; one that is still at work on this host is waited for.
  - A part is loaded as a whole or not at all. The first that cannot be loaded ends it, with those before it loaded.
  - It needs nothing but Python's standard library, 3.9 or newer, on the host where it runs.
version_added: 0.1.0
extends_documentation_fragment: [agraph, agraph.secrets]
author: [agraph-federation]
options:
  state:
    description:
      - V(loaded) loads O(parts).
      - V(known) loads nothing; it finishes what an earlier run left, and says what is loaded.
    type: str
    choices: [loaded, known]
    default: loaded
  repository:
    description: The repository's name; it has to exist.
    type: str
    required: true
  parts:
    description: What is to be loaded, in this order.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: By which a part is known again; another content needs another id.
        type: str
        required: true
      url:
        description: Where it is fetched; it may be signed. Only check mode does without.
        type: str
        default: ""
      content_type:
        description: Its format, as AllegroGraph calls it.
        type: str
        required: true
      compression:
        description: How it is packed.
        type: str
        choices: [none, gzip]
        default: none
      statements:
        description: How many statements are in it, where that is known. Any other number is an error.
        type: int
      bytes:
        description: How long it is as it lies there, where that is known. Any other length is an error.
        type: int
      source:
        description: What to call it in an error.
        type: str
        required: true
      base:
        description: The IRI that its relative IRIs stand for.
        type: str
  demonstration:
    description: A statement that V(state=loaded) removes once, before anything is loaded, written as in N-Triples.
    type: dict
    suboptions:
      subject:
        description: The subject.
        type: str
        required: true
      predicate:
        description: The predicate.
        type: str
        required: true
      object:
        description: The object.
        type: str
        required: true
  again:
    description:
      - Whether to forget the ledger of a repository that holds fewer statements than were loaded into it, so that all
        of them are loaded again. Otherwise that is an error.
    type: bool
    default: false
  user:
    description: A user who may open sessions and write to the repository.
    type: str
    required: true
  password:
    description: The user's password, where there is no O(secrets).
    type: str
  ledger:
    description: The file that knows what was loaded. A lock lies beside it.
    type: path
    default: /var/lib/agraph-federation/loads.jsonl
  progress_url:
    description: Where to PUT a small JSON object every two seconds that says how far it is. Empty for nowhere.
    type: str
    default: ""
  timeout:
    description: How long all of it may take, in seconds.
    type: int
    default: 3600
attributes:
  check_mode:
    description: Can run in check mode and says what it would load.
    support: full
  diff_mode:
    description: Lists what was loaded.
    support: full
"""

EXAMPLES = r"""
- name: Load a file
  agraph_load:
    repository: r
    user: test
    password: "{{ federation_agraph_password }}"
    parts:
      - id: 9f86d081884c7d65
        url: https://example.com/people.nt
        content_type: application/n-triples
        source: people.nt
"""

RETURN = r"""
loaded:
  description: All that was ever loaded into the repository and is in the ledger, each with C(id) and C(statements).
  returned: success
  type: list
  elements: dict
  sample: [{id: 9f86d081884c7d65, statements: 4711}]
added:
  description: What of O(parts) was loaded now, each with C(id) and C(statements); in check mode, what would be.
  returned: success
  type: list
  elements: dict
statements:
  description: How many statements the repository holds now.
  returned: success
  type: int
  sample: 4711
demonstration:
  description: Whether O(demonstration) is there, and is not to be.
  returned: success
  type: bool
seconds:
  description: How long it took to load.
  returned: success
  type: float
  sample: 1.2
done:
  description: What was done, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
  sample: [removed the statement of the demonstration, loaded people.nt]
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils import agraph_contents as contents
from ansible.module_utils.agraph_client import AgraphError, Repository, Server
from ansible.module_utils.agraph_load import Loader, LoadError, Part
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.instance_secrets import SUPERUSER_SECRET, SecretError, superuser_password
from ansible.module_utils.load_ledger import Ledger, LedgerError, locked
from ansible.module_utils.load_source import Progress, awake

PART: dict[str, Any] = {
    "id": {"type": "str", "required": True},
    "url": {"type": "str", "default": "", "no_log": True},
    "content_type": {"type": "str", "required": True},
    "compression": {"type": "str", "choices": ["none", "gzip"], "default": "none"},
    "statements": {"type": "int"},
    "bytes": {"type": "int"},
    "source": {"type": "str", "required": True},
    "base": {"type": "str"},
}
TERMS = {name: {"type": "str", "required": True} for name in ("subject", "predicate", "object")}
ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["loaded", "known"], "default": "loaded"},
    "repository": {"type": "str", "required": True},
    "parts": {"type": "list", "elements": "dict", "default": [], "options": PART},
    "demonstration": {"type": "dict", "options": TERMS},
    "again": {"type": "bool", "default": False},
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 10035},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    "secrets": SUPERUSER_SECRET,
    "ledger": {"type": "path", "default": "/var/lib/agraph-federation/loads.jsonl"},
    "progress_url": {"type": "str", "default": "", "no_log": True},
    "timeout": {"type": "int", "default": 3600},
}
ERRORS = (AgraphError, LoadError, LedgerError, SecretError)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, required_one_of=[("password", "secrets")])
    wanted, deadline = module.params, time.monotonic() + module.params["timeout"]
    try:
        server = Server(wanted["host"], wanted["port"], wanted["user"], password(wanted))
        with awake(), alone(Path(wanted["ledger"]), deadline, module.check_mode):
            ledger = Ledger(Path(wanted["ledger"]), wanted["repository"])
            loader = Loader(server, Repository(server, wanted["repository"]), ledger, deadline)
            answer = looked(loader, wanted) if module.check_mode else worked(loader, wanted)
    except ERRORS as error:
        module.fail_json(msg=str(error), done=[])
    loaded = [{"id": part, "statements": number} for part, number in ledger.loaded.items()]
    difference = {"before": "", "after": "".join(f"{each}\n" for each in answer["done"])}
    module.exit_json(changed=bool(answer["done"]), loaded=loaded, diff=difference, **answer)


def password(wanted: dict[str, Any]) -> str:
    """Return the user's password, fetched where it has to be; raises SecretError."""
    return str(superuser_password(wanted["secrets"]) if wanted["secrets"] else wanted["password"])


@contextmanager
def alone(ledger: Path, deadline: float, check_mode: bool) -> Iterator[None]:
    """Be the only one who loads; who only looks does not wait, and makes no file."""
    if check_mode:
        yield
        return
    with locked(ledger, deadline):
        yield


def looked(loader: Loader, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what would be done."""
    new = parts_to_load(loader, wanted)
    there = demonstration_count(loader, wanted) > 0
    done = ["would finish what an earlier load left"] if loader.ledger.sessions or loader.committed() else []
    if wanted["state"] == "loaded":
        done += ["would remove the statement of the demonstration"] if there else []
        done += [f"would load {part.source}" for part in new]
    added = [{"id": part.id, "statements": part.statements or 0} for part in new]
    statements = loader.repository.size()
    return {"added": added, "statements": statements, "demonstration": there, "seconds": 0.0, "done": done}


def worked(loader: Loader, wanted: dict[str, Any]) -> dict[str, Any]:
    """Finish what was left, then load; raises one of ERRORS."""
    ledger, begun = loader.ledger, time.monotonic()
    done = loader.finish_earlier()
    size = loader.repository.size()
    if size < ledger.statements:
        if not wanted["again"]:
            raise LoadError(
                f"The repository {ledger.repository} holds {size} statements, and {ledger.statements} were loaded into "
                "it: somebody has removed some. If it was emptied, load everything again with: "
                "ansible-playbook load.yml -e federation_load_again=true"
            )
        ledger.forget()
        done.append("forgot what was loaded before")
    there = demonstration_count(loader, wanted)
    new = parts_to_load(loader, wanted)
    if wanted["state"] == "loaded" and wanted["demonstration"] and not ledger.demonstration_removed:
        loader.remove_demonstration(wanted["demonstration"])
        done += ["removed the statement of the demonstration"] if there else []
        size, there = size - there, 0
    with Progress(wanted["progress_url"], len(new)) as progress:
        loader.load(new, progress)
    now = loader.repository.size()
    if now != size + progress.statements:
        raise LoadError(
            f"The repository {ledger.repository} holds {now} statements, and {size + progress.statements} were "
            f"expected, {progress.statements} of them just loaded. Does something else write to it, or does it "
            "suppress duplicates?"
        )
    done += [f"loaded {part.source}" for part in new]
    return {
        "added": [{"id": part.id, "statements": ledger.loaded[part.id]} for part in new],
        "statements": now,
        "demonstration": there > 0,
        "seconds": round(time.monotonic() - begun, 2),
        "done": done,
    }


def parts_to_load(loader: Loader, wanted: dict[str, Any]) -> list[Part]:
    """Return what the ledger does not have, each once."""
    new = {each["id"]: Part(**each) for each in wanted["parts"] if each["id"] not in loader.ledger.loaded}
    return list(new.values()) if wanted["state"] == "loaded" else []


def demonstration_count(loader: Loader, wanted: dict[str, Any]) -> int:
    """Return how often the demonstration's statement is there; what looks like it later is data."""
    if not wanted["demonstration"] or loader.ledger.demonstration_removed:
        return 0
    return len(loader.repository.statement_ids(contents.terms_of(wanted["demonstration"])))


if __name__ == "__main__":
    main()
