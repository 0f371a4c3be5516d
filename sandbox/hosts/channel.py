"""JSON lines with file descriptors over a Unix stream socket: how the main process and the world process talk."""

from __future__ import annotations

import array
import json
import socket
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]

MOST_DESCRIPTORS = 64
"""Descriptors that one message may carry; the kernel's own limit is 253."""


class Channel:
    """One end of the conversation. Each message says how many descriptors travel with it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._text = bytearray()
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        """Let selectors wait for this channel."""
        return self.connection.fileno()

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send one message with its descriptors; the caller keeps (and closes) its own copies."""
        line = json.dumps({**message, "descriptors": len(descriptors)}).encode() + b"\n"
        if descriptors:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors).tobytes())
            # The descriptors arrive with the first byte, so one byte carries them and the rest goes as a stream.
            self.connection.sendmsg([line[:1]], [rights])
            line = line[1:]
        self.connection.sendall(line)

    def receive(self) -> tuple[Message, list[int]] | None:
        """Return the next message and its descriptors, or None when the other side is gone."""
        while b"\n" not in self._text:
            if not self._fill():
                return None
        line, _, rest = self._text.partition(b"\n")
        self._text = rest
        message: Message = json.loads(line)
        count = int(message.pop("descriptors"))
        descriptors, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return message, descriptors

    def waiting(self) -> bool:
        """Whether a whole message has been read already, so that waiting for the socket would be wrong."""
        return b"\n" in self._text

    def _fill(self) -> bool:
        space = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, ancillary, _flags, _address = self.connection.recvmsg(65536, space, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return False
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
                self._descriptors += received
        self._text += data
        return bool(data)
