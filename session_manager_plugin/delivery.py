"""Delivery over a channel that may be cut: what was sent is kept until acknowledged, what came twice is dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from session_manager_plugin.frames import OUTPUT_STREAM, Frame

FIRST_RESEND: Final = 0.2
LONGEST_RESEND: Final = 2.0


@dataclass
class _Sent:
    message: bytes
    due: float
    attempts: int = 0


@dataclass
class Outbox:
    """Numbers the frames of one direction and keeps each until the other side has acknowledged it.

    `attempts` bounds how often a frame is repeated on one connection: AWS's plugin never acknowledges a frame that it
    has handled already, so a frame whose acknowledgement was lost would be repeated for ever.
    """

    message_type: str
    attempts: int | None = None
    next_sequence: int = 0
    _pending: dict[int, _Sent] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, payload_type: int, payload: bytes, now: float) -> bytes:
        """Make the next frame of the stream; the answer is to be sent."""
        sequence = self.next_sequence
        self.next_sequence += 1
        # Only the first frame of the agent's direction carries the flag, as in AWS's own traffic.
        flags = 1 if sequence == 0 and self.message_type == OUTPUT_STREAM else 0
        frame = Frame(self.message_type, payload, payload_type, sequence, flags)
        message = frame.encode()
        self._pending[sequence] = _Sent(message, now + FIRST_RESEND)
        return message

    def acknowledge(self, sequence: int) -> None:
        """The other side has the frame of this number."""
        self._pending.pop(sequence, None)

    def due(self, now: float) -> list[bytes]:
        """The frames that have waited too long for their acknowledgement; each is to be sent again."""
        messages = []
        for sequence, sent in list(self._pending.items()):
            if sent.due > now:
                continue
            sent.attempts += 1
            if self.attempts is not None and sent.attempts > self.attempts:
                del self._pending[sequence]
                continue
            sent.due = now + min(FIRST_RESEND * 2**sent.attempts, LONGEST_RESEND)
            messages.append(sent.message)
        return messages

    def repeat(self, now: float) -> list[bytes]:
        """All that is not acknowledged, for a connection that has just been made anew."""
        for sent in self._pending.values():
            sent.attempts, sent.due = 0, now + FIRST_RESEND
        return [sent.message for sent in self._pending.values()]


@dataclass
class Inbox:
    """Puts the frames of one direction into their order and drops those that came before."""

    expected: int = 0
    _early: dict[int, Frame] = field(default_factory=dict)

    def receive(self, frame: Frame) -> list[Frame]:
        """The frames that are ready to be handled now that `frame` has come, in their order."""
        if frame.sequence < self.expected:
            return []
        self._early[frame.sequence] = frame
        ready = []
        while self.expected in self._early:
            ready.append(self._early.pop(self.expected))
            self.expected += 1
        return ready
