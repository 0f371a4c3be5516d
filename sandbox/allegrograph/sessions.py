"""Sessions: a transaction or a federation behind a URL of its own, for as long as somebody uses it."""

import socket
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from sandbox.allegrograph.federation import FederationTarget
from sandbox.allegrograph.refusal import RefusedError, missing
from sandbox.allegrograph.targets import SessionTarget

DEFAULT_LIFETIME = 300
LONGEST_LIFETIME = 21_600


class Listeners(Protocol):
    """Whoever accepts connections for a session's port."""

    def add_listener(self, listener: socket.socket) -> None:
        """Accept connections on one more socket."""

    def remove_listener(self, listener: socket.socket) -> None:
        """Stop doing so, and close it."""


@dataclass
class Session:
    """One session and when it was last used."""

    target: SessionTarget | FederationTarget
    user: str
    lifetime: int
    listener: socket.socket | None
    identity: str = field(default_factory=lambda: str(uuid.uuid4()))
    last_used: float = field(default_factory=time.monotonic)
    busy: int = 0

    @property
    def port(self) -> int | None:
        """The session's own port, where it has one."""
        return int(self.listener.getsockname()[1]) if self.listener else None


class Sessions:
    """All sessions of a server."""

    def __init__(self, host: str, ports: range, listeners: Listeners) -> None:
        """With an empty range of ports, sessions are reached on the server's main port."""
        self._host = host
        self._ports = ports
        self._listeners = listeners
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._next = 0

    def open(self, target: SessionTarget | FederationTarget, user: str, lifetime: int | None) -> Session:
        """A new session; its port answers when this returns."""
        seconds = DEFAULT_LIFETIME if lifetime is None else lifetime
        if not 0 < seconds <= LONGEST_LIFETIME:
            raise RefusedError(
                400, f"A session's lifetime must be 1 to {LONGEST_LIFETIME} s, not {seconds}.", "MALFORMED PARAMETER"
            )
        listener = self._listener() if self._ports else None
        session = Session(target, user, seconds, listener)
        with self._lock:
            self._sessions[session.identity] = session
        if listener:
            self._listeners.add_listener(listener)
        return session

    def _listener(self) -> socket.socket:
        with self._lock:
            for _ in self._ports:
                port = self._ports[self._next % len(self._ports)]
                self._next += 1
                listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    listener.bind((self._host, port))
                    listener.listen(64)
                except OSError:
                    listener.close()
                else:
                    return listener
        raise RefusedError(500, f"No port from {self._ports[0]} to {self._ports[-1]} is free for a session.")

    def find(self, identity: str) -> Session:
        """A session that must still be there."""
        with self._lock:
            session = self._sessions.get(identity)
        if session is None:
            raise missing("There is no such session; it was closed or its lifetime has passed.")
        return session

    def close(self, session: Session) -> None:
        """End a session; what it has not committed is gone."""
        with self._lock:
            if self._sessions.pop(session.identity, None) is None:
                return
        if session.listener:
            self._listeners.remove_listener(session.listener)
        if isinstance(session.target, SessionTarget):
            session.target.close()

    def close_those_on(self, identity: str) -> None:
        """End the sessions on a repository that is being deleted."""
        self._close_all(
            each
            for each in list(self._sessions.values())
            if isinstance(each.target, SessionTarget) and each.target.repository.identity == identity
        )

    def close_expired(self) -> None:
        """End the sessions that nobody has used for their lifetime."""
        now = time.monotonic()
        with self._lock:
            expired = [
                each for each in self._sessions.values() if not each.busy and now - each.last_used > each.lifetime
            ]
        self._close_all(expired)

    def close_all(self) -> None:
        """End all sessions."""
        self._close_all(list(self._sessions.values()))

    def _close_all(self, sessions: Iterable[Session]) -> None:
        for session in sessions:
            self.close(session)
