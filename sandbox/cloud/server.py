"""A threaded HTTP server on sockets that somebody else opened."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Sequence
from typing import Any


class Server:
    """Serves one WSGI application on several listening sockets, with TLS on those that have a context for it."""

    def __init__(self, application: Any, sockets: Sequence[tuple[socket.socket, ssl.SSLContext | None]]) -> None:
        from moto.moto_server.werkzeug_app import MotoRequestHandler
        from werkzeug.serving import make_server

        class Handler(MotoRequestHandler):  # type: ignore[misc]
            """Keeps silent: the journal has a line for each call."""

            # What TLS has to say comes in small pieces: each would wait until the one before is acknowledged.
            disable_nagle_algorithm = True

            def log(self, type: str, message: str, *arguments: Any) -> None:
                """Write nothing."""

        self._servers = []
        for each, context in sockets:
            host, port = each.getsockname()[:2]
            server = make_server(host, port, application, threaded=True, request_handler=Handler, fd=each.fileno())
            if context is not None:
                # No handshake while accepting: that thread would wait for a client that says nothing, and all others.
                server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
                server.ssl_context = context
            server.daemon_threads = True
            server.block_on_close = False
            self._servers.append(server)
        self._threads = [
            threading.Thread(target=each.serve_forever, name="endpoint", daemon=True) for each in self._servers
        ]

    def start(self) -> None:
        """Begin to answer."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop answering; requests under way are left to end with the process."""
        endings = [threading.Thread(target=server.shutdown) for server in self._servers]
        for each in endings:
            each.start()
        for each in endings:
            each.join()
        for server in self._servers:
            server.server_close()
