"""What a server does when a fault is to strike it, and what a federation makes of a member that dies."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from agraph_bench import Client

from sandbox.faults.book import Book
from sandbox.faults.questions import EVENTS
from sandbox.faults.rules import rules_of
from sandbox.hosts.fault_service import fault_conversation, listening
from sandbox.hosts.reactor import Reactor

ROOT = Path(__file__).resolve().parents[3]
ALL = "select ?s { ?s ?p ?o }"
TRIPLES = "".join(f"<ex://s{number}> <ex://p> <ex://o> .\n" for number in range(20))
MUCH = "".join(f"<ex://subject{number}> <ex://predicate> <ex://object{number}> .\n" for number in range(5000))


@dataclass
class Member:
    """A server in a process of its own, and the rules that strike it."""

    book: Book
    client: Client
    command: list[str]
    process: subprocess.Popen[str] | None = None

    def set(self, *rules: dict[str, Any]) -> None:
        self.book.set(rules_of(list(rules)))

    def start(self) -> str:
        """Start it; returns the first line that it says."""
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()

    def ended(self) -> int:
        assert self.process is not None
        return self.process.wait(10)

    @property
    def url(self) -> str:
        return f"<http://test:xyzzy@127.0.0.1:{self.client.port}/repositories/r>"


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Member]:
    """A member that runs, with twenty triples."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["--host", "127.0.0.1", "--port", str(port), "--main-port-for-sessions", "--data", str(tmp_path / "member")]
    each = Member(Book(), Client(port), [sys.executable, "-m", "sandbox.allegrograph", *words])
    reactor = Reactor()

    def fault(event: str) -> dict[str, Any] | None:
        rule = each.book.strike("allegrograph", [EVENTS[event]], lambda: "f-member-0")
        return dict(rule.values) if rule else None

    reactor.serve([listening("127.0.0.1", port)], fault_conversation(fault))
    try:
        assert "ready" in each.start()
        assert each.client.call("PUT", "/repositories/r").status == 204
        each.client.load("r", TRIPLES)
        yield each
    finally:
        each.end()
        reactor.close()


def test_a_server_does_not_start_as_long_as_the_rule_stands(member: Member) -> None:
    member.set({"allegrograph": "never_starts"})
    assert len(member.client.values("r", ALL)) == 20  # one that runs goes on
    member.end()
    for _ in range(2):
        assert member.start().startswith("ERROR: a fault of the sandbox keeps the server from starting")
        assert member.ended() == 1
    assert member.book.listed()[0]["struck"] == 2
    member.set()
    assert "ready" in member.start()


def test_every_request_is_answered_with_the_status(member: Member) -> None:
    member.set({"allegrograph": "error"})
    for path in ("/version", "/repositories/r/size", "/nowhere"):
        answer = member.client.call("GET", path)
        assert (answer.status, answer.text) == (500, "Internal Server Error")
    assert member.client.load("r", TRIPLES).status == 500
    member.set()
    assert member.client.call("GET", "/repositories/r/size").text == "20"


def test_only_those_requests_that_are_counted_are_refused(member: Member) -> None:
    member.set({"allegrograph": "error", "status": 503, "after": 1, "times": 2, "name": "*-member-0"})
    statuses = [member.client.call("GET", "/repositories/r/size").status for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    assert member.book.listed()[0]["matched"] == 4
    member.set({"allegrograph": "error", "name": "*-member-1"})
    assert member.client.call("GET", "/version").status == 200


@pytest.mark.parametrize("triples", ["", MUCH], ids=["short", "in chunks"])
def test_a_server_dies_in_the_middle_of_an_answer(member: Member, triples: str) -> None:
    member.client.load("r", triples)
    member.set({"allegrograph": "dies_in_query", "after": 1})
    whole = member.client.select("r", ALL, "text/csv").text
    assert member.client.call("GET", "/repositories/r/size").status == 200
    with pytest.raises(http.client.IncompleteRead) as broken:
        member.client.select("r", ALL, "text/csv")
    assert 0 < len(broken.value.partial) < len(whole)
    assert whole.startswith(broken.value.partial.decode())
    assert member.ended() == -9
    assert "ready" in member.start()
    assert member.client.select("r", ALL, "text/csv").text == whole


@pytest.mark.parametrize("warm", [False, True])
def test_a_member_dies_in_a_federations_query_even_if_its_triples_are_known(
    client: Client, member: Member, warm: bool
) -> None:
    session = client.session(store=member.url)
    if warm:
        assert len(client.values(session, ALL)) == 20
    member.set({"allegrograph": "dies_in_query"})
    client.session(store=member.url)  # which is no query
    answer = client.select(session, ALL)
    label = f"http://127.0.0.1:{member.client.port}/repositories/r"
    assert (answer.status, answer.text) == (500, f"The federation's member {label} does not answer: it broke off.")
    assert member.ended() == -9
    assert member.book.listed()[0]["matched"] == 1
    assert "ready" in member.start()
    assert len(client.values(session, ALL)) == 20
