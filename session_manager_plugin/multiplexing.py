"""Many connections over one byte channel, as AWS's plugin and agent carry them: smux, version 1 of its protocol.

A frame is little-endian: u8 version, u8 command, u16 length, u32 stream, then as many bytes as the length says. The
side that connects opens streams of odd numbers from 3. There is no window for each stream; who cannot take more stops
reading the channel.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

VERSION: Final = 1
OPEN, FINISH, PUSH, KEEP_ALIVE = range(4)
HEADER: Final = struct.Struct("<BBHI")
LARGEST_FRAME: Final = 32768
"""Bytes of data in a frame, as smux cuts them; the length has room for twice as many."""
LARGEST_BUFFER: Final = 4 * 1024 * 1024
"""Bytes of all streams together that may wait here for somebody who does not take them."""
KEEP_ALIVE_INTERVAL: Final = 10.0
KEEP_ALIVE_TIMEOUT: Final = 30.0

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""The two ends of a connection on this machine."""


class MultiplexingError(ValueError):
    """What arrived is not of this protocol: nothing after it can be understood."""


class StreamFrame(NamedTuple):
    """One frame."""

    command: int
    stream: int = 0
    data: bytes = b""

    def encode(self) -> bytes:
        """The frame as it stands in the channel."""
        return HEADER.pack(VERSION, self.command, len(self.data), self.stream) + self.data


class Decoder:
    """Puts frames together, however the channel cut them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[StreamFrame]:
        """The frames that are whole now that `data` has come, or MultiplexingError."""
        self._buffer += data
        frames, start = [], 0
        while len(self._buffer) - start >= HEADER.size:
            version, command, length, stream = HEADER.unpack_from(self._buffer, start)
            if version != VERSION or command > KEEP_ALIVE:
                raise MultiplexingError(f"a frame of version {version} with the command {command}")
            end = start + HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append(StreamFrame(command, stream, bytes(self._buffer[start + HEADER.size : end])))
            start = end
        del self._buffer[:start]
        return frames


class Stream:
    """What has come for one connection and is not taken yet."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.finished = False
        """The other side has finished: there is no more to come, and nobody who takes anything."""
        self.waiting: deque[bytes] = deque()
        self._news = asyncio.Event()

    def push(self, data: bytes) -> None:
        """Data has come."""
        self.waiting.append(data)
        self._news.set()

    def finish(self) -> None:
        """No more data comes."""
        self.finished = True
        self._news.set()

    async def next(self) -> bytes:
        """The next piece of data; empty at the end."""
        while not self.waiting:
            if self.finished:
                return b""
            self._news.clear()
            await self._news.wait()
        return self.waiting.popleft()


class Multiplexer:
    """One side of the channel.

    `send` takes bytes for the other side, in order, and returns when there is room for more. `connect` makes the
    connection for a stream that the other side has opened, or raises OSError; `refused` is told of that.
    """

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[None]],
        connect: Callable[[], Awaitable[Ends]] | None = None,
        refused: Callable[[OSError], Awaitable[None]] | None = None,
    ) -> None:
        self._send_bytes = send
        self._connect = connect
        self._refused = refused
        self._decoder = Decoder()
        self._streams: dict[int, Stream] = {}
        self._last_number = 1
        self._buffered = 0
        self._sending = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.heard = asyncio.get_running_loop().time()
        """When the last frame came, by the loop's clock."""

    @property
    def is_full(self) -> bool:
        """Whether too much waits to be taken for anything more to be received."""
        return self._buffered >= LARGEST_BUFFER

    def receive(self, data: bytes) -> None:
        """Bytes have come from the other side; MultiplexingError when they make no sense."""
        for frame in self._decoder.feed(data):
            self.heard = asyncio.get_running_loop().time()
            stream = self._streams.get(frame.stream)
            if frame.command == OPEN and stream is None and self._connect is not None:
                self._streams[frame.stream] = Stream(frame.stream)
                self._begin(self._accept(self._streams[frame.stream]))
            elif frame.command == FINISH and stream is not None:
                stream.finish()
            elif frame.command == PUSH and stream is not None and frame.data:
                # What comes for a stream that is closed already is thrown away.
                self._buffered += len(frame.data)
                stream.push(frame.data)

    def carry(self, ends: Ends) -> None:
        """Carry a connection of this machine through a new stream."""
        self._last_number += 2
        stream = self._streams[self._last_number] = Stream(self._last_number)
        self._begin(self._open(stream, ends))

    async def keep_alive(self, timeout: float | None = None) -> None:
        """Say every now and then that this side is there; return when the other has said nothing for too long."""
        while timeout is None or asyncio.get_running_loop().time() - self.heard < timeout:
            await asyncio.sleep(KEEP_ALIVE_INTERVAL)
            await self._send(StreamFrame(KEEP_ALIVE))

    async def close(self) -> None:
        """End every connection at once."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, frame: StreamFrame) -> None:
        # A frame may be larger than the channel has room for: nobody else's comes into the middle of it.
        async with self._sending:
            await self._send_bytes(frame.encode())

    async def _accept(self, stream: Stream) -> None:
        assert self._connect is not None
        try:
            ends = await self._connect()
        except OSError as error:
            if self._refused is not None:
                await self._refused(error)
            await self._finish(stream)
            return
        await self._pass_on(stream, ends)

    async def _open(self, stream: Stream, ends: Ends) -> None:
        try:
            await self._send(StreamFrame(OPEN, stream.number))
        except BaseException:
            ends[1].transport.abort()
            raise
        await self._pass_on(stream, ends)

    async def _pass_on(self, stream: Stream, ends: Ends) -> None:
        """Both directions, until one ends: the other ends with it, since a stream cannot be closed by half."""
        reader, writer = ends
        outward = asyncio.ensure_future(self._outward(stream, reader))
        try:
            with contextlib.suppress(OSError):
                while data := await stream.next():
                    self._buffered -= len(data)
                    writer.write(data)
                    await writer.drain()
            writer.close()
            await outward
        finally:
            outward.cancel()
            if not writer.is_closing():
                writer.transport.abort()

    async def _outward(self, stream: Stream, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while (data := await reader.read(LARGEST_FRAME)) and not stream.finished:
                await self._send(StreamFrame(PUSH, stream.number, data))
        await self._finish(stream)

    async def _finish(self, stream: Stream) -> None:
        """Close this side of a stream; what has come for it meanwhile is thrown away."""
        self._streams.pop(stream.number, None)
        self._buffered -= sum(len(data) for data in stream.waiting)
        stream.waiting.clear()
        stream.finish()
        await self._send(StreamFrame(FINISH, stream.number))
