"""What was sent is kept until acknowledged; what came twice, or too early, is put right."""

from __future__ import annotations

import random

from session_manager_plugin import frames
from session_manager_plugin.delivery import Inbox, Outbox
from session_manager_plugin.frames import Frame


def test_a_frame_is_sent_again_after_200_milliseconds_and_then_less_often() -> None:
    outbox = Outbox(frames.INPUT_STREAM)
    message = outbox.add(frames.OUTPUT, b"a", now=0.0)
    assert outbox.due(0.19) == []
    assert outbox.due(0.2) == [message]
    assert outbox.due(0.5) == []
    assert outbox.due(0.65) == [message]
    outbox.acknowledge(0)
    assert outbox.due(100.0) == []


def test_a_frame_is_given_up_only_where_that_is_asked_for() -> None:
    patient, bounded = Outbox(frames.INPUT_STREAM), Outbox(frames.OUTPUT_STREAM, attempts=3)
    for outbox in (patient, bounded):
        outbox.add(frames.OUTPUT, b"a", now=0.0)
    repeated = [[len(each.due(10.0 * step)) for step in range(1, 8)] for each in (patient, bounded)]
    assert repeated == [[1] * 7, [1, 1, 1, 0, 0, 0, 0]]
    assert len(bounded) == 0


def test_after_a_cut_everything_unacknowledged_is_repeated_in_order() -> None:
    outbox = Outbox(frames.OUTPUT_STREAM)
    messages = [outbox.add(frames.OUTPUT, bytes([each]), now=0.0) for each in range(5)]
    outbox.acknowledge(1)
    outbox.acknowledge(3)
    assert outbox.repeat(1.0) == [messages[0], messages[2], messages[4]]


def test_only_the_first_output_carries_the_flag() -> None:
    outbox = Outbox(frames.OUTPUT_STREAM)
    assert [Frame.decode(outbox.add(1, b"", now=0.0)).flags for _ in range(3)] == [1, 0, 0]
    assert Frame.decode(Outbox(frames.INPUT_STREAM).add(1, b"", now=0.0)).flags == 0


def test_any_order_with_any_repetition_comes_out_as_it_was_sent() -> None:
    sent = [Frame(frames.INPUT_STREAM, str(number).encode(), frames.OUTPUT, number) for number in range(50)]
    chance = random.Random(7)
    arriving = sent * 3
    chance.shuffle(arriving)
    inbox, received = Inbox(), []
    for frame in arriving:
        received += inbox.receive(frame)
    assert received == sent
