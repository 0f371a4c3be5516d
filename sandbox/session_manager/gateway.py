"""The session gateway: agents connect to it from their nodes, clients to the data channel of a session.

It passes a session's frames on unread. What makes a session survive a cut, numbers and acknowledgements, lies with the
two ends; the gateway knows who is connected, and tells the agent when its client comes and goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from sandbox.faults.book import Book
from sandbox.latency import Latency
from sandbox.session_manager.agents import Agents
from sandbox.session_manager.channel import AGENT_PATH, DATA_CHANNEL_PATH, control, pack, unpack
from sandbox.session_manager.commands import Commands
from sandbox.session_manager.interference import Interference
from sandbox.session_manager.sessions import Session, Sessions

Authorise = Callable[[str, str], str | None]
"""Instance id and access key id to None when the node may register, else to the reason why not."""

LOG: Final = logging.getLogger(__name__)
_OPENING_TIMEOUT: Final = 10.0
_MISSED_PINGS: Final = 3
_SWEEP: Final = 30.0
_BACKLOG: Final = 4096
"""Messages that wait for a client who does not read; the agent repeats what is dropped beyond."""
_ACKNOWLEDGE_AT: Final = slice(4, 15)


class Connection:
    """A WebSocket that any thread may send to."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._reason = ""
        self._cut = False
        self._writer = self._loop.create_task(self._write())

    def send(self, message: str | bytes) -> None:
        """Send soon, in order."""
        self._post(message)

    def close(self, reason: str = "") -> None:
        """Send what is waiting, then close."""
        self._reason = reason
        self._post(None)

    def cut(self) -> None:
        """Send what is waiting, then let go of the connection without a word."""
        self._cut = True
        self._post(None)

    async def end(self) -> None:
        """Stop sending."""
        self._writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writer

    def _post(self, message: str | bytes | None) -> None:
        # The loop may have ended when the sandbox stops.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._enqueue, message)

    def _enqueue(self, message: str | bytes | None) -> None:
        if message is None or self._waiting.qsize() < _BACKLOG:
            self._waiting.put_nowait(message)

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while (message := await self._waiting.get()) is not None:
                await self._connection.send(message)
            if self._cut:
                self._connection.transport.close()
            else:
                await self._connection.close(reason=self._reason)


