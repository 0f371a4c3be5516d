"""Messages and descriptors arrive together, whole and in order."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from sandbox.hosts.channel import Channel


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    one, other = socket.socketpair()
    with one, other:
        yield Channel(one), Channel(other)


def test_a_message(ends: tuple[Channel, Channel]) -> None:
    ends[0].send({"do": "boot", "text": "line\nbreak"})
    assert ends[1].receive() == ({"do": "boot", "text": "line\nbreak"}, [])


def test_several_in_one_go(ends: tuple[Channel, Channel]) -> None:
    for number in range(3):
        ends[0].send({"number": number})
    assert ends[1].receive() == ({"number": 0}, [])
    assert ends[1].waiting()
    assert ends[1].receive() == ({"number": 1}, [])
    assert ends[1].receive() == ({"number": 2}, [])
    assert not ends[1].waiting()


def test_descriptors_belong_to_their_message(ends: tuple[Channel, Channel]) -> None:
    reading, writing = os.pipe()
    ends[0].send({"first": True}, [writing])
    ends[0].send({"second": True})
    ends[0].send({"third": True}, [writing, reading])
    counts = []
    for _ in range(3):
        received = ends[1].receive()
        assert received is not None
        counts.append(len(received[1]))
        for descriptor in received[1]:
            assert not os.get_inheritable(descriptor)
            os.close(descriptor)
    assert counts == [1, 0, 2]
    os.close(reading)
    os.close(writing)


def test_a_long_message(ends: tuple[Channel, Channel]) -> None:
    text = "x" * 2_000_000
    thread = threading.Thread(target=ends[0].send, args=({"text": text},))
    thread.start()
    assert ends[1].receive() == ({"text": text}, [])
    thread.join()


def test_the_end(ends: tuple[Channel, Channel]) -> None:
    ends[0].connection.close()
    assert ends[1].receive() is None
