"""The AllegroGraph modules against connections that break and servers that refuse: one sentence, and nothing twice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from pretended_agraph import Agraph, Run

from library import agraph_federated_query, agraph_member, agraph_repository, agraph_server_info, agraph_statement

PASSWORD = "xyzzy-never-shown"
TERMS = ("<ex://instance1>", "<ex://id>", '"1"^^<http://www.w3.org/2001/XMLSchema#integer>')
LOGIN = {"user": "test", "password": PASSWORD}
MODULES: dict[str, tuple[ModuleType, Callable[[int], dict[str, Any]]]] = {
    "repository": (agraph_repository, lambda port: {"name": "r", "port": port, "timeout": 1, **LOGIN}),
    "statement": (
        agraph_statement,
        lambda port: {
            "repository": "r",
            "subject": TERMS[0],
            "predicate": TERMS[1],
            "object": TERMS[2],
            "port": port,
            "timeout": 1,
            **LOGIN,
        },
    ),
    "member": (
        agraph_member,
        lambda port: {"repository": "r", "port": port, "timeout": 1, "interval": 0.2, **LOGIN},
    ),
    "server_info": (agraph_server_info, lambda port: {"port": port, "timeout": 1, "interval": 0.2}),
    "federated_query": (
        agraph_federated_query,
        lambda port: {
            "manager_host": "127.0.0.1",
            "manager_port": port,
            "members": [{"index": 0, "id": "i-0ab", "address": "10.0.1.5"}],
            "repository": "r",
            "query": "ASK {}",
            "timeout": 2,
            **LOGIN,
        },
    ),
}


def answer(status: int, body: str, length: int | None = None) -> bytes:
    """Return an answer of HTTP whose stated length may be more than it has."""
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n{body}".encode()


BREAKS = {
    "closed at once": (b"", "the connection was closed"),
    "half of the headers": (b"HTTP/1.1 200 OK\r\nContent-Le", "the connection was closed"),
    "half of the body": (answer(200, "[", 100), "the connection was closed"),
    "a whole value of a longer body": (answer(200, "[]", 100), "the connection was closed"),
    "half of a refusal": (answer(500, "INTERNAL", 100), "answered 500"),
    "no answer": (None, "no answer within"),
    "not HTTP": (b"SSH-2.0-OpenSSH\r\n", "the connection was closed"),
    "not JSON": (answer(200, "<html>"), "not JSON"),
    "400": (answer(400, "MALFORMED QUERY: Line 1, missing }"), "answered 400: Line 1, missing }"),
    "401": (answer(401, "Login required"), "refuses the user"),
    "404": (answer(404, "There is no such thing"), "answered 404: There is no such thing"),
    "500": (answer(500, "INTERNAL ERROR: out of memory"), "answered 500: out of memory"),
}


@contextmanager
def broken(said: bytes | None) -> Iterator[tuple[int, list[bytes]]]:
    """Serve the same broken answer to everybody, and note what was asked; None never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            asked.append(connection.recv(65536))
            if said is None:
                kept.append(connection)
                continue
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            kept.append(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for each in kept:
            each.close()


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("fault", BREAKS)
def test_each_fault_is_one_sentence(run: Run, name: str, fault: str) -> None:
    module, arguments = MODULES[name]
    said, words = BREAKS[fault]
    with broken(said) as (port, asked):
        outcome = run(module, **arguments(port))
    message = outcome["msg"]
    assert outcome["failed"]
    # The one call that needs no password can be refused like any other, but not for its user.
    assert fault == "401" or words in message
    assert f"127.0.0.1:{port}" in message
    assert "\n" not in message
    assert "Traceback" not in str(outcome)
    assert PASSWORD not in str(outcome)
    assert asked


@pytest.mark.parametrize("name", MODULES)
def test_a_closed_port_is_one_sentence(run: Run, closed_port: int, name: str) -> None:
    module, arguments = MODULES[name]
    message = run(module, **arguments(closed_port))["msg"]
    assert "connection refused" in message
    assert f"127.0.0.1:{closed_port}" in message


@contextmanager
def cut(agraph: Agraph, method: bytes, times: int) -> Iterator[tuple[int, list[bytes]]]:
    """Stand before a server, hand requests on, and cut the first answers to a method off: the work is done."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def serve() -> None:
        left = times
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with connection, socket.create_connection(("127.0.0.1", agraph.port)) as behind:
                request = connection.recv(65536)
                seen.append(request.split(b" ")[0])
                behind.sendall(request)
                behind.settimeout(5)
                said = behind.recv(65536)
                if left and request.startswith(method):
                    left -= 1
                    continue
                connection.sendall(said)
                while part := behind.recv(65536):
                    connection.sendall(part)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def statement(port: int) -> dict[str, Any]:
    return {**MODULES["statement"][1](port), "password": "xyzzy"}


def test_reading_is_tried_again_when_the_connection_breaks(agraph: Agraph, run: Run) -> None:
    agraph.repositories["r"] = []
    with cut(agraph, b"GET", 2) as (port, seen):
        assert run(agraph_statement, **statement(port))["count"] == 1
    assert seen[:3] == [b"GET"] * 3


def test_reading_is_not_tried_for_ever(agraph: Agraph, run: Run) -> None:
    agraph.repositories["r"] = []
    with cut(agraph, b"GET", 50) as (port, seen):
        assert "the connection was closed" in run(agraph_statement, **statement(port))["msg"]
    assert seen == [b"GET"] * 3


def test_a_change_whose_answer_is_lost_is_not_made_twice(agraph: Agraph, run: Run) -> None:
    agraph.repositories["r"] = []
    with cut(agraph, b"PUT", 1) as (port, seen):
        first = run(agraph_statement, **statement(port))
        assert "the connection was closed" in first["msg"]
        assert seen.count(b"PUT") == 1
        assert len(agraph.repositories["r"]) == 1
        second = run(agraph_statement, **statement(port))
    assert (second["changed"], second["found"]) == (False, 1)
    assert len(agraph.repositories["r"]) == 1
