"""A port session seen from the client's side: a port of this machine whose connections lead to one of the node's.

The data channel is the main thread's; the connections have an event loop in a thread of their own. With an agent that
multiplexes there may be any number of connections at a time, with an older one a single one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from session_manager_plugin import frames
from session_manager_plugin.multiplexing import Multiplexer, MultiplexingError
from session_manager_plugin.versions import agent_multiplexes

TYPE: Final = "LocalPortForwarding"
WINDOW: Final = 256
"""Unacknowledged frames after which no connection is read any further."""
_HOST_VARIABLE: Final = "SSM_PLUGIN_LOCAL_HOST"
_REFUSED: Final = b"\nConnection to destination port failed, check SSM Agent logs.\n"


@dataclass(frozen=True)
class Channel:
    """What the connections need of the data channel; each may be called from any thread."""

    session_id: str
    send: Callable[[int, bytes], None]
    unacknowledged: Callable[[], int]
    show: Callable[[bytes], None]
    fail: Callable[[str], None]


def forwarding(channel: Channel, properties: dict[str, Any], agent_version: str) -> Forwarding:
    """Listen as the properties say, for the form that the agent understands; OSError when the port is taken."""
    host = os.environ.get(_HOST_VARIABLE) or "localhost"
    port = int(properties.get("localPortNumber") or 0)
    family, kind, protocol, _, address = min(
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), key=lambda found: found[0] != socket.AF_INET
    )
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    chosen = MultiplexedForwarding if agent_multiplexes(agent_version) else BasicForwarding
    return chosen(channel, listener)


class Forwarding(ABC):
    """A listening port, and what comes and goes through it."""

    def __init__(self, channel: Channel, listener: socket.socket) -> None:
        self._channel = channel
        self._listener = listener
        self._port = listener.getsockname()[1]
        self._room = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Say which port it is, and accept connections from now on."""
        self._announce()
        self._thread.start()

    @property
    @abstractmethod
    def accepts(self) -> bool:
        """Whether output of the session can be taken; what cannot is not acknowledged, and comes again."""

    def receive(self, payload_type: int, payload: bytes) -> None:
        """Output of the session, or a flag."""
        self._call(self._receive, payload_type, payload)

    def acknowledged(self) -> None:
        """There may be room in the channel."""
        self._call(self._room.set)

    def close(self) -> None:
        """End the connections."""
        self._call(self._loop.stop)
        self._thread.join(1)

    @abstractmethod
    def _announce(self) -> None: ...

    @abstractmethod
    def _receive(self, payload_type: int, payload: bytes) -> None: ...

    @abstractmethod
    async def _accept(self) -> None: ...

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        # The loop may have ended before the main thread knows.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        tasks = [self._loop.create_task(self._guard(self._accept()))]
        self._loop.run_forever()
        for task in [*tasks, *asyncio.all_tasks(self._loop)]:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(self._loop), return_exceptions=True))
        self._listener.close()

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (OSError, MultiplexingError) as error:
            self._channel.fail(str(error))

    async def _send(self, data: bytes) -> None:
        for start in range(0, len(data), frames.MAXIMUM_PAYLOAD):
            while self._channel.unacknowledged() >= WINDOW:
                self._room.clear()
                if self._channel.unacknowledged() >= WINDOW:
                    await self._room.wait()
            self._channel.send(frames.OUTPUT, data[start : start + frames.MAXIMUM_PAYLOAD])

    async def _next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connection, _ = await self._loop.sock_accept(self._listener)
        return await asyncio.open_connection(sock=connection)


class MultiplexedForwarding(Forwarding):
    """Any number of connections."""

    _multiplexer: Multiplexer | None = None

    @property
    def accepts(self) -> bool:
        """Whether what waits for those who connected is not too much."""
        return self._multiplexer is not None and not self._multiplexer.is_full

    def _announce(self) -> None:
        opened = f"Port {self._port} opened for sessionId {self._channel.session_id}."
        self._channel.show(f"{opened}\nWaiting for connections...\n".encode())

    def _receive(self, payload_type: int, payload: bytes) -> None:
        assert self._multiplexer is not None
        if payload_type == frames.FLAG:
            if frames.flag_of(payload) == frames.FLAG_REFUSED:
                self._channel.show(_REFUSED)
            return
        try:
            self._multiplexer.receive(payload)
        except MultiplexingError as error:
            self._channel.fail(str(error))

    async def _accept(self) -> None:
        self._multiplexer = Multiplexer(self._send)
        alive = self._loop.create_task(self._multiplexer.keep_alive())
        try:
            first = True
            while True:
                ends = await self._next()
                if first:
                    self._channel.show(f"\nConnection accepted for session [{self._channel.session_id}]\n".encode())
                    first = False
                self._multiplexer.carry(ends)
        finally:
            alive.cancel()
            await self._multiplexer.close()


class BasicForwarding(Forwarding):
    """One connection at a time; when it ends, the agent is told, and the next one may come."""

    _writer: asyncio.StreamWriter | None = None

    @property
    def accepts(self) -> bool:
        """Whether somebody has connected: what the server says at once waits for that."""
        return self._writer is not None

    def _announce(self) -> None:
        self._channel.show(f"Port {self._port} opened for sessionId {self._channel.session_id}.\n".encode())

    def _receive(self, payload_type: int, payload: bytes) -> None:
        # What is still on its way to a connection that has ended is nobody's.
        if payload_type == frames.OUTPUT and self._writer is not None and not self._writer.is_closing():
            self._writer.write(payload)

    async def _accept(self) -> None:
        while True:
            reader, writer = await self._next()
            if self._writer is None:
                self._channel.show(f"Connection accepted for session {self._channel.session_id}.\n".encode())
            self._writer = writer
            with contextlib.suppress(OSError):
                while data := await reader.read(frames.MAXIMUM_PAYLOAD):
                    await self._send(data)
            self._channel.send(frames.FLAG, frames.flag(frames.FLAG_DISCONNECT))
            writer.close()
