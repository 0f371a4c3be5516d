"""The binary frames of a Session Manager data channel: encode, decode, acknowledge.

A frame is big-endian: u32 header length, 32 bytes message type padded with spaces, u32 schema version, u64 creation
time in milliseconds, i64 sequence number, u64 flags, 16 bytes message id with its two halves swapped, 32 bytes SHA-256
of the payload, u32 payload type, u32 payload length, payload.
"""

from __future__ import annotations

import hashlib
import json
import struct
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

INPUT_STREAM: Final = "input_stream_data"
OUTPUT_STREAM: Final = "output_stream_data"
ACKNOWLEDGE: Final = "acknowledge"
CHANNEL_CLOSED: Final = "channel_closed"

OUTPUT: Final = 1
SIZE: Final = 3
HANDSHAKE_REQUEST: Final = 5
HANDSHAKE_RESPONSE: Final = 6
HANDSHAKE_COMPLETE: Final = 7
FLAG: Final = 10

FLAG_DISCONNECT: Final = 1
FLAG_TERMINATE: Final = 2
FLAG_REFUSED: Final = 3
"""The payload of a frame of type FLAG, as a u32: the client's connection to a port has ended; the client asks for the
session's end; the agent could not connect to the port."""

SYNCHRONISE: Final = 1
FINISH: Final = 2

MAXIMUM_PAYLOAD: Final = 1024
"""AWS's agent and AWS's plugin both cut a stream into payloads of at most this many bytes."""

_HEADER: Final = struct.Struct(">I32sIQqQ16s32sI")
_LENGTH: Final = struct.Struct(">I")
_HEADER_LENGTH: Final = _HEADER.size


class FrameError(ValueError):
    """What arrived is no frame, or one that the protocol tells us to drop."""


def _swap(message_id: bytes) -> bytes:
    return message_id[8:] + message_id[:8]


def _now() -> int:
    return int(time.time() * 1000)


def output_of(message: bytes) -> tuple[int, int] | None:
    """The sequence number and the length of output in transit, or None for any other frame; nothing is checked."""
    if message[4:36].rstrip() != OUTPUT_STREAM.encode() or len(message) < _HEADER_LENGTH + _LENGTH.size:
        return None
    header = _HEADER.unpack_from(message)
    (length,) = _LENGTH.unpack_from(message, _HEADER_LENGTH)
    return (header[4], length) if header[8] == OUTPUT else None


@dataclass(frozen=True)
class Frame:
    """One binary message of the data channel."""

    message_type: str
    payload: bytes = b""
    payload_type: int = 0
    sequence: int = 0
    flags: int = 0
    message_id: uuid.UUID = field(default_factory=uuid.uuid4)
    created: int = field(default_factory=_now)
    schema_version: int = 1

    def encode(self) -> bytes:
        """The frame as it stands on the wire."""
        header = _HEADER.pack(
            _HEADER_LENGTH,
            self.message_type.encode("ascii").ljust(32, b" "),
            self.schema_version,
            self.created,
            self.sequence,
            self.flags,
            _swap(self.message_id.bytes),
            hashlib.sha256(self.payload).digest(),
            self.payload_type,
        )
        return header + _LENGTH.pack(len(self.payload)) + self.payload

    @classmethod
    def decode(cls, message: bytes) -> Frame:
        """Read a frame, or raise FrameError for one that must be dropped."""
        if len(message) < _HEADER.size + _LENGTH.size:
            raise FrameError(f"a frame of {len(message)} bytes is shorter than its header")
        (header_length, message_type, schema_version, created, sequence, flags, message_id, digest, payload_type) = (
            _HEADER.unpack_from(message)
        )
        if not _HEADER_LENGTH <= header_length <= len(message) - _LENGTH.size:
            raise FrameError(f"the header length {header_length} does not fit a frame of {len(message)} bytes")
        (length,) = _LENGTH.unpack_from(message, header_length)
        payload = message[header_length + _LENGTH.size :]
        if len(payload) != length:
            raise FrameError(f"the frame announces {length} bytes of payload and carries {len(payload)}")
        if created == 0:
            raise FrameError("the frame has no creation time")
        if hashlib.sha256(payload).digest() != digest:
            raise FrameError("the digest does not fit the payload")
        try:
            name = message_type.strip(b" \0").decode("ascii")
        except UnicodeDecodeError as error:
            raise FrameError("the message type is not ASCII") from error
        return cls(
            message_type=name,
            payload=payload,
            payload_type=payload_type,
            sequence=sequence,
            flags=flags,
            message_id=uuid.UUID(bytes=_swap(message_id)),
            created=created,
            schema_version=schema_version,
        )

    def json(self) -> dict[str, Any]:
        """The payload as a JSON object, or FrameError."""
        try:
            content = json.loads(self.payload)
        except ValueError as error:
            raise FrameError(f"the payload of {self.message_type} is not JSON") from error
        if not isinstance(content, dict):
            raise FrameError(f"the payload of {self.message_type} is not a JSON object")
        return content


def compact(content: dict[str, Any]) -> bytes:
    """JSON as AWS's own programs write it."""
    return json.dumps(content, separators=(",", ":")).encode()


def acknowledgement(of: Frame) -> Frame:
    """The frame that says that `of` has arrived."""
    return Frame(
        message_type=ACKNOWLEDGE,
        flags=SYNCHRONISE | FINISH,
        payload=compact(
            {
                "AcknowledgedMessageType": of.message_type,
                "AcknowledgedMessageId": str(of.message_id),
                "AcknowledgedMessageSequenceNumber": of.sequence,
                "IsSequentialMessage": True,
            }
        ),
    )


def acknowledged_sequence(acknowledgement: Frame) -> int:
    """The sequence number that an acknowledgement is about, or FrameError."""
    number = acknowledgement.json().get("AcknowledgedMessageSequenceNumber")
    if not isinstance(number, int):
        raise FrameError("an acknowledgement without a sequence number")
    return number


def channel_closed(session_id: str, instance_id: str, output: str = "") -> Frame:
    """The last frame of a session; `output` is what the client shows in place of its own farewell."""
    message_id = uuid.uuid4()
    content = {
        "MessageType": CHANNEL_CLOSED,
        "MessageId": str(message_id),
        "DestinationId": instance_id,
        "SessionId": session_id,
        "SchemaVersion": 1,
        "CreatedDate": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "Output": output,
    }
    return Frame(message_type=CHANNEL_CLOSED, flags=FINISH, message_id=message_id, payload=compact(content))


def flag(number: int) -> bytes:
    """The payload of a frame of type FLAG."""
    return _LENGTH.pack(number)


def flag_of(payload: bytes) -> int | None:
    """The flag in the payload of a frame of type FLAG; None when there is none."""
    return int(_LENGTH.unpack(payload)[0]) if len(payload) == _LENGTH.size else None


def terminate_flag() -> bytes:
    """The payload of the frame of type FLAG that ends a session."""
    return flag(FLAG_TERMINATE)


def is_terminate_flag(frame: Frame) -> bool:
    """Whether the frame asks for the session's end."""
    return frame.payload_type == FLAG and frame.payload == terminate_flag()
