"""How a federation's manager is reached from this machine: at its own address, or through tunnels."""

from __future__ import annotations

import contextlib
import urllib.parse

from ansible.module_utils.port_forwarding import LOCALHOST, ForwardedPort, Instance


class Way:
    """The address of the manager's AllegroGraph as it is called from here; what tunnels there are end with the way."""

    def __init__(self, host: str, port: int, instance: Instance | None, deadline: float) -> None:
        """Take the manager's own address, and its instance where that address is not to be asked.

        Tunnels have to be open by the deadline, by time.monotonic.
        """
        self.host, self.port = host, port
        self.through_proxy = instance is None
        self._instance = instance
        self._deadline = deadline
        self._tunnels = contextlib.ExitStack()
        self._open: dict[int, ForwardedPort] = {}

    def __enter__(self) -> Way:
        """Open the first tunnel where there is to be one, or raise ForwardingError."""
        if self._instance is not None:
            self.host, self.port = LOCALHOST, self._forwarded(self._instance, self.port)
        return self

    def __exit__(self, *_: object) -> None:
        """Close all tunnels."""
        self._tunnels.close()

    def here(self, url: str) -> str:
        """Return a session's URL as it is called from here: AllegroGraph has put the session's own port into it.

        Opens a tunnel to that port, or raises ForwardingError.
        """
        parts = urllib.parse.urlsplit(url)
        if self._instance is None or parts.port in (None, self.port):
            return url
        port = self._forwarded(self._instance, int(parts.port or 0))
        return urllib.parse.urlunsplit(parts._replace(netloc=f"{LOCALHOST}:{port}"))

    def trouble(self) -> str | None:
        """Say why a call has just failed, where that is a tunnel's fault."""
        return next(filter(None, (each.explained() for each in self._open.values())), None)

    def _forwarded(self, instance: Instance, port: int) -> int:
        if port not in self._open:
            self._open[port] = self._tunnels.enter_context(ForwardedPort(instance, port, self._deadline))
        return int(self._open[port].local_port)
