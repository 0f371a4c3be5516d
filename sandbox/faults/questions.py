"""How a server on a node asks what is to go wrong with it.

It asks at a Unix socket that has its name in the node's network alone: nothing of it lies on the node's disk, no route
or security group is in its way, and where there is no sandbox nobody answers. A line with an event goes there, and a
line of JSON comes back: what the rule that strikes it says, or null. Every question counts in the sandbox's own book,
so that rules hold from the next event on and their counts are exact.

This runs on nodes: with the standard library only.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping
from typing import Any, Final

EVENTS: Final[Mapping[str, str]] = {"start": "never_starts", "request": "error", "query": "dies_in_query"}
"""What a server asks about, each with what may happen then."""
LONGEST: Final = 64
TIMEOUT: Final = 5.0


def address(host: str, port: int) -> str:
    """Return where a server that listens there asks."""
    return f"\0allegrograph-{host}:{port}"


class Asker:
    """Asks for one server."""

    def __init__(self, host: str, port: int) -> None:
        self._address = address(host, port)

    def ask(self, event: str) -> dict[str, Any] | None:
        """Return what is to go wrong with this event, or None."""
        # No sandbox, or one that is just ending: then nothing is to go wrong.
        with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(self._address)
            connection.sendall(f"{event}\n".encode())
            with connection.makefile(encoding="utf-8") as answer:
                said = json.loads(answer.readline())
            return said if isinstance(said, dict) else None
        return None
