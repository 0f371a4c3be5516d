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
        self._thread = threading.Thread(target=self._run, name="hosts", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

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

        def close() -> None:
            for server in servers:
                server.close()

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
