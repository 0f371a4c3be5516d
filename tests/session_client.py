"""A client of a session's data channel that does only what a test tells it to."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from session_manager_bench import Bench, wait_for
from websockets.sync.client import ClientConnection, connect

from sandbox.session_manager.sessions import Session
from session_manager_plugin import frames
from session_manager_plugin.frames import Frame


@dataclass
class Client:
    """One client."""

    bench: Bench
    session: Session
    connection: ClientConnection | None = None
    numbers: Iterator[int] = field(default_factory=itertools.count)
    seen: dict[int, Frame] = field(default_factory=dict)
    acknowledged: list[int] = field(default_factory=list)
    closed: Frame | None = None
    acknowledging: bool = True
    connections: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def open(self, token: str | None = None) -> None:
        url = self.bench.gateway.stream_url(self.session)
        self.connection = self.connections.enter_context(connect(url, compression=None, proxy=None))
        opening = {"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4())}
        opening |= {"TokenValue": token or self.session.token, "ClientId": "test", "ClientVersion": "1.2.0.0"}
        self.connection.send(json.dumps(opening))

    def send(self, payload_type: int, payload: bytes, sequence: int | None = None) -> None:
        assert self.connection is not None
        number = next(self.numbers) if sequence is None else sequence
        self.connection.send(Frame(frames.INPUT_STREAM, payload, payload_type, number).encode())

    def shake_hands(self) -> None:
        self.until(lambda: 0 in self.seen)
        action = {"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}
        response = {"ClientVersion": "1.2.0.0", "ProcessedClientActions": [action], "Errors": None}
        self.send(frames.HANDSHAKE_RESPONSE, frames.compact(response))
        self.until(lambda: 1 in self.seen)

    def cut(self) -> None:
        assert self.connection is not None
        self.connection.socket.shutdown(2)
        wait_for(lambda: self.session.client is None)

    def receive(self, timeout: float) -> None:
        assert self.connection is not None
        message = self.connection.recv(timeout)
        assert isinstance(message, bytes)
        frame = Frame.decode(message)
        if frame.message_type == frames.ACKNOWLEDGE:
            self.acknowledged.append(frames.acknowledged_sequence(frame))
        elif frame.message_type == frames.OUTPUT_STREAM:
            self.seen[frame.sequence] = frame
            if self.acknowledging:
                self.connection.send(frames.acknowledgement(frame).encode())
        elif frame.message_type == frames.CHANNEL_CLOSED:
            self.closed = frame

    def until(self, condition: Any, seconds: float = 8.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            remaining = end - time.monotonic()
            assert remaining > 0, f"it did not come in time; output so far: {self.output!r}"
            self.receive(remaining)

    def listen(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        try:
            while (remaining := end - time.monotonic()) > 0:
                self.receive(remaining)
        except TimeoutError:
            return

    @property
    def output(self) -> bytes:
        """Everything up to the first gap."""
        frames_in_order = itertools.takewhile(lambda number: number in self.seen, itertools.count())
        chosen = [self.seen[number] for number in frames_in_order]
        return b"".join(frame.payload for frame in chosen if frame.payload_type == frames.OUTPUT)
