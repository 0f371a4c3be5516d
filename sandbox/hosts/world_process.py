"""The world process: process 1 of namespaces of its own, in which everything of a sandbox that is not an API lives.

It obeys the main process over a Unix socket and ends when that closes; the kernel then ends every process below it,
and with them go all namespaces, links, rules and mounts. One request is handled at a time, each within a few hundredths
of a second.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyroute2.netlink.exceptions import NetlinkError

from sandbox.hosts import fault_service, kernel, node
from sandbox.hosts.addresses import METADATA_ADDRESS, Internet
from sandbox.hosts.channel import Channel, Message
from sandbox.hosts.disk import Disks, Powers, Settings, write_identity
from sandbox.hosts.errors import HostsError
from sandbox.hosts.images import Interpreter
from sandbox.hosts.kernel import inside, new_network_namespace
from sandbox.hosts.links import InternetSpace, NodeLink, Router
from sandbox.world import Authority

Answer = tuple[Message, list[int]]
SERVER = ("0.0.0.0", 10035)
"""Where AllegroGraph listens on a node, as its unit has it."""


@dataclass
class RunningNode:
    """A node that runs: its process 1, its network and where it hangs."""

    process: int
    namespace: int
    link: NodeLink
    vpc_id: str
    boot: int
    asked_to_end: bool = False


class WorldProcess:
    """Everything that exists in this world, and the requests that change it."""

    def __init__(self, message: Message, news: Channel) -> None:
        self.news = news
        self.internet = Internet(int(message["internet"]))
        self.settings = Settings(**message["settings"])
        self.boot_delay = float(message["boot_delay"])
        self.interpreter = Interpreter.current()
        self.space = InternetSpace(self.internet)
        authority = Authority(**message["authority"]) if message["authority"] else None
        powers = Powers(message["isolation"] == "user")
        self.disks = Disks(Path(message["directory"]), self.interpreter, powers, authority)
        self.routers: dict[str, Router] = {}
        self.nodes: dict[str, RunningNode] = {}
        self._links_made = 0
        self._requests: dict[str, Callable[[Message], Answer]] = {
            "listen": self.listen,
            "sockets": self.sockets,
            "arrange": self.arrange,
            "remove": self.remove,
            "boot": self.boot,
            "terminate": self.terminate,
            "running": self.running,
            "kill": self.kill,
            "discard": self.discard,
        }

    def try_out(self) -> None:
        """Have a node's disk and a router once, so that a machine that cannot is found out before it matters."""
        node.try_disk(self.space.namespace, self.disks.disk("trial", "al2023"))
        self.disks.remove("trial")
        Router(self.space, "trial").close()

    def handle(self, message: Message) -> Answer:
        """Carry out one request."""
        return self._requests[message["do"]](message)

    def listen(self, message: Message) -> Answer:
        """Return a socket that listens on the endpoint's address in the internet."""
        return {}, [_listening(self.internet.endpoint, int(message["port"]))]

    def sockets(self, message: Message) -> Answer:
        """Return sockets in the internet that speak for the operator, for the main process to connect."""
        made = []
        for _ in range(int(message["count"])):
            each = socket.socket()
            each.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            each.bind((self.internet.operator, 0))
            made.append(each.detach())
        return {}, made

    def arrange(self, message: Message) -> Answer:
        """Give a VPC's router its rules, its public addresses and its own."""
        router = self._router(message["vpc_id"])
        router.arrange(message["rules"], message["public"], message["own"], message["cidr"])
        return {}, []

    def _router(self, vpc_id: str) -> Router:
        if vpc_id not in self.routers:
            self.routers[vpc_id] = Router(self.space, self._new_link("vpc"))
        return self.routers[vpc_id]

    def _new_link(self, kind: str) -> str:
        self._links_made += 1
        return f"{kind}{self._links_made}"

    def remove(self, message: Message) -> Answer:
        """Remove a VPC's router."""
        if router := self.routers.pop(message["vpc_id"], None):
            router.close()
        return {}, []

    def boot(self, message: Message) -> Answer:
        """Start a node; return the sockets at which its metadata service is asked, and what is to go wrong with it."""
        instance_id = message["instance_id"]
        if instance_id in self.nodes:
            self._end(instance_id)
        disk = self.disks.disk(instance_id, message["image"])
        disk.others = [(name, int(size)) for name, size in message["disks"]]
        write_identity(disk, message["host_name"], message["address"], self.settings)
        if disk.is_new and message["user_data"]:
            disk.write("/var/lib/cloud/instance/user-data.txt", bytes.fromhex(message["user_data"]), 0o600)
        with contextlib.ExitStack() as undo:
            if disk.is_new:
                undo.callback(self.disks.remove, instance_id)
            namespace = new_network_namespace()
            undo.callback(os.close, namespace)
            router = self._router(message["vpc_id"])
            link = router.connect(namespace, self._new_link("node"), message["address"], message["gateway"])
            undo.callback(link.close)
            with inside(namespace):
                metadata = _listening(METADATA_ADDRESS, 80)
                undo.callback(os.close, metadata)
                faults = fault_service.listening(*SERVER).detach()
                undo.callback(os.close, faults)
            process = node.start(namespace, disk, message["host_name"], self.interpreter, self.boot_delay)
            undo.pop_all()
        self.nodes[instance_id] = RunningNode(process, namespace, link, message["vpc_id"], message["boot"])
        return {}, [metadata, faults]

    def terminate(self, message: Message) -> Answer:
        """Ask a node's process 1 to end its services and itself."""
        if running := self.nodes.get(message["instance_id"]):
            running.asked_to_end = True
            os.kill(running.process, signal.SIGTERM)
        return {}, []

    def running(self, message: Message) -> Answer:
        """Tell whether a node runs."""
        return {"running": message["instance_id"] in self.nodes}, []

    def kill(self, message: Message) -> Answer:
        """End a node now."""
        self._end(message["instance_id"])
        return {}, []

    def discard(self, message: Message) -> Answer:
        """End a node and delete its disk."""
        self._end(message["instance_id"])
        self.disks.remove(message["instance_id"])
        return {}, []

    def _end(self, instance_id: str) -> None:
        running = self.nodes.get(instance_id)
        if running is None:
            return
        os.kill(running.process, signal.SIGKILL)
        # Process 1 is reaped last, when all others of its namespace are gone.
        os.waitpid(running.process, 0)
        self._forget(instance_id)

    def _forget(self, instance_id: str) -> None:
        running = self.nodes.pop(instance_id)
        running.link.close()
        os.close(running.namespace)

    def reap(self) -> None:
        """Take note of processes that ended, and tell of nodes that nobody had asked to."""
        processes = {running.process: instance_id for instance_id, running in self.nodes.items()}
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                if instance_id := processes.get(ended):
                    gone = self.nodes[instance_id]
                    self._forget(instance_id)
                    if not gone.asked_to_end:
                        self.news.send({"ended": instance_id, "boot": gone.boot})


