"""One thread with an event loop, for the sockets that the main process serves on behalf of the hosts."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Reactor:
    """Runs conversations on listening sockets until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._conversations: set[asyncio.Task[None] | None] = set()
        self._servers: set[asyncio.Server] = set()
        self._thread = threading.Thread(target=self._run, name="hosts", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        # A connection that is just being accepted makes a task of its own only then.
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._loop.shutdown_default_executor()

    def serve(self, listening: list[socket.socket], conversation: Conversation) -> Callable[[], None]:
        """Accept on all these sockets; return how to stop. What has been accepted goes on."""

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # The loop itself forgets a conversation that waits for neither side's input, and it would be collected.
            task = asyncio.current_task()
            self._conversations.add(task)
            try:
                await conversation(reader, writer)
            finally:
                self._conversations.discard(task)

        async def accept() -> list[asyncio.Server]:
            return [await asyncio.start_server(converse, sock=each, backlog=100) for each in listening]

        servers = self.call(accept())

        self._servers.update(servers)

        def close() -> None:
            for server in servers:
                server.close()
            self._servers.difference_update(servers)

        def stop() -> None:
            self._loop.call_soon_threadsafe(close)

        return stop

    def call[Result](self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the loop, from another thread, and wait for what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """Stop the loop; conversations end where they are."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
