"""The wire format, held against frames that were recorded from AWS's own plugin."""

from __future__ import annotations

import base64
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from session_manager_plugin import frames
from session_manager_plugin.frames import Frame, FrameError

RECORDING = Path(__file__).parents[2] / "data" / "ssm-session-frames.jsonl"
RECORDS: list[dict[str, Any]] = [json.loads(line) for line in RECORDING.read_text().splitlines()]
BINARY = [base64.b64decode(record["data"]) for record in RECORDS if record["kind"] == "binary"]
FRAMES = [(record, Frame.decode(base64.b64decode(record["data"]))) for record in RECORDS if record["kind"] == "binary"]


def test_the_recording_is_whole() -> None:
    assert len({record["session"] for record in RECORDS}) == 2
    assert len(BINARY) > 60


@pytest.mark.parametrize("message", BINARY)
def test_each_recorded_frame_is_read_and_written_byte_for_byte(message: bytes) -> None:
    assert Frame.decode(message).encode() == message


def test_each_recorded_acknowledgement_is_the_one_that_we_would_send() -> None:
    outputs = {
        (record["session"], frame.sequence): frame
        for record, frame in FRAMES
        if frame.message_type == frames.OUTPUT_STREAM
    }
    compared = 0
    for record, recorded in FRAMES:
        if record["from"] == "client" and recorded.message_type == frames.ACKNOWLEDGE:
            ours = frames.acknowledgement(outputs[record["session"], frames.acknowledged_sequence(recorded)])
            assert (ours.payload, ours.flags, ours.sequence, ours.payload_type) == (
                recorded.payload,
                recorded.flags,
                recorded.sequence,
                recorded.payload_type,
            )
            compared += 1
    assert compared > 20


def test_the_last_frame_is_shaped_like_the_recorded_one() -> None:
    recorded = next(frame for _, frame in FRAMES if frame.message_type == frames.CHANNEL_CLOSED)
    ours = frames.channel_closed("session-1", "i-1")
    assert (ours.flags, ours.sequence, ours.payload_type) == (
        recorded.flags,
        recorded.sequence,
        recorded.payload_type,
    )
    assert list(ours.json()) == list(recorded.json())


def test_the_halves_of_the_message_id_are_swapped() -> None:
    message_id = uuid.UUID("00010203-0405-0607-0809-0a0b0c0d0e0f")
    assert Frame("acknowledge", message_id=message_id).encode()[64:80] == bytes([*range(8, 16), *range(8)])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda message: message[:-1] + bytes([message[-1] ^ 1]), "digest"),
        (lambda message: message[:40] + bytes(8) + message[48:], "creation time"),
        (lambda message: message[:-1], "announces"),
        (lambda message: message[:100], "shorter"),
        (lambda message: b"\0\0\0\1" + message[4:], "header length"),
        (lambda message: b"\xff\xff\xff\xff" + message[4:], "header length"),
    ],
)
def test_a_damaged_frame_is_dropped(damage: Any, reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        Frame.decode(damage(BINARY[0]))


def test_the_terminate_flag() -> None:
    flag = Frame(frames.INPUT_STREAM, frames.terminate_flag(), frames.FLAG)
    assert flag.payload == b"\0\0\0\2"
    assert frames.is_terminate_flag(Frame.decode(flag.encode()))
    assert not frames.is_terminate_flag(Frame(frames.INPUT_STREAM, b"\0\0\0\2", frames.OUTPUT))