class Gateway:
    """Serves agents and clients in a thread of its own."""

    def __init__(
        self,
        host_socket: socket.socket,
        internet_socket: socket.socket | None,
        latency: Latency,
        authorise: Authorise,
        faults: Book | None = None,
        name_of: Callable[[str], str] = lambda instance_id: "",
    ) -> None:
        self._sockets = [each for each in (host_socket, internet_socket) if each is not None]
        host, port = host_socket.getsockname()[:2]
        self.address = f"{host}:{port}"
        self._latency = latency
        self._authorise = authorise
        self._lock = threading.RLock()
        self.agents = Agents(latency, self._lock)
        self.sessions = Sessions(self.agents, self._lock)
        self.commands = Commands(self.agents, self._lock)
        self._interference = Interference(faults or Book(), name_of, self.agents, self.sessions, self._lock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="session-gateway", daemon=True)

    def start(self) -> None:
        """Begin to serve; returns when connections are accepted."""
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Close every connection and end the thread."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def stream_url(self, session: Session) -> str:
        """Where a client finds the session's data channel."""
        return f"ws://{self.address}{DATA_CHANNEL_PATH}{session.id}"

    def forget(self, instance_id: str) -> None:
        """The instance was terminated: its agent, its sessions and its commands end."""
        self.sessions.instance_is_gone(instance_id)
        self.agents.forget(instance_id)
        self._interference.forget(instance_id)
        self.commands.instance_is_gone(instance_id)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        quiet = logging.getLogger("sandbox.session_manager.websockets")
        quiet.setLevel(logging.CRITICAL)
        sweeper = self._loop.create_task(self._sweep())
        async with contextlib.AsyncExitStack() as stack:
            for each in self._sockets:
                each.setblocking(False)
                await stack.enter_async_context(
                    serve(
                        self._handle,
                        sock=each,
                        process_request=_refuse_unknown,
                        compression=None,
                        max_size=None,
                        close_timeout=1,
                        server_header=None,
                        logger=quiet,
                    )
                )
            self._ready.set()
            await self._stop.wait()
        sweeper.cancel()

    async def _handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path.partition("?")[0]
        peer = Connection(connection)
        try:
            with contextlib.suppress(ConnectionClosed, TimeoutError, ValueError, TypeError, KeyError):
                if path == AGENT_PATH:
                    await self._serve_agent(connection, peer)
                else:
                    await self._serve_client(connection, peer, path.removeprefix(DATA_CHANNEL_PATH))
        except Exception:
            # One connection's failure is written down; the others go on.
            LOG.exception("the gateway failed at %s", path)
        finally:
            await peer.end()

    async def _serve_agent(self, connection: ServerConnection, peer: Connection) -> None:
        hello: dict[str, Any] = json.loads(await asyncio.wait_for(connection.recv(), _OPENING_TIMEOUT))
        instance_id = str(hello["instance_id"])
        reason = await asyncio.to_thread(self._authorise, instance_id, str(hello["access_key_id"]))
        reason = reason or self._interference.refusal_of(instance_id)
        if reason is not None:
            await connection.send(control("refused", reason=reason))
            return
        ping = self._latency.agent_ping
        await connection.send(control("welcome", ping=ping))
        with self._lock:
            agent = self.agents.register(hello, peer)
            self.sessions.agent_is_back(instance_id, set(hello["sessions"]))
            self.commands.agent_is_back(instance_id, set(hello["commands"]))
        try:
            while True:
                message = await asyncio.wait_for(connection.recv(), ping * _MISSED_PINGS)
                agent.last_ping = time.time()
                if isinstance(message, bytes):
                    self._pass_on(instance_id, *unpack(message))
                else:
                    self._hear(instance_id, json.loads(message), peer)
        finally:
            self.agents.disconnect(instance_id, peer)

    def _pass_on(self, instance_id: str, session_id: str, frame: bytes) -> None:
        session = self.sessions.get(session_id)
        if session is None or session.instance_id != instance_id:
            return
        if frame[_ACKNOWLEDGE_AT] != b"acknowledge":
            session.active = time.time()
        client = session.client
        if client is not None:
            self._interference.pass_on(session, client, frame)

    def _hear(self, instance_id: str, message: dict[str, Any], peer: Connection) -> None:
        match message["kind"]:
            case "ping":
                peer.send(control("ping"))
            case "closed":
                session = self.sessions.get(message["session"])
                if session is not None and session.instance_id == instance_id:
                    self.sessions.close(session.id, message["output"])
            case "result":
                self.commands.finish(instance_id, message)
                peer.send(control("received", command_id=message["command_id"]))

    async def _serve_client(self, connection: ServerConnection, peer: Connection, session_id: str) -> None:
        opening = await asyncio.wait_for(connection.recv(), _OPENING_TIMEOUT)
        token = str(json.loads(opening)["TokenValue"]) if isinstance(opening, str) else ""
        session = self.sessions.get(session_id)
        if session is None or session.ended is not None or not secrets.compare_digest(token, session.token):
            await connection.close(1008, "the token is not valid for this session")
            return
        self.sessions.attach(session, peer)
        try:
            async for message in connection:
                if isinstance(message, str):
                    continue
                if message[_ACKNOWLEDGE_AT] != b"acknowledge":
                    session.active = time.time()
                agent = self.agents.peer(session.instance_id)
                if agent is not None:
                    agent.send(pack(session_id, message))
        finally:
            self.sessions.detach(session, peer)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            self.sessions.end_idle(time.time())


def _refuse_unknown(connection: ServerConnection, request: Request) -> Response | None:
    """Nothing is served but the two channels."""
    path = request.path.partition("?")[0]
    if path == AGENT_PATH or path.startswith(DATA_CHANNEL_PATH):
        return None
    return connection.respond(HTTPStatus.NOT_FOUND, "Not found.\n")
