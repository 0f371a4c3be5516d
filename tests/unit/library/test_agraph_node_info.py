"""agraph_node_info: what a server says of itself, and what it means that it says nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible.module_utils.instance_secrets import SecretError
from pretended_agraph import Agraph, Run

from library import agraph_node_info

ONE = ("<ex://a>", "<ex://b>", "<ex://c>")


def login(agraph: Agraph) -> dict[str, Any]:
    return {"port": agraph.port, "user": "test", "password": "xyzzy"}


@pytest.mark.parametrize("check", [False, True])
def test_every_repository_of_every_catalog_is_counted_copies_too(agraph: Agraph, run: Run, check: bool) -> None:
    agraph.repositories = {"r": [], "empty": []}
    agraph.add("r", *ONE)
    agraph.add("r", *ONE)
    agraph.answers = {
        "/catalogs": (200, json.dumps([{"id": "my data"}, {"id": "system"}, {"id": "/"}])),
        "/catalogs/my%20data/repositories": (200, '[{"id": "b/ooks"}]'),
        "/catalogs/my%20data/repositories/b%2Fooks/size": (200, "5000000"),
    }
    answer = run(agraph_node_info, check=check, **login(agraph))
    assert (answer["answers"], answer["version"], answer["problem"]) == (True, "8.5.2", "")
    assert answer["changed"] is False
    assert answer["repositories"] == [
        {"catalog": "/", "name": "empty", "statements": 0},
        {"catalog": "/", "name": "r", "statements": 2},
        {"catalog": "my data", "name": "b/ooks", "statements": 5000000},
    ]
    assert {method for method, _ in agraph.requests} == {"GET"}


def test_a_statement_of_the_nodes_own_is_told_from_the_others(agraph: Agraph, run: Run) -> None:
    agraph.repositories = {"r": [], "other": []}
    for repository in ("r", "r", "other"):
        agraph.add(repository, *ONE)
    agraph.add("r", "<ex://a>", "<ex://b>", "<ex://d>")
    own = dict(zip(("subject", "predicate", "object"), ONE, strict=True), repository="r")
    assert run(agraph_node_info, own=own, **login(agraph))["repositories"] == [
        {"catalog": "/", "name": "other", "statements": 1, "own": 0},
        {"catalog": "/", "name": "r", "statements": 3, "own": 2},
    ]


def test_a_server_that_is_down_is_an_answer_and_no_failure(closed_port: int, run: Run) -> None:
    answer = run(agraph_node_info, port=closed_port, user="test", password="xyzzy", label="Member 1")
    assert "failed" not in answer
    assert (answer["answers"], answer["version"], answer["repositories"]) == (False, "", None)
    assert answer["problem"] == (
        f"Member 1 does not answer http://127.0.0.1:{closed_port}/version: connection refused."
    )


def test_a_server_that_refuses_answers_all_the_same(agraph: Agraph, run: Run) -> None:
    answer = run(agraph_node_info, port=agraph.port, user="test", password="hunter2", label="Member 1")
    assert (answer["answers"], answer["version"], answer["repositories"]) == (True, "8.5.2", None)
    assert answer["problem"].startswith("Member 1 does not say what it holds: ")
    assert "refuses the user test or the password" in answer["problem"]
    assert "hunter2" not in str(answer)


def test_without_a_user_only_the_version_is_asked_for(agraph: Agraph, run: Run) -> None:
    answer = run(agraph_node_info, port=agraph.port)
    assert (answer["answers"], answer["problem"], answer["repositories"]) == (True, "", None)
    assert [path for _, path in agraph.requests] == ["/version"]


def test_a_repository_that_goes_meanwhile_is_left_out(agraph: Agraph, run: Run) -> None:
    agraph.repositories = {"r": []}
    agraph.answers = {"/repositories": (200, '[{"id": "r"}, {"id": "gone"}]')}
    answer = run(agraph_node_info, **login(agraph))
    assert answer["repositories"] == [{"catalog": "/", "name": "r", "statements": 0}]
    assert answer["problem"] == ""


def test_a_secret_that_cannot_be_had_is_said(agraph: Agraph, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise SecretError("There is no secret /agraph/superuser.")

    monkeypatch.setattr(agraph_node_info, "superuser_password", refuse)
    source = {"service": "http://127.0.0.1:9/", "region": "us-west-2", "superuser": "/agraph/superuser"}
    answer = run(agraph_node_info, port=agraph.port, user="test", secrets=source, label="Member 1")
    assert answer["answers"]
    assert answer["problem"] == "Member 1 does not say what it holds: There is no secret /agraph/superuser."


def test_a_server_that_hangs_is_left_when_the_time_is_up(agraph: Agraph, run: Run) -> None:
    agraph.repositories = {"r": []}
    agraph.delays["/repositories/r/size"] = 5
    started = time.monotonic()
    answer = run(agraph_node_info, timeout=1, **login(agraph))
    assert time.monotonic() - started < 4
    assert answer["answers"]
    assert answer["problem"].startswith("AllegroGraph does not answer ")
    assert "/repositories/r/size: no answer within" in answer["problem"]


def test_something_else_on_the_port_is_said(agraph: Agraph, run: Run) -> None:
    agraph.answers = {"/catalogs": (200, '"hello"')}
    answer = run(agraph_node_info, **login(agraph))
    assert answer["problem"].endswith("answered with something else than a list; is this AllegroGraph?")
