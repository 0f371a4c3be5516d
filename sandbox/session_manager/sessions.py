"""The sessions that the gateway knows, from StartSession to their end."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from sandbox.session_manager.agents import Agents, Peer
from sandbox.session_manager.channel import control
from sandbox.session_manager.session_documents import RUN_SHELL, request_of
from session_manager_plugin.frames import channel_closed, output_of

IDLE_TIMEOUT: Final = 20 * 60.0
"""Seconds without input or output after which a session ends; AWS's default."""


class NotConnectedError(Exception):
    """The target's agent is not connected."""


@dataclass
class Session:
    """One session."""

    id: str
    token: str
    instance_id: str
    region: str
    owner: str
    document: str
    reason: str
    request: dict[str, Any]
    started: float
    active: float
    ended: float | None = None
    begun: bool = False
    client: Peer | None = None
    output: int = 0
    """The bytes of output that have gone to its client so far, each counted once."""
    counted: int = -1
    """The number of the last frame that was counted."""

    def count(self, frame: bytes) -> range:
        """Count the output in a frame on its way to the client; returns what the bytes in it are, by their numbers."""
        before = self.output
        found = output_of(frame)
        if found is not None and found[0] > self.counted:
            self.counted, self.output = found[0], before + found[1]
        return range(before, self.output)

    @property
    def status(self) -> str:
        """In AWS's words."""
        if self.ended is not None:
            return "Terminated"
        if self.client is not None:
            return "Connected"
        return "Disconnected" if self.begun else "Connecting"


class Sessions:
    """All sessions, the ended ones too."""

    def __init__(self, agents: Agents, lock: threading.RLock) -> None:
        self._agents = agents
        self._lock = lock
        self._sessions: dict[str, Session] = {}

    def start(
        self,
        instance_id: str,
        document: str | None = None,
        parameters: dict[str, list[str]] | None = None,
        *,
        owner: str = "",
        reason: str = "",
        region: str = "us-west-2",
    ) -> Session:
        """Begin a session on a node whose agent is connected."""
        document = document or RUN_SHELL
        request = request_of(document, parameters or {})
        agent = self._agents.get(instance_id)
        if agent is None or agent.peer is None or agent.region != region:
            raise NotConnectedError(f"{instance_id} is not connected.")
        now = time.time()
        with self._lock:
            session = Session(
                id=f"{owner.rsplit('/', 1)[-1] or 'session'}-{secrets.token_hex(9)[:17]}",
                token=secrets.token_urlsafe(48),
                instance_id=instance_id,
                region=region,
                owner=owner,
                document=document,
                reason=reason,
                request=request,
                started=now,
                active=now,
            )
            self._sessions[session.id] = session
            return session

    def get(self, session_id: str) -> Session | None:
        """The session of this id, also after its end."""
        with self._lock:
            return self._sessions.get(session_id)

    def begun_by(self, session_id: str) -> tuple[str, str] | None:
        """The ARN of who began a session, and the instance that it is on."""
        session = self.get(session_id)
        return None if session is None else (session.owner, session.instance_id)

    def resume(self, session_id: str) -> Session | None:
        """The session to go on with; one that has ended has nothing to go on with, which its `ended` shows."""
        return self.get(session_id)

    def describe(self, region: str, *, history: bool) -> list[Session]:
        """The sessions that have ended, or those that have not; the latest first."""
        with self._lock:
            chosen = [each for each in self._sessions.values() if (each.ended is not None) == history]
        return [each for each in reversed(chosen) if each.region == region]

    def terminate(self, session_id: str) -> Session | None:
        """End the session, the shell on the node too."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.ended is not None:
                return session
            peer = self._agents.peer(session.instance_id)
            if peer is not None:
                peer.send(control("terminate", session=session_id))
            self.close(session_id)
            return session

    def close(self, session_id: str, output: str = "") -> None:
        """The session is over: its client is told."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.ended is not None:
                return
            session.ended = time.time()
            client, session.client = session.client, None
            if client is not None:
                client.send(channel_closed(session_id, session.instance_id, output).encode())
                client.close()

    def attach(self, session: Session, client: Peer) -> None:
        """A client has shown the session's token; one that was there before gives way."""
        with self._lock:
            before, session.client = session.client, client
            if before is not None:
                before.close("the session goes on elsewhere")
            self._tell_agent(session)
            session.active = time.time()

    def detach(self, session: Session, client: Peer) -> None:
        """The client's connection is gone, unless a newer one has taken its place."""
        with self._lock:
            if session.client is not client:
                return
            session.client = None
            peer = self._agents.peer(session.instance_id)
            if peer is not None:
                peer.send(control("detach", session=session.id))

    def agent_is_back(self, instance_id: str, known: set[str]) -> None:
        """An agent has connected again and names the sessions that it still has."""
        with self._lock:
            peer = self._agents.peer(instance_id)
            for session in [each for each in self._sessions.values() if each.instance_id == instance_id]:
                if session.ended is not None:
                    if session.id in known and peer is not None:
                        peer.send(control("terminate", session=session.id))
                elif session.begun and session.id not in known:
                    self.close(session.id, "The session ended with the agent's restart.")
                elif session.client is not None:
                    self._tell_agent(session)

    def cut(self, session: Session, *, for_good: bool) -> None:
        """The client's connection breaks without a word; the session may be resumed, unless it is over."""
        with self._lock:
            client, session.client = session.client, None
            if client is not None:
                client.cut()
            if for_good and session.ended is None:
                session.ended = time.time()
            peer = self._agents.peer(session.instance_id)
            if peer is not None:
                peer.send(control("terminate" if for_good else "detach", session=session.id))

    def instance_is_lost(self, instance_id: str) -> None:
        """The instance's agent is about to lose its connection: its sessions break, for good."""
        with self._lock:
            for session in [each for each in self._sessions.values() if each.instance_id == instance_id]:
                if session.ended is None:
                    self.cut(session, for_good=True)

    def instance_is_gone(self, instance_id: str) -> None:
        """The instance is gone for good, its sessions with it."""
        with self._lock:
            for session in [each for each in self._sessions.values() if each.instance_id == instance_id]:
                self.close(session.id)

    def end_idle(self, now: float) -> None:
        """End the sessions in which nothing has happened for too long."""
        with self._lock:
            for session in list(self._sessions.values()):
                if session.ended is None and now - session.active > IDLE_TIMEOUT:
                    self.terminate(session.id)

    def _tell_agent(self, session: Session) -> None:
        peer = self._agents.peer(session.instance_id)
        if peer is not None:
            peer.send(control("attach", session=session.id, resumed=session.begun, request=session.request))
            session.begun = True
