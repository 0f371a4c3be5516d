"""Port sessions: the plugin against the gateway and an agent, new and old, with real connections."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import select
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from session_client import Client
from session_manager_bench import Bench, aws_environment, wait_for

from sandbox.session_manager.gateway import Connection
from sandbox.session_manager.sessions import Session
from session_manager_plugin import frames

NODE, OLD_NODE = "i-0123456789abcdef0", "i-0123456789abcdef1"
PLUGIN = str(Path(sys.executable).parent / "session-manager-plugin")
DOCUMENT = "AWS-StartPortForwardingSession"
TEN_MEGABYTES = 10_000_000


class Echo(socketserver.BaseRequestHandler):
    """Answers a line with a number in it with so many bytes, and any other with itself."""

    def handle(self) -> None:
        with self.request.makefile("rb") as lines:
            for line in lines:
                if line.startswith(b"send "):
                    self.request.sendall(bytes(range(250)) * (int(line.split()[1]) // 250))
                elif line.startswith(b"take "):
                    content = lines.read(int(line.split()[1]))
                    self.request.sendall(hashlib.sha256(content).hexdigest().encode() + b"\n")
                elif line == b"bye\n":
                    return
                else:
                    self.request.sendall(line)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


@pytest.fixture
def served() -> Iterator[int]:
    """The port of a server on what an agent on loopback takes for its node."""
    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@dataclass
class Tunnel:
    """A plugin that forwards a port."""

    process: subprocess.Popen[bytes]
    session_id: str
    output: bytes = b""

    def until(self, pattern: bytes, seconds: float = 10.0) -> re.Match[bytes]:
        end = time.monotonic() + seconds
        assert self.process.stdout is not None
        while not (found := re.search(pattern, self.output)):
            remaining = end - time.monotonic()
            assert remaining > 0, f"{pattern!r} did not come: {self.output!r}"
            if select.select([self.process.stdout], [], [], remaining)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                assert data, f"{pattern!r} did not come before the end: {self.output!r}"
                self.output += data
        return found

    @property
    def port(self) -> int:
        return int(self.until(rb"Port (\d+) opened for sessionId \S+\.\n")[1])

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, line: bytes) -> bytes:
        with self.connect() as connection, connection.makefile("rb") as answers:
            connection.sendall(line)
            return answers.readline()


Opener = Callable[..., Tunnel]


@pytest.fixture
def opened(ssm: Any, endpoint: str) -> Iterator[Opener]:
    """Open tunnels to ports of nodes."""
    tunnels: list[Tunnel] = []

    def make(port: int, node: str = NODE, local: int = 0, plugin: str = PLUGIN) -> Tunnel:
        wanted = {"portNumber": [str(port)], "localPortNumber": [str(local)]}
        answer = ssm.start_session(Target=node, DocumentName=DOCUMENT, Parameters=wanted)
        answer.pop("ResponseMetadata")
        request = json.dumps({"Target": node, "DocumentName": DOCUMENT, "Parameters": wanted})
        process = subprocess.Popen(
            [plugin, json.dumps(answer), "us-west-2", "StartSession", "", request, endpoint],
            env=aws_environment(endpoint),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        tunnels.append(Tunnel(process, answer["SessionId"]))
        return tunnels[-1]

    yield make
    for tunnel in tunnels:
        tunnel.process.kill()
        tunnel.process.communicate()


def session_of(manager: Bench, tunnel: Tunnel) -> Session:
    session = manager.gateway.sessions.get(tunnel.session_id)
    assert session is not None
    return session


def test_a_port_of_this_machine_leads_to_the_node_s(opened: Opener, served: int) -> None:
    tunnel = opened(served)
    assert tunnel.ask(b"hello\n") == b"hello\n"
    text = tunnel.until(rb"Connection accepted for session \[.*\]").string.decode()
    assert text.splitlines() == [
        "",
        f"Starting session with SessionId: {tunnel.session_id}",
        f"Port {tunnel.port} opened for sessionId {tunnel.session_id}.",
        "Waiting for connections...",
        "",
        f"Connection accepted for session [{tunnel.session_id}]",
    ]


def test_the_handshake_is_aws_s(manager: Bench, served: int) -> None:
    parameters = {"portNumber": [str(served)], "localPortNumber": ["18080"]}
    client = Client(manager, manager.gateway.sessions.start(NODE, DOCUMENT, parameters))
    client.open()
    client.until(lambda: 0 in client.seen)
    request = client.seen[0].json()
    assert request["RequestedClientActions"] == [
        {
            "ActionType": "SessionType",
            "ActionParameters": {
                "SessionType": "Port",
                "Properties": {
                    "portNumber": str(served),
                    "type": "LocalPortForwarding",
                    "localPortNumber": "18080",
                },
            },
        }
    ]


def test_many_connections_at_once(opened: Opener, served: int) -> None:
    tunnel = opened(served)
    lines = [f"line {number}\n".encode() for number in range(40)]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(tunnel.connect()) for _ in lines]
        for connection, line in zip(connections, lines, strict=True):
            connection.sendall(line)
        for connection, line in reversed(list(zip(connections, lines, strict=True))):
            assert connection.makefile("rb").readline() == line


def test_ten_megabytes_each_way_at_once(opened: Opener, served: int) -> None:
    tunnel = opened(served)
    content = bytes(range(250)) * (TEN_MEGABYTES // 250)

    def down() -> bytes:
        with tunnel.connect() as connection:
            connection.sendall(b"send %d\n" % TEN_MEGABYTES)
            with connection.makefile("rb") as answer:
                return hashlib.sha256(answer.read(TEN_MEGABYTES)).hexdigest().encode()

    def up() -> bytes:
        with tunnel.connect() as connection:
            connection.sendall(b"take %d\n" % TEN_MEGABYTES + content)
            return connection.makefile("rb").readline().strip()

    tunnel.until(rb"Waiting for connections")
    with ThreadPoolExecutor(2) as pool:
        went = [pool.submit(each) for each in (down, up)]
        digests = [each.result(100) for each in went]
    assert digests == [hashlib.sha256(content).hexdigest().encode()] * 2


def test_who_does_not_read_keeps_nobody_else_waiting(opened: Opener, served: int) -> None:
    tunnel = opened(served)
    with tunnel.connect() as idle:
        idle.sendall(b"send 1000000\n")
        time.sleep(0.3)
        assert tunnel.ask(b"hello\n") == b"hello\n"


def test_a_server_s_end_is_the_connection_s(opened: Opener, served: int) -> None:
    tunnel = opened(served)
    with tunnel.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall(b"one\nbye\n")
        assert answers.read() == b"one\n"
    assert tunnel.ask(b"two\n") == b"two\n"


def test_half_closing_closes_as_with_aws(opened: Opener, served: int) -> None:
    tunnel = opened(served)
    with tunnel.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall(b"one\n")
        assert answers.readline() == b"one\n"
        connection.shutdown(socket.SHUT_WR)
        assert answers.read() == b""


@pytest.fixture
def nobody() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_where_nobody_listens_is_told(opened: Opener, nobody: int, manager: Bench) -> None:
    tunnel = opened(nobody)
    assert tunnel.ask(b"hello\n") == b""
    tunnel.until(rb"\nConnection to destination port failed, check SSM Agent logs\.\n")
    assert session_of(manager, tunnel).ended is None


def cut(manager: Bench, tunnel: Tunnel) -> None:
    session = session_of(manager, tunnel)
    client = session.client
    assert isinstance(client, Connection)
    client._connection.transport.abort()
    wait_for(partial(_has_another_client, session, client))


def _has_another_client(session: Session, client: Connection) -> bool:
    return session.client not in (None, client)


def test_a_cut_is_resumed_and_no_byte_is_lost(opened: Opener, served: int, manager: Bench) -> None:
    tunnel = opened(served)
    with tunnel.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall(b"send 3000000\n")
        received = answers.read(1000)
        cut(manager, tunnel)
        received += answers.read(1_000_000)
        cut(manager, tunnel)
        received += answers.read(3_000_000 - len(received))
        assert received == bytes(range(250)) * 12_000
        connection.sendall(b"still here\n")
        assert answers.readline() == b"still here\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_session_and_its_connections(
    opened: Opener, served: int, manager: Bench, number: signal.Signals
) -> None:
    tunnel = opened(served)
    with tunnel.connect() as connection:
        connection.sendall(b"hello\n")
        assert connection.recv(100) == b"hello\n"
        tunnel.process.send_signal(number)
        assert connection.recv(100) == b""
    tunnel.until(rb"Terminate signal received, exiting\.\n\n\nExiting session with sessionId: ")
    assert tunnel.process.wait(5) == 0
    wait_for(lambda: session_of(manager, tunnel).ended is not None)


def test_terminate_session_ends_the_plugin(opened: Opener, served: int, ssm: Any) -> None:
    tunnel = opened(served)
    assert tunnel.ask(b"hello\n") == b"hello\n"
    ssm.terminate_session(SessionId=tunnel.session_id)
    tunnel.until(rb"Exiting session with sessionId: ")
    assert tunnel.process.wait(5) == 0


def test_a_port_that_is_taken_is_said(opened: Opener, served: int) -> None:
    tunnel = opened(served, local=served)
    tunnel.until(rb"Cannot perform start session: .*ddress already in use")
    assert tunnel.process.wait(5) == 1


@pytest.mark.parametrize(
    "parameters",
    [{"portNumber": ["0"]}, {"portNumber": ["65536"]}, {"localPortNumber": ["x"]}, {"host": ["somewhere"]}],
)
def test_parameters_that_do_not_fit_the_document_are_refused(ssm: Any, parameters: dict[str, list[str]]) -> None:
    with pytest.raises(ClientError) as refused:
        ssm.start_session(Target=NODE, DocumentName=DOCUMENT, Parameters=parameters)
    assert refused.value.response["Error"]["Code"] == "InvalidParameters"


@pytest.fixture
def old(manager: Bench) -> Bench:
    """The gateway with a node whose agent is too old for more than one connection at a time."""
    manager.node(OLD_NODE, agent_version="3.0.100.0")
    return manager


def test_an_old_agent_forwards_one_connection_after_another(opened: Opener, served: int, old: Bench) -> None:
    tunnel = opened(served, OLD_NODE)
    for number in range(4):
        assert tunnel.ask(b"line %d\n" % number) == b"line %d\n" % number
    assert b"Waiting for connections" not in tunnel.output
    with tunnel.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall(b"send 3000000\n")
        assert answers.read(3_000_000) == bytes(range(250)) * 12_000


def test_an_old_agent_makes_a_new_connection_when_the_server_has_closed_one(
    opened: Opener, served: int, old: Bench
) -> None:
    tunnel = opened(served, OLD_NODE)
    with tunnel.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall(b"one\nbye\n")
        assert answers.readline() == b"one\n"
        # The client is not told that the server has closed its side: the next bytes go to a new connection.
        connection.settimeout(5)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            time.sleep(0.1)
            connection.sendall(b"two\n")
            if select.select([connection], [], [], 0.5)[0]:
                break
        assert answers.readline() == b"two\n"


def test_an_old_agent_ends_the_session_where_nobody_listens(opened: Opener, nobody: int, old: Bench) -> None:
    tunnel = opened(nobody, OLD_NODE)
    tunnel.until(rb"SessionId: .* : Unable to connect to specified port: ")
    assert tunnel.process.wait(5) == 0


def test_an_old_client_gets_one_connection_from_a_new_agent(manager: Bench, served: int) -> None:
    client = Client(manager, manager.gateway.sessions.start(NODE, DOCUMENT, {"portNumber": [str(served)]}))
    client.open()
    client.until(lambda: 0 in client.seen)
    action = {"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}
    response = {"ClientVersion": "1.1.61.0", "ProcessedClientActions": [action], "Errors": None}
    client.send(frames.HANDSHAKE_RESPONSE, frames.compact(response))
    client.send(frames.OUTPUT, b"plain\n")
    client.until(lambda: client.output == b"plain\n")
