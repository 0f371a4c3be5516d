"""The node's side of a port session: connections to one of the node's own ports behind the data channel's frames.

With a client that multiplexes there may be any number of them at a time, else a single one, which is made as soon as
the session begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.session_manager.conversation import WINDOW, Conversation
from session_manager_plugin import frames
from session_manager_plugin.delivery import Outbox
from session_manager_plugin.frames import Frame
from session_manager_plugin.multiplexing import KEEP_ALIVE_TIMEOUT, Ends, Multiplexer, MultiplexingError
from session_manager_plugin.versions import agent_multiplexes, client_is_silent, client_multiplexes

HOST: Final = "localhost"


@dataclass
class Ports(Conversation):
    """One session."""

    # What is given up is missing in the middle of somebody's connection: nothing is.
    _outbox: Outbox = field(default_factory=lambda: Outbox(frames.OUTPUT_STREAM))
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _multiplexer: Multiplexer | None = None
    _input: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    """For the single connection: what is to be sent to the port, and None where the client's side has ended."""

    def _begin(self, client_version: str) -> None:
        if self._tasks or self._done:
            return
        if agent_multiplexes(self.agent_version) and client_multiplexes(client_version):
            self._multiplexer = Multiplexer(self._send, self._connect, self._say_refused)
            if not client_is_silent(client_version):
                self._start(self._keep_alive(self._multiplexer))
        else:
            self._start(self._one_at_a_time())

    def _accepts(self) -> bool:
        return self._multiplexer is None or not self._multiplexer.is_full

    def _hear(self, frame: Frame) -> None:
        if self._multiplexer is None:
            if frame.payload_type == frames.OUTPUT:
                self._input.put_nowait(frame.payload)
            elif frame.payload_type == frames.FLAG and frames.flag_of(frame.payload) == frames.FLAG_DISCONNECT:
                self._input.put_nowait(None)
        elif frame.payload_type == frames.OUTPUT:
            try:
                self._multiplexer.receive(frame.payload)
            except MultiplexingError:
                self._finish("")

    def _has_room(self) -> None:
        self._room.set()

    def _look(self, now: float) -> None:
        """Nothing: whatever happens here comes from the connections."""

    def _end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._multiplexer is not None:
            closing = asyncio.ensure_future(self._multiplexer.close())
            self._tasks.add(closing)
            closing.add_done_callback(self._tasks.discard)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, data: bytes) -> None:
        for start in range(0, len(data), frames.MAXIMUM_PAYLOAD):
            while len(self._outbox) >= WINDOW:
                self._room.clear()
                await self._room.wait()
            self._emit(frames.OUTPUT, data[start : start + frames.MAXIMUM_PAYLOAD])

    async def _connect(self) -> Ends:
        assert self.request.properties is not None
        return await asyncio.open_connection(HOST, int(self.request.properties["portNumber"]))

    async def _say_refused(self, error: OSError) -> None:
        self._emit(frames.FLAG, frames.flag(frames.FLAG_REFUSED))

    async def _keep_alive(self, multiplexer: Multiplexer) -> None:
        await multiplexer.keep_alive(KEEP_ALIVE_TIMEOUT)
        self._finish("")

    async def _one_at_a_time(self) -> None:
        """Until a connection cannot be made; when one ends, the next input makes another."""
        ends: Ends | None = None
        output: asyncio.Task[None] | None = None
        try:
            ends = await self._connect()
            output = asyncio.ensure_future(self._read(ends[0]))
            while True:
                data = await self._input.get()
                if data is None:
                    output.cancel()
                    ends[1].close()
                    continue
                if output.done() or ends[1].is_closing():
                    ends[1].close()
                    ends = await self._connect()
                    output = asyncio.ensure_future(self._read(ends[0]))
                ends[1].write(data)
                await ends[1].drain()
        except OSError as error:
            self._finish(f"Unable to connect to specified port: {error.strerror or error}")
        finally:
            if output is not None:
                output.cancel()
            if ends is not None:
                ends[1].transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(frames.MAXIMUM_PAYLOAD):
                await self._send(data)
        except OSError:
            return