def _listening(address: str, port: int) -> int:
    """Return a listening socket in the current network namespace."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(512)
        return listening.detach()


def serve(channel: Channel) -> None:
    """Answer requests until the main process is gone."""
    first = channel.receive()
    if first is None:
        return
    try:
        world = WorldProcess(first[0], Channel(socket.socket(fileno=first[1][0])))
        if first[0]["isolation"] != "root":
            world.try_out()
    except (OSError, NetlinkError, HostsError) as error:
        channel.send({"unavailable": f"This machine does not let the sandbox set up its namespaces ({error})."})
        return
    channel.send({})
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    reading.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        selector.register(reading, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select(0 if channel.waiting() else None)}
            if reading in ready:
                reading.recv(4096)
                world.reap()
            if channel in ready or channel.waiting():
                request = channel.receive()
                if request is None:
                    return
                _answer(channel, world, request[0])


def _answer(channel: Channel, world: WorldProcess, request: Message) -> None:
    try:
        answer, descriptors = world.handle(request)
    except HostsError as error:
        channel.send({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - one failed request must not end the world
        traceback.print_exc()
        channel.send({"error": f"{request['do']}: {error}"})
    else:
        channel.send(answer, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def main() -> None:
    """Enter new namespaces and become the world process; the process that was started only waits for it."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    try:
        if sys.argv[2] == "user":
            kernel.become_root_of_a_user_namespace()
        os.unshare(os.CLONE_NEWPID | os.CLONE_NEWNS | os.CLONE_NEWNET | os.CLONE_NEWIPC | os.CLONE_NEWUTS)
        world = os.fork()
    except OSError as error:
        # The kernel says "no space" where the number of user namespaces is limited to none.
        why = "their number is limited" if error.errno == errno.ENOSPC else error.strerror
        channel.send({"unavailable": f"This machine does not let the sandbox make namespaces ({why})."})
        return
    if world:
        channel.connection.close()
        os.waitpid(world, 0)
        return
    os.umask(0o022)
    try:
        kernel.die_with_parent(signal.SIGKILL)
        kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.mount("proc", "/proc", "proc")
        serve(channel)
    except BrokenPipeError:
        pass  # the main process went in the middle of an answer
    except Exception:  # noqa: BLE001 - process 1 reports what it did not expect, then all ends
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
