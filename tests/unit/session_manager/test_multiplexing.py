"""Frames of the multiplexed form, and the streams that they make."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from session_manager_plugin.multiplexing import (
    FINISH,
    KEEP_ALIVE,
    LARGEST_BUFFER,
    LARGEST_FRAME,
    OPEN,
    PUSH,
    Decoder,
    Ends,
    Multiplexer,
    MultiplexingError,
    StreamFrame,
)
from session_manager_plugin.versions import agent_multiplexes, client_is_silent, client_multiplexes

Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def in_time(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def test_frames_on_the_wire() -> None:
    assert StreamFrame(OPEN, 3).encode() == bytes.fromhex("01 00 0000 03000000")
    assert StreamFrame(FINISH, 0x01020304).encode() == bytes.fromhex("01 01 0000 04030201")
    assert StreamFrame(PUSH, 5, b"hello").encode() == bytes.fromhex("01 02 0500 05000000") + b"hello"
    assert StreamFrame(KEEP_ALIVE).encode() == bytes.fromhex("01 03 0000 00000000")


def test_frames_come_back_however_they_were_cut() -> None:
    chance = random.Random(1)
    sent = [StreamFrame(PUSH, number, chance.randbytes(chance.randrange(5000))) for number in range(3, 203, 2)]
    channel = b"".join(frame.encode() for frame in [StreamFrame(OPEN, 3), *sent, StreamFrame(FINISH, 3)])
    decoder, received = Decoder(), []
    while channel:
        length = chance.randrange(1, 1500)
        received += decoder.feed(channel[:length])
        channel = channel[length:]
    assert received == [StreamFrame(OPEN, 3), *sent, StreamFrame(FINISH, 3)]


@pytest.mark.parametrize("data", [b"\x02\x00\x00\x00\x03\x00\x00\x00", b"\x01\x04\x00\x00\x03\x00\x00\x00"])
def test_another_protocol_is_refused(data: bytes) -> None:
    with pytest.raises(MultiplexingError):
        Decoder().feed(data)


def test_versions_decide_as_aws_s_programs_do() -> None:
    assert [agent_multiplexes(each) for each in ("3.0.196.0", "3.0.197.0", "2.3.1.0", "3.3.0.0", "", "x")] == [
        False, True, False, True, False, False,
    ]  # fmt: skip
    assert [client_multiplexes(each) for each in ("1.1.61.0", "1.1.70", "1.1.70.0", "1.2.0.0", "")] == [
        False, True, True, True, False,
    ]  # fmt: skip
    assert [client_is_silent(each) for each in ("1.2.0.0", "1.2.331.0", "1.2.332.0")] == [False, False, True]


class Pair:
    """Two multiplexers back to back, a server behind the one, and what went over the channel."""

    def __init__(self, serve: Server | None) -> None:
        self.sent: list[StreamFrame] = []
        self.refusals: list[OSError] = []
        self._seen = Decoder()
        self._serve = serve

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Pair]:
        server = await asyncio.start_server(self._serve or _hang_up, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        if self._serve is None:
            server.close()
        self.far = Multiplexer(self._to_near, self._connect, self._refused)
        self.near = Multiplexer(self._to_far)
        listener = await asyncio.start_server(lambda *ends: self.near.carry(ends), "127.0.0.1", 0)
        self.address = listener.sockets[0].getsockname()
        try:
            yield self
        finally:
            listener.close()
            server.close()
            await self.near.close()
            await self.far.close()

    async def _connect(self) -> Ends:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _refused(self, error: OSError) -> None:
        self.refusals.append(error)

    async def _to_far(self, data: bytes) -> None:
        await asyncio.sleep(0)
        while self.far.is_full:
            await asyncio.sleep(0.01)
        self.sent += self._seen.feed(data)
        self.far.receive(data)

    async def _to_near(self, data: bytes) -> None:
        await asyncio.sleep(0)
        while self.near.is_full:
            await asyncio.sleep(0.01)
        self.near.receive(data)


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def test_streams_do_not_meet() -> None:
    async def work() -> None:
        async with Pair(_echo).opened() as pair:

            async def converse(number: int) -> None:
                reader, writer = await asyncio.open_connection(*pair.address)
                text = f"connection {number}\n".encode() * (number * 500 + 1)
                writer.write(text)
                assert await reader.readexactly(len(text)) == text
                writer.close()

            await asyncio.gather(*(converse(number) for number in range(20)))
            opened = [frame.stream for frame in pair.sent if frame.command == OPEN]
            assert opened == list(range(3, 43, 2))
            while sum(frame.command == FINISH for frame in pair.sent) < 20:
                await asyncio.sleep(0.01)

    in_time(work())
    assert LARGEST_FRAME < 65536


def test_a_server_that_ends_ends_the_connection_when_all_is_said() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 3_000_000)
        writer.close()

    async def work() -> None:
        async with Pair(serve).opened() as pair:
            reader, writer = await asyncio.open_connection(*pair.address)
            assert len(await reader.read(-1)) == 3_000_000
            writer.close()

    in_time(work())


def test_half_closing_a_connection_closes_all_of_it_as_with_aws() -> None:
    async def work() -> None:
        heard = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.read(-1) == b"a question"
            heard.set()
            writer.write(b"an answer that nobody gets")
            writer.close()

        async with Pair(serve).opened() as pair:
            reader, writer = await asyncio.open_connection(*pair.address)
            writer.write(b"a question")
            writer.write_eof()
            assert await reader.read(-1) == b""
            await heard.wait()
            writer.close()

    in_time(work())


def test_a_connection_that_cannot_be_made_is_told_and_closed() -> None:
    async def work() -> None:
        pair = Pair(None)
        async with pair.opened():
            reader, writer = await asyncio.open_connection(*pair.address)
            assert await reader.read(-1) == b""
            writer.close()
        assert [type(each) for each in pair.refusals] == [ConnectionRefusedError]

    in_time(work())


def test_somebody_who_does_not_read_stops_the_channel_before_it_takes_too_much() -> None:
    async def work() -> None:
        go_on = asyncio.Event()
        taken = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal taken
            await go_on.wait()
            while data := await reader.read(65536):
                taken += len(data)
            writer.close()

        async with Pair(serve).opened() as pair:
            _, writer = await asyncio.open_connection(*pair.address)
            # The kernel's own buffers take some of it, too.
            total = 10 * LARGEST_BUFFER
            writer.write(b"x" * total)
            while not pair.far.is_full:
                await asyncio.sleep(0.01)
            assert sum(len(frame.data) for frame in pair.sent) < 5 * LARGEST_BUFFER
            go_on.set()
            while taken < total:
                await asyncio.sleep(0.01)
            writer.close()

    in_time(work())


def test_what_comes_for_a_stream_that_is_closed_is_thrown_away() -> None:
    async def work() -> None:
        async with Pair(_echo).opened() as pair:
            pair.near.receive(StreamFrame(PUSH, 99, b"late").encode() + StreamFrame(FINISH, 99).encode())
            assert not pair.near.is_full

    in_time(work())
