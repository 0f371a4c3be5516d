from __future__ import annotations

import json
import time
import urllib.parse
from typing import Any

import pytest
from pretended_agraph import Agraph, Run

from library import agraph_federated_query

# The module forks; its own process has no threads, the tests' has the pretended server's.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")

ANSWER = {"names": ["avg"], "values": [['"0.5"^^<http://www.w3.org/2001/XMLSchema#decimal>']]}
MEMBERS = [{"index": 1, "id": "i-0bbb", "address": "10.0.1.6"}, {"index": 0, "id": "i-0aaa", "address": "10.0.1.60"}]


def wanted(agraph: Agraph, **changes: Any) -> dict[str, Any]:
    return {
        "manager_host": "127.0.0.1",
        "manager_port": agraph.port,
        "members": MEMBERS,
        "repository": "r",
        "user": agraph.user,
        "password": agraph.password,
        "query": "SELECT (AVG(?o) AS ?avg) { ?s ?p ?o }",
        "timeout": 20,
        **changes,
    }


@pytest.fixture
def answering(agraph: Agraph) -> Agraph:
    agraph.answers["/session-one"] = (200, json.dumps(ANSWER))
    return agraph


def test_the_answer_comes_as_rows_and_table(answering: Agraph, run: Run) -> None:
    answer = run(agraph_federated_query, **wanted(answering))
    assert answer["names"] == ["avg"]
    assert answer["rows"][0][0]["value"] == "0.5"
    assert answer["table"].splitlines()[3] == "| 0.5 |"
    assert not answer["changed"]
    assert len(answering.asked("POST", "/session/close")) == 1


def test_the_spec_has_the_members_in_order_with_quoted_credentials(answering: Agraph, run: Run) -> None:
    answering.user, answering.password = "re ader", "p@ss/w:rd"
    run(agraph_federated_query, **wanted(answering))
    [asked] = answering.asked("POST", "/session")
    store = urllib.parse.parse_qs(urllib.parse.urlsplit(asked).query)["store"]
    assert store == [
        "<http://re%20ader:p%40ss%2Fw%3Ard@10.0.1.60:10035/repositories/r> + "
        "<http://re%20ader:p%40ss%2Fw%3Ard@10.0.1.6:10035/repositories/r>"
    ]


def test_the_environment_of_the_client_does_not_apply(
    answering: Agraph, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PORT": "1", "HOST": "192.0.2.1", "PROXY": "http://127.0.0.1:9", "USER": "x"}.items():
        monkeypatch.setenv(f"AGRAPH_{name}", value)
    assert run(agraph_federated_query, **wanted(answering))["names"] == ["avg"]


def test_a_query_that_does_not_parse_gets_the_servers_words(agraph: Agraph, run: Run) -> None:
    agraph.answers["/session-one"] = (400, "MALFORMED QUERY: Line 1, expected a variable")
    answer = run(agraph_federated_query, **wanted(agraph))
    assert answer["msg"] == "The query does not parse: Line 1, expected a variable."
    assert len(agraph.asked("POST", "/session/close")) == 1


def test_a_wrong_password(agraph: Agraph, run: Run) -> None:
    answer = run(agraph_federated_query, **wanted(agraph, password="hunter2"))
    assert "refuses the user test or the password" in answer["msg"]
    assert "hunter2" not in str(answer)


def test_a_manager_that_cannot_be_reached(agraph: Agraph, closed_port: int, run: Run) -> None:
    started = time.monotonic()
    answer = run(agraph_federated_query, **wanted(agraph, manager_port=closed_port))
    assert answer["msg"].startswith(
        f"The manager cannot be reached: http://127.0.0.1:{closed_port}/version did not answer: connection refused."
    )
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("path", ["/session", "/session-one"])
def test_a_member_that_cannot_be_reached_is_named_without_its_password(agraph: Agraph, run: Run, path: str) -> None:
    agraph.answers[path] = (
        500,
        "Could not open <http://test:xyzzy@10.0.1.6:10035/repositories/r>: Connection refused (errno 111)",
    )
    answer = run(agraph_federated_query, **wanted(agraph))
    assert answer["msg"].startswith(
        "The manager could not ask member 1 (i-0bbb, 10.0.1.6): Could not open <http://***@"
    )
    assert "xyzzy" not in str(answer)


def test_an_address_that_begins_like_another_is_not_taken_for_it(agraph: Agraph, run: Run) -> None:
    agraph.answers["/session"] = (500, "No answer from 10.0.1.60:10035")
    assert "could not ask member 0 (i-0aaa, 10.0.1.60):" in run(agraph_federated_query, **wanted(agraph))["msg"]


def test_the_time_is_bounded_and_the_session_closed(answering: Agraph, run: Run) -> None:
    answering.delays["/session-one"] = 30
    started = time.monotonic()
    answer = run(agraph_federated_query, **wanted(answering, timeout=2))
    assert 1.5 < time.monotonic() - started < 6
    assert answer["msg"].startswith("The query took longer than 2 s and was given up.")
    assert len(answering.asked("POST", "/session-one/session/close")) == 1


def test_the_time_is_bounded_while_the_session_opens(agraph: Agraph, run: Run) -> None:
    agraph.delays["/session"] = 30
    started = time.monotonic()
    assert "took longer than 2 s" in run(agraph_federated_query, **wanted(agraph, timeout=2))["msg"]
    assert time.monotonic() - started < 5


def test_no_members_are_nothing_to_ask(agraph: Agraph, run: Run) -> None:
    assert "no members" in run(agraph_federated_query, **wanted(agraph, members=[]))["msg"]


def test_braces_and_question_marks_arrive_as_they_were(answering: Agraph, run: Run) -> None:
    query = "SELECT ?s { { ?s ?p {{}} } # {# not a template #} %7B & + é\n}"
    run(agraph_federated_query, **wanted(answering, query=query))
    [asked] = answering.asked("GET", "/session-one")
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(asked).query)["query"] == [query]
