from __future__ import annotations

import socket
import threading
import time

import pytest
from ansible.module_utils.agraph_client import RefusedError, Repository, Server, UnreachableError, wait_for_version
from pretended_agraph import Agraph


def server_of(agraph: Agraph, password: str = "xyzzy", timeout: float = 5) -> Server:
    return Server("127.0.0.1", agraph.port, "test", password, timeout)


def test_version_needs_no_password(agraph: Agraph) -> None:
    assert Server("127.0.0.1", agraph.port).version() == "8.5.2"


def test_a_wrong_password_is_named_without_it(agraph: Agraph) -> None:
    with pytest.raises(RefusedError, match="refuses the user test or the password") as caught:
        Repository(server_of(agraph, "wrong-one"), "r").exists()
    assert "wrong-one" not in str(caught.value)


def test_a_closed_port_is_a_sentence(closed_port: int) -> None:
    with pytest.raises(UnreachableError, match=r"^http://127.0.0.1:\d+/version did not answer: connection refused\.$"):
        Server("127.0.0.1", closed_port).version()


def test_the_servers_words_come_with_its_code(agraph: Agraph) -> None:
    agraph.answers["/repositories"] = (400, "MALFORMED QUERY: Line 1, missing }")
    with pytest.raises(RefusedError) as caught:
        Repository(server_of(agraph), "r").exists()
    assert (caught.value.status, caught.value.code, caught.value.words) == (400, "MALFORMED QUERY", "Line 1, missing }")


def test_something_else_on_the_port_is_said(agraph: Agraph) -> None:
    agraph.answers["/version"] = (200, "<html>hello</html>")
    with pytest.raises(RefusedError, match="not JSON; is this AllegroGraph"):
        server_of(agraph).version()


def test_the_query_string_never_shows(agraph: Agraph) -> None:
    agraph.answers["/session"] = (500, "no")
    with pytest.raises(RefusedError) as caught:
        server_of(agraph).json("POST", "/session", {"store": "<http://u:secret@h/>"})
    assert "secret" not in str(caught.value)


def test_a_server_that_trickles_is_given_up() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def trickle() -> None:
        connection = listener.accept()[0]
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            try:
                for _ in range(100):
                    connection.sendall(b" ")
                    time.sleep(0.05)
            except OSError:
                pass

    threading.Thread(target=trickle, daemon=True).start()
    started = time.monotonic()
    with pytest.raises(UnreachableError, match=r"no answer within 0\.5 s"):
        Server("127.0.0.1", listener.getsockname()[1], timeout=0.5).version()
    assert time.monotonic() - started < 2
    listener.close()


def test_a_proxy_of_the_environment_is_not_asked(agraph: Agraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert server_of(agraph).version() == "8.5.2"


def test_a_repository_comes_and_goes(agraph: Agraph) -> None:
    repository = Repository(server_of(agraph), "r")
    assert not repository.exists()
    repository.create()
    assert repository.exists()
    repository.delete()
    repository.delete()
    assert not repository.exists()


def test_waiting_ends_with_the_last_reason(closed_port: int) -> None:
    started = time.monotonic()
    with pytest.raises(UnreachableError, match="connection refused"):
        wait_for_version(Server("127.0.0.1", closed_port), 0.5, 0.1)
    assert time.monotonic() - started < 2
