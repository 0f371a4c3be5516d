"""The world as the cloud sees it: in the main process, with everything of substance in the world process."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from sandbox.hosts.addresses import Internet, forwarded_addresses, public_addresses, router_address, router_addresses
from sandbox.hosts.channel import Channel, Message
from sandbox.hosts.errors import HostsError, Unavailable
from sandbox.hosts.fault_service import fault_conversation
from sandbox.hosts.forwarder import Forwarder
from sandbox.hosts.images import IMAGES
from sandbox.hosts.metadata_service import MetadataService, metadata_conversation
from sandbox.hosts.packets import ruleset
from sandbox.hosts.reactor import Reactor
from sandbox.latency import Latency
from sandbox.world import Authority, Ended, Fault, Machine, Metadata, Network, unharmed

GRACE = 2.0
"""Seconds that a stopping node's services have to end; then they are killed."""
Namespaces = Literal["root", "user"]
"""Who makes the namespaces."""


class NamespaceWorld:
    """Instances, routers and the internet as namespaces. Every method may be called from any thread."""

    def __init__(
        self,
        internet: int,
        directory: Path,
        endpoint: str,
        gateway: str,
        region: str,
        latency: Latency,
        authority: Authority | None = None,
        isolation: Namespaces = "root",
    ) -> None:
        require_machine(isolation)
        directory = directory.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._arranging = threading.Lock()
        self._networks: dict[str, Network] = {}
        self._arranged: dict[str, Message] = {}
        self._served: dict[str, list[Callable[[], None]]] = {}
        self._boots = itertools.count()
        self._ended: dict[str, tuple[int, Ended]] = {}
        self._process, self._channel = _start_world_process(isolation)
        settings = {
            "gateway": gateway,
            "endpoint": endpoint,
            "region": region,
            "online_delay": latency.agent_online,
            "retry_delay": latency.agent_retry,
            "ping_interval": latency.agent_ping,
            "session_user": _session_user() if isolation == "root" else None,
        }
        first: Message = {"internet": internet, "directory": str(directory), "settings": settings}
        first |= {"isolation": isolation, "authority": dataclasses.asdict(authority) if authority else None}
        news, theirs = socket.socketpair()
        try:
            with theirs:
                self._ask({**first, "boot_delay": latency.instance_boot}, [theirs.fileno()])
        except HostsError as error:
            news.close()
            self._end_process()
            raise Unavailable(str(error)) from None
        threading.Thread(target=self._hear, args=[Channel(news)], name="news", daemon=True).start()
        self.address = Internet(internet)
        self._reactor = Reactor()
        self._forwarder = Forwarder(self._reactor, self._sockets)

    def arrange(self, networks: Mapping[str, Network]) -> None:
        """Make the network what it should be, by VPC id."""
        with self._arranging:
            for vpc_id in self._arranged.keys() - networks.keys():
                self._ask({"do": "remove", "vpc_id": vpc_id})
                del self._arranged[vpc_id]
            # Addresses may move from one VPC to another: first everyone lets go of what is no longer theirs.
            wanted = {vpc_id: _arrangement(network) for vpc_id, network in networks.items()}
            for vpc_id, known in self._arranged.items():
                kept = [address for address in known["public"] if address in wanted[vpc_id]["public"]]
                if kept != known["public"]:
                    self._arrange_one({**known, "public": kept})
            for arrangement in wanted.values():
                self._arrange_one(arrangement)
            self._networks = dict(networks)
            self._forwarder.arrange(forwarded_addresses(list(networks.values())))

    def _arrange_one(self, arrangement: Message) -> None:
        if self._arranged.get(arrangement["vpc_id"]) != arrangement:
            self._ask(arrangement)
            self._arranged[arrangement["vpc_id"]] = arrangement

    def boot(self, machine: Machine, metadata: Metadata, fault: Fault = unharmed, ended: Ended = lambda: None) -> None:
        """Start a machine; its disk is kept from its last run, user data runs the first time only."""
        if machine.image not in IMAGES:
            raise HostsError(f"There is no image {machine.image}; the images are {', '.join(sorted(IMAGES))}.")
        with self._arranging:
            network = self._networks.get(machine.vpc_id)
            if network is None and machine.vpc_id not in self._arranged:
                # Until the cloud says what the VPC looks like, nothing passes its router.
                self._arrange_one(_arrangement(Network(machine.vpc_id, f"{machine.private_address}/32")))
        request: Message = {
            "do": "boot",
            "instance_id": machine.instance_id,
            "vpc_id": machine.vpc_id,
            "address": machine.private_address,
            "gateway": router_address(machine.private_address, network),
            "image": machine.image,
            "host_name": machine.host_name,
            "user_data": machine.user_data.hex(),
            "disks": [list(each) for each in machine.disks],
            "boot": next(self._boots),
        }
        self._stop_serving(machine.instance_id)
        self._ended[machine.instance_id] = request["boot"], ended
        at_metadata, at_faults = (socket.socket(fileno=each) for each in self._ask(request))
        service = MetadataService(metadata, machine.http_tokens)
        self._served[machine.instance_id] = [
            self._reactor.serve([at_metadata], metadata_conversation(service)),
            self._reactor.serve([at_faults], fault_conversation(fault)),
        ]

    def halt(self, instance_id: str) -> None:
        """End the machine's services, then all its processes; the disk is kept."""
        self._ended.pop(instance_id, None)
        self._ask({"do": "terminate", "instance_id": instance_id})
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline and self._is_running(instance_id):
            time.sleep(0.05)
        self._ask({"do": "kill", "instance_id": instance_id})
        self._stop_serving(instance_id)

    def discard(self, instance_id: str) -> None:
        """Remove the machine and its disk."""
        self._ended.pop(instance_id, None)
        self._ask({"do": "discard", "instance_id": instance_id})
        self._stop_serving(instance_id)

    def listen(self, port: int) -> socket.socket:
        """Return a listening TCP socket on the endpoint's address inside the sandbox's internet."""
        return socket.socket(fileno=self._ask({"do": "listen", "port": port})[0])

    def close(self) -> None:
        """End everything that runs in this world."""
        self._forwarder.close()
        self._reactor.close()
        self._end_process()

    def _sockets(self, count: int) -> list[socket.socket]:
        return [socket.socket(fileno=each) for each in self._ask({"do": "sockets", "count": count})]

    def _is_running(self, instance_id: str) -> bool:
        with self._lock:
            return bool(self._exchange({"do": "running", "instance_id": instance_id})[0]["running"])

    def _stop_serving(self, instance_id: str) -> None:
        for stop in self._served.pop(instance_id, []):
            stop()

    def _hear(self, news: Channel) -> None:
        """Tell whom it concerns which machines have ended by themselves, until the world ends."""
        with news.connection:
            while heard := news.receive():
                instance_id = heard[0]["ended"]
                known = self._ended.get(instance_id)
                # What is heard late may be about the boot before.
                if known is not None and known[0] == heard[0]["boot"]:
                    self._ended.pop(instance_id, None)
                    self._stop_serving(instance_id)
                    known[1]()

    def _ask(self, message: Message, descriptors: Sequence[int] = ()) -> list[int]:
        with self._lock:
            return self._exchange(message, descriptors)[1]

    def _exchange(self, message: Message, descriptors: Sequence[int] = ()) -> tuple[Message, list[int]]:
        try:
            self._channel.send(message, descriptors)
            answer = self._channel.receive()
        except OSError:
            answer = None
        if answer is None:
            raise HostsError("The sandbox's world process has ended; stop the sandbox and start it again.")
        for problem in ("error", "unavailable"):
            if problem in answer[0]:
                raise HostsError(answer[0][problem])
        return answer

    def _end_process(self) -> None:
        self._channel.connection.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            # The waiting process's end takes the world process with it.
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            self._process.wait()


