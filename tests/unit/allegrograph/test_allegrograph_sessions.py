import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from agraph_bench import Client, running

COUNT = "select (count(*) as ?n) { ?s ?p ?o }"


def put(client: Client, where: str, name: str) -> None:
    triple = {"subj": f"<ex://{name}>", "pred": "<ex://p>", "obj": "<ex://o>"}
    assert client.call("PUT", where + "/statement", triple).status == 204


def size(client: Client, where: str = "/repositories/r") -> int:
    return int(client.call("GET", where + "/size").text)


def count(client: Client, where: str) -> int:
    return int(client.values(where, COUNT)[0][0].split('"')[1])


def test_the_url_has_the_host_as_the_client_called_it_and_a_port_of_its_own(client: Client, repository: str) -> None:
    url = client.call("POST", "/repositories/r/session", headers={"Host": "example.org:99"}).json
    parts = urlsplit(url)
    assert parts.hostname == "example.org"
    assert 16000 <= (parts.port or 0) <= 17000
    assert client.call("GET", f"http://127.0.0.1:{parts.port}{parts.path}/size").text == "0"


def test_sessions_on_the_main_port() -> None:
    with running("--main-port-for-sessions") as client:
        client.call("PUT", "/repositories/r")
        assert urlsplit(client.session("r")).port == client.port


def test_only_the_session_sees_what_is_not_committed(client: Client, repository: str) -> None:
    client.load("r", "<ex://old> <ex://p> <ex://o> .")
    session = client.session("r")
    put(client, session, "new")
    client.call("DELETE", session + "/statements", {"subj": "<ex://old>"})
    assert client.call("GET", session + "/statements").json == [["<ex://new>", "<ex://p>", "<ex://o>"]]
    assert client.values(session, "select ?s { ?s ?p ?o }") == [["<ex://new>"]]
    assert client.call("GET", "/repositories/r/statements").json == [["<ex://old>", "<ex://p>", "<ex://o>"]]
    assert client.values("r", "select ?s { ?s ?p ?o }") == [["<ex://old>"]]
    assert client.call("POST", session + "/commit").status == 204
    assert client.call("GET", "/repositories/r/statements").json == [["<ex://new>", "<ex://p>", "<ex://o>"]]
    assert client.values("r", "select ?s { ?s ?p ?o }") == [["<ex://new>"]]


def test_rollback(client: Client, repository: str) -> None:
    session = client.session("r")
    put(client, session, "a")
    assert count(client, session) == 1
    client.call("POST", session + "/rollback")
    assert (size(client, session), count(client, session), size(client)) == (0, 0, 0)


def test_two_sessions_that_commit_lose_nothing(client: Client, repository: str) -> None:
    client.load("r", "<ex://a> <ex://p> <ex://o> .\n<ex://b> <ex://p> <ex://o> .\n")
    one, other = client.session("r"), client.session("r")
    put(client, one, "c")
    client.call("DELETE", one + "/statements", {"subj": "<ex://a>"})
    put(client, other, "d")
    client.call("DELETE", other + "/statements", {"subj": "<ex://b>"})
    assert count(client, one) == 2
    client.call("POST", one + "/commit")
    assert size(client, other) == 2  # its snapshot
    client.call("POST", other + "/commit")
    for where in ("/repositories/r", other):
        found = client.call("GET", where + "/statements").json
        assert [row[0] for row in found] == ["<ex://c>", "<ex://d>"]
    assert sorted(client.values("r", "select ?s { ?s ?p ?o }")) == [["<ex://c>"], ["<ex://d>"]]


def test_many_writers_at_once(client: Client, repository: str) -> None:
    def write(number: int) -> None:
        session = client.session("r")
        for each in range(5):
            put(client, session, f"{number}x{each}")
            client.call("POST", session + "/commit")
        client.call("POST", session + "/session/close")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert size(client) == 30
    assert count(client, "r") == 30


def test_a_failed_request_in_a_session_leaves_nothing_of_its_own(client: Client, repository: str) -> None:
    session = client.session("r")
    put(client, session, "a")
    lines = "<ex://b> <ex://p> <ex://o> .\nnonsense\n"
    assert client.call("POST", session + "/statements", None, lines, "application/n-triples").status == 400
    assert (size(client, session), count(client, session)) == (1, 1)
    client.call("POST", session + "/commit")
    assert size(client) == 1


def test_an_update_in_a_session_and_suppression_at_its_commit(client: Client, repository: str) -> None:
    client.call("PUT", "/repositories/r/suppressDuplicates", {"type": "spog"})
    session = client.session("r")
    client.call("POST", session, {"query": "insert data { <ex://a> <ex://p> 1 } ; insert data { <ex://a> <ex://p> 1 }"})
    assert count(client, session) == 2
    client.call("POST", session + "/commit")
    assert (size(client), count(client, "r"), size(client, session)) == (1, 1, 1)


def test_autocommit(client: Client, repository: str) -> None:
    session = client.session("r", autoCommit="true")
    put(client, session, "a")
    assert size(client) == 1
    client.call("POST", session + "/session/autoCommit", {"on": "false"})
    put(client, session, "b")
    assert (size(client), size(client, session)) == (1, 2)
    client.call("POST", session + "/session/autoCommit", {"on": "true"})
    assert size(client) == 2


def test_close_and_lifetime(client: Client, repository: str) -> None:
    session = client.session("r")
    assert client.call("GET", session + "/session/ping").json == "pong"
    assert client.call("POST", session + "/session/close").status == 204
    with pytest.raises(ConnectionError):
        client.call("GET", session + "/session/ping")
    assert client.call("POST", "/repositories/r/session", {"lifetime": "0"}).status == 400
    assert client.call("POST", "/repositories/r/session", {"lifetime": "30000"}).status == 400


def test_a_session_ends_when_nobody_uses_it(client: Client, repository: str) -> None:
    session = client.session("r", lifetime="1")
    gone = threading.Event()
    for _ in range(40):
        try:
            connected = gone.wait(2.5) or client.call("GET", session + "/session/ping").status
        except ConnectionError:
            return
        assert connected == 200
    pytest.fail("the session is still there")


def test_a_session_belongs_to_its_user(client: Client, repository: str) -> None:
    client.call("PUT", "/users/other", {"password": "pw"})
    session = client.session("r")
    assert Client(client.port, "other", "pw").call("GET", session + "/size").status == 403


def test_sessions_end_with_their_repository(client: Client, repository: str) -> None:
    session = client.session("r")
    client.call("DELETE", "/repositories/r")
    with pytest.raises(ConnectionError):
        client.call("GET", session + "/size")


def test_no_free_port_is_said(more_servers: Callable[..., Client]) -> None:
    client = more_servers("--session-ports", "16990-16990")
    client.call("PUT", "/repositories/r")
    client.session("r")
    answer = client.call("POST", "/repositories/r/session")
    assert (answer.status, answer.text) == (500, "No port from 16990 to 16990 is free for a session.")
