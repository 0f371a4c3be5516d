"""What a server of AllegroGraph holds: its repositories in all catalogs, with the number of their statements.

Part of agraph_node_info, which runs on the nodes: Python 3.9 and its standard library.
"""

from __future__ import annotations

import time
from typing import Any

from ansible.module_utils.agraph_client import (
    AgraphError,
    RefusedError,
    Repository,
    Server,
    UnreachableError,
    repositories_path,
)

# AllegroGraph's name for the catalog that has none, and the catalog that it keeps its own accounts in.
ROOT_CATALOG = "/"
SYSTEM_CATALOG = "system"
# The least that a request may take, in seconds: with less no answer can come.
LEAST_TIMEOUT = 0.5


def version_within(server: Server, timeout: float) -> str:
    """Return the server's version, asked for once and without a password. Raises AgraphError."""
    server.timeout = max(LEAST_TIMEOUT, timeout)
    return str(server.version())


def holdings(server: Server, deadline: float) -> list[dict[str, Any]]:
    """Return each repository's catalog, name and statements, every copy of a statement counted.

    They are sorted by catalog and name. `deadline` is a moment of time.monotonic(). Raises AgraphError.
    """
    found = []
    for catalog in sorted(each["id"] for each in _asked(server, "/catalogs", deadline)):
        if catalog == SYSTEM_CATALOG:
            continue
        inside = None if catalog == ROOT_CATALOG else catalog
        for name in sorted(each["id"] for each in _asked(server, repositories_path(inside), deadline)):
            _hurry(server, deadline)
            try:
                size = Repository(server, name, inside).size()
            except RefusedError as refusal:
                # It was deleted since it was listed.
                if refusal.status == 404:
                    continue
                raise
            found.append({"catalog": catalog, "name": name, "statements": size})
    return found


def _asked(server: Server, path: str, deadline: float) -> list[dict[str, Any]]:
    _hurry(server, deadline)
    answer = server.json("GET", path)
    if not isinstance(answer, list) or not all(isinstance(each, dict) and "id" in each for each in answer):
        raise AgraphError(f"{server.url}{path} answered with something else than a list; is this AllegroGraph?")
    return answer


def _hurry(server: Server, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left < LEAST_TIMEOUT:
        raise UnreachableError(f"{server.url} did not answer in time: its repositories took too long to count.")
    server.timeout = left