def require_machine(isolation: Namespaces = "root") -> None:
    """Raise Unavailable when this machine cannot host namespaces, with what is missing."""
    if sys.platform != "linux":
        raise Unavailable("The sandbox needs Linux, because its nodes are Linux namespaces.")
    if isolation == "root" and os.geteuid() != 0:
        raise Unavailable("The sandbox needs root to make its network namespaces; run it as root or with sudo.")
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for program, package in (("nft", "nftables"), ("curl", "curl"), ("bash", "bash"), ("setpriv", "util-linux")):
        if shutil.which(program, path=search) is None:
            raise Unavailable(f"The sandbox needs the program {program}; install the package {package}.")


def _session_user() -> str | None:
    """Return whose shell a session gets: as on AWS, unless nobody could become root where this process runs."""
    restricted = "NoNewPrivs:\t1" in Path("/proc/self/status").read_text()
    return None if restricted else "ssm-user"


def _arrangement(network: Network) -> Message:
    return {
        "do": "arrange",
        "vpc_id": network.vpc_id,
        "rules": ruleset(network),
        "public": public_addresses(network),
        "own": router_addresses(network),
        "cidr": network.cidr,
    }


def _start_world_process(isolation: Namespaces) -> tuple[subprocess.Popen[bytes], Channel]:
    ours, theirs = socket.socketpair()
    code = str(Path(__file__).resolve().parents[2])
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.hosts.world_process", str(theirs.fileno()), isolation],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C at the terminal is the main process's to handle
            cwd="/",
            env={"PATH": search, "PYTHONPATH": code, "LANG": "C.UTF-8"},
        )
    return process, Channel(ours)
