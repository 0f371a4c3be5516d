"""The node's side of a session's data channel, whatever is behind it: handshake, numbers, acknowledgements, repeats."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from session_manager_plugin import frames
from session_manager_plugin.delivery import Inbox, Outbox
from session_manager_plugin.frames import Frame, FrameError

AGENT_VERSION: Final = "3.3.0.0"
WINDOW: Final = 256
"""Unacknowledged frames after which nothing more is read from what is behind the session."""
_ATTEMPTS: Final = 20
_TICK: Final = 0.1


@dataclass(frozen=True)
class SessionRequest:
    """What StartSession asked for."""

    session_type: str = "Standard_Stream"
    command: str | None = None
    properties: Mapping[str, str] | None = None
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, content: dict[str, Any], user: str | None, environment: Mapping[str, str]) -> SessionRequest:
        """From a message of the gateway, and what the node's settings say."""
        return cls(
            content.get("session_type", "Standard_Stream"),
            content.get("command"),
            content.get("properties"),
            user,
            environment,
        )


@dataclass
class Conversation(ABC):
    """One session's frames."""

    session_id: str
    request: SessionRequest
    send: Callable[[bytes], None]
    closed: Callable[[str], None]
    agent_version: str = AGENT_VERSION
    _inbox: Inbox = field(default_factory=Inbox)
    _outbox: Outbox = field(default_factory=lambda: Outbox(frames.OUTPUT_STREAM, attempts=_ATTEMPTS))
    _attached: bool = False
    _created: float = field(default_factory=time.monotonic)
    _done: bool = False
    _ticker: asyncio.TimerHandle | None = None

    def attach(self) -> None:
        """A client is there: for the first time, or again after a cut."""
        self._attached = True
        now = time.monotonic()
        if self._outbox.next_sequence == 0:
            properties = None if self.request.properties is None else dict(self.request.properties)
            actions = [
                {
                    "ActionType": "SessionType",
                    "ActionParameters": {"SessionType": self.request.session_type, "Properties": properties},
                }
            ]
            request = {"AgentVersion": self.agent_version, "RequestedClientActions": actions}
            self._emit(frames.HANDSHAKE_REQUEST, frames.compact(request))
        else:
            for message in self._outbox.repeat(now):
                self.send(message)
        if self._ticker is None:
            self._tick()

    def detach(self) -> None:
        """The client's connection is gone; what is behind the session goes on."""
        self._attached = False

    def receive(self, message: bytes) -> None:
        """A message of the client's."""
        try:
            frame = Frame.decode(message)
            if frame.message_type == frames.ACKNOWLEDGE:
                self._outbox.acknowledge(frames.acknowledged_sequence(frame))
                self._has_room()
            elif frame.message_type == frames.INPUT_STREAM and self._accepts():
                self.send(frames.acknowledgement(frame).encode())
                for ready in self._inbox.receive(frame):
                    self._handle(ready)
        except FrameError:
            # The client sends it again when it was worth something.
            return

    def terminate(self) -> None:
        """End the session and what is behind it, at once."""
        self._finish("")

    @abstractmethod
    def _begin(self, client_version: str) -> None:
        """Start what is behind the session; the handshake is over."""

    @abstractmethod
    def _hear(self, frame: Frame) -> None:
        """Handle input."""

    @abstractmethod
    def _has_room(self) -> None:
        """Go on reading, perhaps: something was acknowledged."""

    @abstractmethod
    def _look(self, now: float) -> None:
        """Do what is to be done every now and then."""

    @abstractmethod
    def _end(self) -> None:
        """End what is behind the session."""

    def _accepts(self) -> bool:
        """Whether input can be taken; what cannot is not acknowledged, and comes again."""
        return True

    def _handle(self, frame: Frame) -> None:
        if frame.payload_type == frames.HANDSHAKE_RESPONSE:
            response = frame.json()
            refusals = [
                action.get("Error") or action.get("ActionType")
                for action in response.get("ProcessedClientActions") or []
                if action.get("ActionStatus") != 1
            ]
            if refusals:
                self._finish(f"Handshake with the client failed: {refusals[0]}")
                return
            taken = int((time.monotonic() - self._created) * 1e9)
            self._emit(
                frames.HANDSHAKE_COMPLETE, frames.compact({"HandshakeTimeToComplete": taken, "CustomerMessage": ""})
            )
            self._begin(str(response.get("ClientVersion") or ""))
        elif frames.is_terminate_flag(frame):
            self.terminate()
        else:
            self._hear(frame)

    def _emit(self, payload_type: int, payload: bytes) -> None:
        message = self._outbox.add(payload_type, payload, time.monotonic())
        if self._attached:
            self.send(message)

    def _tick(self) -> None:
        if self._done:
            return
        now = time.monotonic()
        if self._attached:
            for message in self._outbox.due(now):
                self.send(message)
        self._look(now)
        if not self._done:
            self._ticker = asyncio.get_running_loop().call_later(_TICK, self._tick)

    def _finish(self, output: str) -> None:
        if self._done:
            return
        self._done = True
        if self._ticker is not None:
            self._ticker.cancel()
        self._end()
        self.closed(output)
