"""Where the server on a node is told what is to go wrong with it; `sandbox.faults.questions` is how it asks."""

from __future__ import annotations

import asyncio
import json
import socket

from sandbox.faults.questions import LONGEST, TIMEOUT, address
from sandbox.hosts.reactor import Conversation
from sandbox.world import Fault


def listening(host: str, port: int) -> socket.socket:
    """Return a socket at which the server that listens there asks, in the network of the calling thread."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(address(host, port))
    made.listen(512)
    return made


def fault_conversation(fault: Fault) -> Conversation:
    """Return how to answer the questions of one node's server."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                event = (await reader.readline()).decode("latin-1")[:LONGEST].strip()
                writer.write(json.dumps(fault(event)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            pass  # gone, or no question: nobody is left to answer
        finally:
            writer.close()

    return converse
