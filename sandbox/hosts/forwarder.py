"""Elastic IPs on the person's machine: connections there go on inside the sandbox's internet, to the same address.

The addresses are loopback addresses, so the machine needs no set-up; inside, the connection comes from the operator's
public address, so routes and security groups decide about it as about any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import struct
from collections.abc import Callable, Iterable

from sandbox.hosts.reactor import Reactor

PORTS = (22, 80, 443, 10035, 10036, *range(16000, 17001))
CONNECT_TIMEOUT = 5.0
"""Seconds until a connection that a security group drops is given up."""
SOCKETS_AT_ONCE = 16
CHUNK = 65536

Address = tuple[str, int]


class Forwarder:
    """Listens on each mapped address and relays."""

    def __init__(
        self,
        reactor: Reactor,
        sockets: Callable[[int], list[socket.socket]],
        target: Callable[[Address, Address], Address] = lambda near, far: near,
        ports: Iterable[int] = PORTS,
    ) -> None:
        """Take ``sockets``, which returns that many unconnected sockets inside the internet.

        ``target`` says where a connection goes on to, from the address that was asked for and the asking one; it may
        take its time, and raises OSError where there is nothing.
        """
        self._reactor = reactor
        self._sockets = sockets
        self._target = target
        self._ports = tuple(ports)
        self._supply: list[socket.socket] = []
        self._stops: dict[str, Callable[[], None]] = {}

    def arrange(self, addresses: set[str]) -> None:
        """Listen on exactly these addresses from now on."""
        for address in self._stops.keys() - addresses:
            self._stops.pop(address)()
        for address in sorted(addresses - self._stops.keys()):
            raise_descriptor_limit()
            self._stops[address] = self._reactor.serve(list(_listen(address, self._ports)), self._relay)

    def close(self) -> None:
        """Stop listening."""
        self.arrange(set())
        for each in self._supply:
            each.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer.get_extra_info(end)[:2] for end in ("sockname", "peername")]
        try:
            target = await asyncio.to_thread(self._target, *ends)
            inner = await self._connect(target)
        except OSError:
            _reset(writer)
            return
        inner_reader, inner_writer = await asyncio.open_connection(sock=inner)
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        for each in (writer, inner_writer):
            each.close()

    async def _connect(self, target: tuple[str, int]) -> socket.socket:
        if not self._supply:
            self._supply += await asyncio.to_thread(self._sockets, SOCKETS_AT_ONCE)
        inner = self._supply.pop()
        inner.setblocking(False)
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(inner, target), CONNECT_TIMEOUT)
        except OSError:  # a time-out is one, too
            inner.close()
            raise
        return inner


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction to its end, and pass the end on: the other direction may still talk."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once, so that the other side sees an error and not an end."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _listen(address: str, ports: Iterable[int]) -> Iterable[socket.socket]:
    for port in ports:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((address, port))
            listening.listen(100)
        except OSError:
            # Something of the machine's listens there on all addresses; the other ports are still of use.
            listening.close()
            continue
        yield listening


def raise_descriptor_limit() -> None:
    """Allow this process as many descriptors as it may have: each address takes a thousand."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
