"""The conversation with a federation's manager: open a session over all members, ask, close it, in bounded time."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from ansible.module_utils.agraph_client import AgraphError, Server
from ansible.module_utils.answer_outputs import EnoughError, OutputError, Sink
from ansible.module_utils.federation_spec import federation, repository_url
from ansible.module_utils.manager_way import Way
from ansible.module_utils.port_forwarding import LOCALHOST, Instance
from ansible.module_utils.sparql_stream import UnreadableError

# How long the manager may take to say that it is there, and to close a session that ran out of time.
PATIENCE = 10.0
# The longest query, with what goes with it, that is put into a URL; servers have room there for some thousand letters.
LONGEST_URL = 4000


class QueryError(Exception):
    """Why there is no answer, in one sentence."""


@dataclass(frozen=True)
class Manager:
    """Who is asked, about whom, and as whom."""

    host: str
    port: int
    # Each with index, id and address.
    members: Sequence[Mapping[str, Any]]
    member_port: int
    repository: str
    catalog: str | None
    user: str
    password: str
    # Where there is one, the manager is reached through tunnels to it.
    instance: Instance | None = None


@dataclass(frozen=True)
class Question:
    """What is asked, and in which form the answer is to come."""

    query: str
    accept: str = "application/json"
    # The most rows; 0 for all.
    limit: int = 0
    reasoning: bool = False
    # Terms as N-Triples has them, by the variables' names.
    bindings: Mapping[str, str] = field(default_factory=dict)


def ask(manager: Manager, question: Question, sink: Sink, timeout: int, deadline: float) -> dict[str, Any]:
    """Return what the sink made of the server's answer, or raise one sentence, by the deadline of time.monotonic."""
    import franz.miniclient.repository  # noqa: F401  # here, so that the child is forked with it loaded

    if not manager.members:
        raise QueryError("The federation has no members, so there is nothing to ask.")
    with Way(manager.host, manager.port, manager.instance, deadline) as way:
        greet(manager, deadline, way)
        # The client has no time-out of its own: a process of its own can be ended whatever it waits for.
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        child = context.Process(target=converse, args=(manager, question, sink, timeout, way, theirs), daemon=True)
        child.start()
        theirs.close()
        session = None
        try:
            while ours.poll(max(0.0, deadline - time.monotonic())):
                kind, value = ours.recv()
                if kind == "session":
                    session = way.here(value)
                    ours.send(session)
                elif kind == "answer":
                    return dict(value)
                elif kind == "unfit":
                    raise QueryError(value)
                else:
                    raise QueryError((value[0] is None and way.trouble()) or explain(manager, timeout, *value))
        except EOFError:
            raise QueryError(
                "The query's process ended without an answer; run it again with -vvv to see why."
            ) from None
        finally:
            end(child)
            if session:
                close(manager, session, way)
        raise QueryError(late(timeout))


def greet(manager: Manager, deadline: float, way: Way) -> None:
    """Say at once that the manager cannot be reached; the client would try for minutes."""
    patience = max(0.5, min(PATIENCE, deadline - time.monotonic()))
    server = Server(way.host, way.port, timeout=patience, through_proxy=way.through_proxy)
    try:
        server.version()
    except AgraphError as error:
        if manager.instance:
            raise QueryError(
                way.trouble() or f"The manager's AllegroGraph does not answer through the tunnel: {error}"
            ) from None
        raise QueryError(
            f"The manager cannot be reached: {error} Does its security group let this machine's address in "
            "(federation_allowed_cidr), and does AllegroGraph run there?"
        ) from None


