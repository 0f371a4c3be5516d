"""Connections from the person's machine to an Elastic IP: whole, both ways, to their end."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hosts_bench import EVERYWHERE, Node, boot, federation, machine, open_world

from sandbox.hosts import NamespaceWorld
from sandbox.world import Network, Rule, SecurityGroup

NUMBER = 123
MANAGER = f"127.{NUMBER}.1.5"
DIGEST = """exec python3 -c '
import hashlib, socketserver
class Digest(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(hashlib.sha256(self.rfile.read()).hexdigest().encode() * 1000)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 200
Server(("0.0.0.0", {port}), Digest).serve_forever()
'"""


def network() -> Network:
    base = federation(NUMBER)
    rules = (Rule("tcp", 10035, 10035, EVERYWHERE), Rule("tcp", 16000, 17000, EVERYWHERE))
    return replace(base, groups={**base.groups, "sg-manager": SecurityGroup(rules, ())})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NamespaceWorld]:
    world = open_world(NUMBER, tmp_path_factory.mktemp("world"))
    world.arrange({"vpc-1": network()})
    yield world
    world.close()


@pytest.fixture(scope="module")
def manager(world: NamespaceWorld) -> Node:
    node = boot(world, machine("manager", "10.0.0.5"))
    for port in (10035, 16123):
        node.spawn(DIGEST.format(port=port))
        while node.run(f"exec 3<>/dev/tcp/127.0.0.1/{port}").returncode != 0:
            time.sleep(0.05)
    return node


def digest(port: int, data: bytes) -> str:
    """Send, say that this was all, and read the answer to its end."""
    with socket.create_connection((MANAGER, port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert len(answer) == 64000
    return answer[:64].decode()


@pytest.mark.usefixtures("manager")
@pytest.mark.parametrize("port", [10035, 16123])
def test_much_data_and_a_half_close(port: int) -> None:
    data = os.urandom(3_000_000)
    assert digest(port, data) == hashlib.sha256(data).hexdigest()


@pytest.mark.usefixtures("manager")
def test_many_at_once() -> None:
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(digest(10035, b"x" * 10000))) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [hashlib.sha256(b"x" * 10000).hexdigest()] * 60


@pytest.mark.usefixtures("manager")
def test_a_port_that_nobody_serves_ends_the_connection_at_once() -> None:
    begun = time.monotonic()
    with pytest.raises(ConnectionResetError), socket.create_connection((MANAGER, 16500), timeout=3) as connection:
        connection.recv(1)
    assert time.monotonic() - begun < 1


@pytest.mark.usefixtures("manager")
def test_a_port_that_the_group_closes_ends_it_after_a_while() -> None:
    begun = time.monotonic()
    with socket.create_connection((MANAGER, 443), timeout=10) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert 2 < time.monotonic() - begun < 9


def test_an_address_that_is_not_mapped_any_more(world: NamespaceWorld) -> None:
    base = network()
    world.arrange({"vpc-1": replace(base, interfaces=base.interfaces[1:])})
    time.sleep(0.1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((MANAGER, 10035), timeout=1)
    world.arrange({"vpc-1": base})
    socket.create_connection((MANAGER, 10035), timeout=1).close()
