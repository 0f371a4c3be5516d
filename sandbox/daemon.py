"""The sandbox's main process: the cloud's endpoint, the session gateway, and the world that the hosts live in."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from sandbox import state
from sandbox.faults.book import Book
from sandbox.faults.control import Control
from sandbox.faults.rules import Rule, rules_of
from sandbox.hosts.isolation import Isolation, Opened, Place, open_world
from sandbox.latency import Latency, latency
from sandbox.world import Authority, World

REGION = "us-west-2"
INTERNETS = range(66, 127)
PORTS = 3
OPEN_FILES = 1 << 17
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class CannotStartError(Exception):
    """Why the sandbox does not start: one sentence with the remedy."""


def listen(port: int) -> tuple[int, list[socket.socket]]:
    """Take the first of the sandbox's internets whose ports are free; returns its number and the sockets.

    The endpoint's is the first, then the session gateway's, then that of S3 with TLS.
    """
    for internet in INTERNETS:
        taken: list[socket.socket] = []
        try:
            for each in range(port, port + PORTS):
                listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                taken.append(listener)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((f"127.{internet}.0.1", each))
                listener.listen(128)
        except OSError:
            for listener in taken:
                listener.close()
        else:
            return internet, taken
    raise CannotStartError(
        f"Ports {port} to {port + PORTS - 1} are taken on every address of the sandbox: choose others with --port."
    )


class Daemon:
    """All that runs in the main process, from start to stop."""

    def __init__(
        self,
        directory: Path,
        latency: str,
        port: int,
        idle: float,
        isolation: Isolation | None = None,
        throttling: bool = False,
        faults: Sequence[Rule] = (),
    ) -> None:
        self.directory = directory
        self.throttling = throttling
        self.isolation = isolation
        self.latency = latency
        self.port = port
        self.idle = idle
        self.faults = Book(faults)
        self._ended = threading.Event()
        self._closing = contextlib.ExitStack()

    def start(self) -> state.State:
        """Bring everything up and publish the state file."""
        from sandbox.authority import identity_of
        from sandbox.cloud.server import Server
        from sandbox.cloud.service import Cloud

        internet, (endpoint_socket, gateway_socket, secure_socket) = listen(self.port)
        for each in (endpoint_socket, gateway_socket, secure_socket):
            self._closing.callback(each.close)
        address = f"127.{internet}.0.1"
        identity = identity_of(address)
        authority = self.directory / "authority.pem"
        authority.write_text(identity.authority.certificate)
        table = latency(self.latency)
        known = state.State(
            pid=os.getpid(),
            endpoint=f"http://{address}:{self.port}",
            gateway=f"{address}:{self.port + 1}",
            endpoint_s3=f"https://{address}:{self.port + 2}",
            authority=str(authority.absolute()),
            operator_address=f"127.{internet}.0.2",
            region=REGION,
            access_key_id="AKIASANDBOX" + "".join(secrets.choice(ALPHABET) for _ in range(9)),
            secret_access_key=secrets.token_urlsafe(30),
            latency=self.latency,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            throttling=self.throttling,
        )
        opened = self._open_world(internet, known, table, identity.authority)
        world = opened.world
        self._closing.callback(world.close)
        known = dataclasses.replace(known, isolation=opened.isolation, remark=opened.remark)
        cloud = Cloud(
            world=world,
            latency=table,
            region=REGION,
            endpoint=known.endpoint,
            gateway=known.gateway,
            access_key_id=known.access_key_id,
            secret_access_key=known.secret_access_key,
            journal_path=self.directory / "journal.jsonl",
            throttling=self.throttling,
            faults=self.faults,
            operator_address=known.operator_address,
        )
        self.cloud = cloud
        self._closing.callback(cloud.close)
        self._start_gateway(world, table, gateway_socket)
        plain, secure = self._sockets(world, endpoint_socket), self._sockets(world, secure_socket)
        answering = [*((each, None) for each in plain), *((each, identity.context) for each in secure)]
        server = Server(cloud.application, answering)
        self._closing.callback(server.close)
        server.start()
        control = Control(self.directory, self.faults)
        self._closing.callback(control.close)
        control.start()
        state.write(self.directory, known)
        return known

    def _sockets(self, world: World, outer: socket.socket) -> list[socket.socket]:
        """Return a socket of the machine with the same one inside the sandbox's internet, where the world has one."""
        inner = self._inner_socket(world, int(outer.getsockname()[1]))
        return [outer] if inner is None else [outer, inner]

    def _start_gateway(self, world: World, table: Latency, gateway_socket: socket.socket) -> None:
        """Start the session gateway, for agents and clients, and let SSM's API answer from it."""
        from sandbox.session_manager.gateway import Gateway
        from sandbox.session_manager.responses import install

        inner, cloud = self._inner_socket(world, self.port + 1), self.cloud
        gateway = Gateway(gateway_socket, inner, table, cloud.authorise, self.faults, cloud.name_of)
        self.gateway = gateway
        install(gateway)
        self.cloud.context.terminated.append(gateway.forget)
        self.cloud.context.session_of = gateway.sessions.begun_by
        gateway.start()
        self._closing.callback(gateway.close)

    @staticmethod
    def _inner_socket(world: World, port: int) -> socket.socket | None:
        """Return a listening socket inside the sandbox's internet, where the world has one."""
        try:
            return world.listen(port)
        except NotImplementedError:
            return None

    def _open_world(self, internet: int, known: state.State, table: Latency, authority: Authority) -> Opened:
        """Make the hosts' world."""
        from sandbox.hosts import Unavailable

        place = Place(
            internet=internet,
            directory=self.directory / "hosts",
            endpoint=known.endpoint,
            gateway=known.gateway,
            region=known.region,
            latency=table,
            authority=authority,
        )
        try:
            return open_world(place, self.isolation)
        except Unavailable as reason:
            raise CannotStartError(str(reason)) from reason

    def wait(self) -> None:
        """Return when somebody asked for the end, or when nobody asked for anything for too long."""
        while not self._ended.wait(timeout=min(30.0, self.idle / 4) if self.idle else None):
            if self._is_idle():
                # Whoever is just starting finds it running, and has touched the state before it lets go of the lock.
                lock = state.take(self.directory / "start.lock")
                if lock is not None and self._is_idle():
                    return
                if lock is not None:
                    os.close(lock)

    def _is_idle(self) -> bool:
        if self.gateway.sessions.describe(REGION, history=False):
            return False  # somebody has a shell open; the gateway ends those in which nothing happens
        quiet = time.monotonic() - self.cloud.journal.last
        touched = time.time() - (self.directory / "state.json").stat().st_mtime
        return 0 < self.idle < min(quiet, touched)

    def end(self, *_: int | FrameType | None) -> None:
        """Ask for the end."""
        self._ended.set()

    def close(self) -> None:
        """End everything that was started, the last first, whatever fails on the way."""
        self._closing.close()


def allow_open_files() -> None:
    """Let this process open as many files as it may: each public address is listened to on a thousand ports."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def main(arguments: list[str]) -> int:
    """Run a sandbox in this process; called by ``python -m sandbox start`` with a pipe to report to."""
    allow_open_files()
    settings = json.loads(arguments[0])
    report = os.fdopen(settings["report"], "w")
    directory = Path(settings["directory"])
    running = state.take(directory / "running.lock", wait=True)
    daemon = Daemon(
        directory,
        settings["latency"],
        settings["port"],
        settings["idle"],
        settings["isolation"],
        settings["throttling"],
        rules_of(settings["faults"]),
    )
    signal.signal(signal.SIGTERM, daemon.end)
    signal.signal(signal.SIGINT, daemon.end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        known = daemon.start()
    except CannotStartError as reason:
        daemon.close()
        json.dump({"error": str(reason)}, report)
        return 1
    except BaseException:
        daemon.close()
        raise
    try:
        json.dump({"endpoint": known.endpoint}, report)
        report.close()
    except OSError:
        daemon.end()  # whoever asked for a sandbox is gone
    daemon.wait()
    daemon.close()
    state.remove(directory)
    state.leave(directory)
    if running is not None:
        os.close(running)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