def converse(manager: Manager, question: Question, sink: Sink, timeout: int, way: Way, pipe: Connection) -> None:
    """In the child: open the session, ask, hand the answer to the sink as it comes, and send what came of it."""
    # The client prints errors, with the URLs and the passwords in them; the module's output is JSON and nothing else.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    for name in [name for name in os.environ if name.startswith("AGRAPH_")]:
        del os.environ[name]
    if not way.through_proxy:
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = LOCALHOST
    from franz.miniclient.repository import Client
    from franz.miniclient.request import RequestError

    try:
        client = Client(f"http://{way.host}:{way.port}", manager.user, manager.password)
        # A session that nobody closes any more ends by itself soon after the time is up.
        session = client.openSession(specification(manager), lifetime=min(21600, timeout + 60))
        pipe.send(("session", session.url))
        session.url = pipe.recv()
        outcome: tuple[str, Any] = ("answer", answered(session, question, sink))
    except RequestError as error:
        outcome = ("refused", (error.status, error.code, str(error.message)))
    except (OutputError, UnreadableError) as error:
        outcome = ("unfit", str(error))
    except Exception as error:  # noqa: BLE001  # it has to cross the pipe as data; the parent makes a sentence of it
        outcome = ("failed", (None, None, f"{type(error).__name__}: {error}"))
    # Who closes the session is the parent: the client would try that for minutes on a manager that has just died.
    with contextlib.suppress(BrokenPipeError):
        pipe.send(outcome)
    # Not sys.exit: what the parent registered to be done at exit is the parent's.
    os._exit(0)


def answered(session: Any, question: Question, sink: Sink) -> dict[str, Any]:
    """Ask in a session of agraph-python's, with its own request: its methods know neither a limit nor a stream."""
    from franz.miniclient.request import jsonRequest, urlenc

    asked = urlenc(query=question.query, infer=question.reasoning, limit=question.limit or None)
    for name, term in question.bindings.items():
        asked += f"&${urllib.parse.quote(name)}={urllib.parse.quote(term, safe='')}"
    with contextlib.suppress(EnoughError):
        jsonRequest(
            session,
            "GET" if len(asked) <= LONGEST_URL else "POST",
            session.url,
            asked,
            accept=question.accept,
            callback=sink.feed,
        )
    return dict(sink.end())


def specification(manager: Manager) -> str:
    """Return the spec of the federation of the members' repositories."""
    rest = (manager.member_port, manager.repository, manager.user, manager.password, manager.catalog)
    members = sorted(manager.members, key=lambda member: int(member["index"]))
    return str(federation(repository_url(member["address"], *rest) for member in members))


def explain(manager: Manager, timeout: int, status: int | None, code: str | None, words: str) -> str:
    """Turn what the server or the client said into a sentence with a remedy."""
    words = " ".join(words.split()).rstrip(".")
    address = f"{manager.host}:{manager.port}"
    members = named(manager, words)
    if members:
        return f"The manager could not ask {members}: {words}. Does AllegroGraph run there, with the repository in it?"
    if code == "MALFORMED QUERY":
        return f"The query does not parse: {words}."
    if code == "QUERY TIMEOUT":
        return late(timeout)
    if status == 401:
        return (
            f"The manager {address} refuses the user {manager.user} or the password. Repeat ansible-playbook up.yml, "
            "which gives the servers the federation's users and passwords."
        )
    if status is None:
        kind = words.partition(":")[0]
        return f"The manager {address} broke the conversation off ({kind}). Does AllegroGraph still run there?"
    return f"The manager {address} answered {status}: {f'{code}: ' if code else ''}{words}."


def named(manager: Manager, words: str) -> str:
    """Return the members whose addresses stand in the server's words."""
    found = []
    for member in manager.members:
        start = words.find(member["address"])
        # 10.0.1.5 is not meant where 10.0.1.50 stands
        if start >= 0 and not words[start + len(member["address"]) :][:1].isdigit():
            found.append(f"member {member['index']} ({member['id']}, {member['address']})")
    return " and ".join(found)


def late(timeout: int) -> str:
    """Say that the time was up."""
    return (
        f"The query took longer than {timeout} s and was given up. "
        "Ask for less, or allow more with federation_query_timeout."
    )


def end(child: Any) -> None:
    """End the child, whatever it waits for."""
    child.join(0.5 if not child.is_alive() else 0)
    if child.is_alive():
        child.kill()
        child.join()


def close(manager: Manager, session: str, way: Way) -> None:
    """Close a session that the child could not close any more."""
    server = Server(way.host, way.port, manager.user, manager.password, PATIENCE / 2, way.through_proxy)
    with contextlib.suppress(AgraphError):
        server.json("POST", f"{session}/session/close")
