"""The world where no namespaces can be had: a process tree a node, on loopback addresses of the machine.

Nothing is kept apart. What nodes see as on AWS: private and public addresses, a server of their own at 127.0.0.1:10035,
the metadata service (for curl and AWS's own clients), services, user data, Run Command and sessions.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.hosts import fault_service
from sandbox.hosts.addresses import Internet, forwarded_addresses
from sandbox.hosts.errors import HostsError, Unavailable
from sandbox.hosts.forwarder import Address, Forwarder
from sandbox.hosts.images import IMAGES, Interpreter
from sandbox.hosts.metadata_service import MetadataService, metadata_conversation
from sandbox.hosts.plain_image import AGRAPH_PORT, METADATA_PORT, PlainNode
from sandbox.hosts.processes import connections, descendants, holder, kill_descendants
from sandbox.hosts.reactor import Reactor
from sandbox.latency import Latency
from sandbox.world import Authority, Ended, Fault, Machine, Metadata, Network, unharmed

LOOPBACK = "127.0.0.1"
PATIENCE = 4.0
"""Seconds that a node has to end; then its processes are killed."""
FIRST_PRIVATE, ADDRESSES = 2, 254


@dataclass
class RunningNode:
    """A node that runs."""

    supervisor: subprocess.Popen[bytes]
    address: str
    served: list[Callable[[], None]]
    """How to end what the main process answers for it."""


class PlainWorld:
    """Instances as process trees. Every method may be called from any thread."""

    def __init__(
        self,
        internet: int,
        directory: Path,
        endpoint: str,
        gateway: str,
        region: str,
        latency: Latency,
        authority: Authority | None = None,
    ) -> None:
        require_machine()
        self.address = Internet(internet)
        self._directory = directory.resolve()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._agent = {
            "gateway": gateway,
            "endpoint": endpoint,
            "region": region,
            "online_delay": latency.agent_online,
            "retry_delay": latency.agent_retry,
            "ping_interval": latency.agent_ping,
        }
        self._boot_delay = latency.instance_boot
        self._authority = authority.certificate if authority else ""
        self._interpreter = Interpreter.current()
        self._lock = threading.Lock()
        self._given = 0
        self._nodes: dict[str, RunningNode] = {}
        self._private: dict[str, str] = {}
        self._reactor = Reactor()
        self._forwarder = Forwarder(self._reactor, self._sockets, self._mapped)
        self._servers = Forwarder(self._reactor, self._sockets, self._own_server, (AGRAPH_PORT,))
        self._servers.arrange({LOOPBACK})

    def private_address(self) -> str:
        """Return a private address that no other machine has: one of the machine's loopback."""
        with self._lock:
            number = self._given % ((256 - FIRST_PRIVATE) * ADDRESSES)
            self._given += 1
        return f"127.{self.address.number}.{FIRST_PRIVATE + number // ADDRESSES}.{1 + number % ADDRESSES}"

    def arrange(self, networks: Mapping[str, Network]) -> None:
        """Let the public addresses lead to the machines that they are mapped to; the rest cannot be had."""
        with self._lock:
            self._private = {
                interface.public_address: interface.address
                for network in networks.values()
                for interface in network.interfaces
                if interface.public_address
            }
            self._forwarder.arrange(forwarded_addresses(list(networks.values())))

    def boot(self, machine: Machine, metadata: Metadata, fault: Fault = unharmed, ended: Ended = lambda: None) -> None:
        """Start a machine; its directory is kept from its last run, user data runs the first time only."""
        if machine.image not in IMAGES:
            raise HostsError(f"There is no image {machine.image}; the images are {', '.join(sorted(IMAGES))}.")
        self.halt(machine.instance_id)
        node = PlainNode(self._directory / machine.instance_id, machine, self._interpreter, self._authority)
        settings = node.prepare(self._agent, self._boot_delay)
        try:
            at_metadata = socket.create_server((machine.private_address, METADATA_PORT))
            at_faults = fault_service.listening(machine.private_address, AGRAPH_PORT)
        except OSError as error:
            raise HostsError(
                f"A node could not start: {machine.private_address} is taken ({error.strerror})."
            ) from None
        service = MetadataService(metadata, machine.http_tokens)
        served = [
            self._reactor.serve([at_metadata], metadata_conversation(service)),
            self._reactor.serve([at_faults], fault_service.fault_conversation(fault)),
        ]
        supervisor = subprocess.Popen(
            node.command("sandbox.hosts.plain_node", str(settings)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=node.environment,
            cwd="/",
            start_new_session=True,
        )
        running = RunningNode(supervisor, machine.private_address, served)
        with self._lock:
            self._nodes[machine.instance_id] = running
        watch = [machine.instance_id, running, ended]
        threading.Thread(target=self._watch, args=watch, name="watch", daemon=True).start()

    def _watch(self, instance_id: str, running: RunningNode, ended: Ended) -> None:
        """Wait until a node ends, and tell of it if nobody had asked it to."""
        running.supervisor.wait()
        with self._lock:
            by_itself = self._nodes.get(instance_id) is running
            if by_itself:
                del self._nodes[instance_id]
        if by_itself:
            _ask_to_end(running)
            _see_ended(running, 0)
            ended()

    def halt(self, instance_id: str) -> None:
        """End the machine's processes; its directory is kept."""
        with self._lock:
            running = self._nodes.pop(instance_id, None)
        if running is not None:
            _ask_to_end(running)
            _see_ended(running, time.monotonic() + PATIENCE)

    def discard(self, instance_id: str) -> None:
        """Remove the machine and its directory."""
        self.halt(instance_id)
        shutil.rmtree(self._directory / instance_id, ignore_errors=True)

    def listen(self, port: int) -> socket.socket:
        """Say that there is no inside to listen in: what listens on the machine is heard by the nodes."""
        raise NotImplementedError(f"port {port} is the machine's")

    def close(self) -> None:
        """End everything that runs in this world."""
        self._forwarder.close()
        self._servers.close()
        with self._lock:
            nodes = list(self._nodes.values())
            self._nodes.clear()
        for running in nodes:
            _ask_to_end(running)
        deadline = time.monotonic() + PATIENCE
        for running in nodes:
            _see_ended(running, deadline)
        self._reactor.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _sockets(self, count: int) -> list[socket.socket]:
        made = []
        for _ in range(count):
            each = socket.socket()
            each.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            each.bind((self.address.operator, 0))
            made.append(each)
        return made

    def _mapped(self, near: Address, _far: Address) -> Address:
        """Return where a public address leads to now."""
        address = self._private.get(near[0])
        if address is None:
            raise ConnectionRefusedError(f"{near[0]} is mapped to nothing")
        return address, near[1]

    def _own_server(self, near: Address, far: Address) -> Address:
        """Return the server of the node that asks at 127.0.0.1: the one to which the asking process belongs."""
        sockets = connections(far, near)
        with self._lock:
            nodes = list(self._nodes.values())
        for running in nodes:
            if sockets and holder(running.supervisor.pid, sockets):
                return running.address, near[1]
        raise ConnectionRefusedError("no node's process")


def require_machine() -> None:
    """Raise Unavailable when not even this can be had."""
    if sys.platform != "linux":
        raise Unavailable("The sandbox needs Linux; run it in a virtual machine or a container.")
    for program in ("bash", "curl"):
        if shutil.which(program) is None:
            raise Unavailable(f"The sandbox needs the program {program}; install the package {program}.")
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOOPBACK, AGRAPH_PORT))
        except OSError:
            raise Unavailable(
                f"Port {AGRAPH_PORT} of {LOOPBACK} is taken, and without namespaces the nodes share it: stop the "
                "sandbox or the server that has it."
            ) from None


def _ask_to_end(running: RunningNode) -> None:
    assert running.supervisor.stdin is not None
    running.supervisor.stdin.close()


def _see_ended(running: RunningNode, deadline: float) -> None:
    for stop in running.served:
        stop()
    try:
        running.supervisor.wait(max(deadline - time.monotonic(), 0.0))
    except subprocess.TimeoutExpired:
        while descendants(running.supervisor.pid):
            kill_descendants(running.supervisor.pid)
            time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.supervisor.pid, 9)
        running.supervisor.wait()
