"""agraph_server_info, agraph_repository, agraph_statement and agraph_member: the modules that run on the nodes."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pretended_agraph import Agraph, Run

from library import agraph_member, agraph_repository, agraph_server_info, agraph_statement

TERMS = ("<ex://instance1>", "<ex://id>", '"1"^^<http://www.w3.org/2001/XMLSchema#integer>')
MEMBER = {"repository": "r", "statement": dict(zip(("subject", "predicate", "object"), TERMS, strict=True))}
STATEMENT = {"repository": "r", "subject": TERMS[0], "predicate": TERMS[1], "object": TERMS[2]}


def login(agraph: Agraph) -> dict[str, Any]:
    return {"port": agraph.port, "user": "test", "password": "xyzzy"}


def test_server_info_says_the_version(agraph: Agraph, run: Run) -> None:
    answer = run(agraph_server_info, port=agraph.port, timeout=5)
    assert (answer["version"], answer["changed"]) == ("8.5.2", False)


def test_server_info_names_who_is_late(closed_port: int, run: Run) -> None:
    answer = run(
        agraph_server_info,
        port=closed_port,
        timeout=1,
        interval=0.2,
        label="Member 1 (i-0ab, 10.0.1.5)",
        remedy="Look.",
    )
    assert answer["msg"] == (
        f"Member 1 (i-0ab, 10.0.1.5) did not answer http://127.0.0.1:{closed_port}/version within 1 s: "
        "connection refused. Look."
    )


def test_a_repository_is_made_once_and_deleted_once(agraph: Agraph, run: Run) -> None:
    first = run(agraph_repository, name="r", **login(agraph))
    assert first["changed"]
    assert (first["diff"]["before"], first["diff"]["after"]) == ("absent\n", "present\n")
    agraph.add("r", *TERMS)
    assert not run(agraph_repository, name="r", **login(agraph))["changed"]
    assert len(agraph.repositories["r"]) == 1
    assert run(agraph_repository, name="r", state="absent", **login(agraph))["changed"]
    assert not run(agraph_repository, name="r", state="absent", **login(agraph))["changed"]


def test_check_mode_only_looks(agraph: Agraph, run: Run) -> None:
    assert run(agraph_repository, check=True, name="r", **login(agraph))["changed"]
    assert run(agraph_statement, check=True, **STATEMENT, **login(agraph))["changed"]
    assert {method for method, _ in agraph.requests} == {"GET"}


@pytest.mark.parametrize(("state", "wanted"), [("present", 1), ("absent", 0)])
@pytest.mark.parametrize("found", [0, 1, 3])
def test_a_statement_is_there_exactly_as_often_as_it_should_be(
    agraph: Agraph, run: Run, state: str, wanted: int, found: int
) -> None:
    agraph.repositories["r"] = []
    agraph.add("r", "<ex://other>", *TERMS[1:])
    for _ in range(found):
        agraph.add("r", *TERMS)
    answer = run(agraph_statement, state=state, **STATEMENT, **login(agraph))
    assert answer["changed"] == (found != wanted)
    assert (answer["found"], answer["count"]) == (found, wanted)
    assert [terms for _, terms in agraph.repositories["r"]] == [("<ex://other>", *TERMS[1:])] + [TERMS] * wanted
    assert answer["diff"]["before"].count("\n") == found
    assert not run(agraph_statement, state=state, **STATEMENT, **login(agraph))["changed"]


def test_the_oldest_copy_stays(agraph: Agraph, run: Run) -> None:
    agraph.repositories["r"] = []
    for _ in range(3):
        agraph.add("r", *TERMS)
    run(agraph_statement, **STATEMENT, **login(agraph))
    assert agraph.repositories["r"] == [(1, TERMS)]


def test_two_at_the_same_time_leave_one_copy(agraph: Agraph) -> None:
    from ansible.module_utils.agraph_client import Repository, Server
    from ansible.module_utils.agraph_contents import settle as settle_statement

    agraph.repositories["r"] = []
    terms = {"subj": TERMS[0], "pred": TERMS[1], "obj": TERMS[2], "context": "null"}
    agraph.delays["/repositories/r/statement"] = 0.1
    failures: list[Exception] = []

    def settle() -> None:
        try:
            repository = Repository(Server("127.0.0.1", agraph.port, "test", "xyzzy"), "r")
            settle_statement(repository, terms, 1)
        except Exception as error:  # noqa: BLE001  # a thread's exception would be lost
            failures.append(error)

    threads = [threading.Thread(target=settle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(agraph.repositories["r"]) == 1


def test_a_missing_repository_is_an_error_outside_check_mode(agraph: Agraph, run: Run) -> None:
    answer = run(agraph_statement, **STATEMENT, **login(agraph))
    assert answer["failed"]
    assert "There is no repository r" in answer["msg"]


def test_a_wrong_password_is_one_sentence(agraph: Agraph, run: Run) -> None:
    answer = run(agraph_repository, name="r", port=agraph.port, user="test", password="hunter2")
    assert answer["failed"]
    assert "refuses the user test or the password" in answer["msg"]
    assert "hunter2" not in str(answer)


def test_a_member_gets_repository_and_statement_at_once_and_only_once(agraph: Agraph, run: Run) -> None:
    first = run(agraph_member, **MEMBER, **login(agraph))
    assert (first["version"], first["changed"]) == ("8.5.2", True)
    assert first["done"] == ["made the repository r", "added the statement"]
    assert [each["before"] for each in first["diff"]] == ["absent\n", ""]
    assert [terms for _, terms in agraph.repositories["r"]] == [TERMS]
    again = run(agraph_member, **MEMBER, **login(agraph))
    assert (again["changed"], again["done"]) == (False, [])
    agraph.add("r", *TERMS)
    repaired = run(agraph_member, **MEMBER, **login(agraph))
    assert (repaired["changed"], repaired["done"]) == (True, ["removed copies of the statement"])
    assert agraph.repositories["r"] == [(1, TERMS)]


def test_a_member_that_is_only_looked_at_stays_as_it_is(agraph: Agraph, run: Run) -> None:
    answer = run(agraph_member, check=True, **MEMBER, **login(agraph))
    assert answer["done"] == ["made the repository r", "added the statement"]
    assert {method for method, _ in agraph.requests} == {"GET"}
    assert not run(agraph_member, port=agraph.port)["changed"]


def test_a_member_that_is_late_or_refuses_says_for_how_long_it_was_waited(
    agraph: Agraph, closed_port: int, run: Run
) -> None:
    late = run(agraph_member, port=closed_port, timeout=1, interval=0.2, label="Member 1", remedy="Look.")
    assert late["msg"] == (
        f"Member 1 did not answer http://127.0.0.1:{closed_port}/version within 1 s: connection refused. Look."
    )
    assert late["waited"] >= 0
    refused = run(agraph_member, **MEMBER, port=agraph.port, user="test", password="hunter2", label="Member 1")
    assert refused["msg"].startswith("Member 1 cannot be made ready: ")
    assert "refuses the user test or the password" in refused["msg"]
    assert refused["waited"] >= 0
    assert "hunter2" not in str(refused)
