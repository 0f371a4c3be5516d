"""What is counted of the journal and of the tasks, and what is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from benchmarks import calls, pieces, tasks

OPERATOR, NODE = "arn:aws:iam::123456789012:root", "arn:aws:sts::123456789012:assumed-role/node/i-1"


def call(service: str, operation: str, second: int, **more: Any) -> dict[str, Any]:
    return {
        "time": f"2026-01-01T00:00:{second:02}.000+00:00",
        "service": service,
        "operation": operation,
        "changing": not operation.startswith(("Describe", "Get", "Head")),
        "caller": OPERATOR,
        "status": 200,
        "error": None,
    } | more


JOURNAL = [
    call("ec2", "CreateVpc", 1),
    call("ec2", "DescribeVpcs", 2),
    call("ec2", "RunInstances", 3, status=503, error="RequestLimitExceeded"),
    call("ec2", "RunInstances", 4),
    call("ssm", "StartSession", 5),
    call("ssm", "StartSession", 6, status=400, error="TargetNotConnected"),
    call("s3", "PutObject", 7),
    call("s3", "CreateBucket", 8),
    call("s3", "GetObject", 9, caller=NODE),
    call("ec2", "DescribeInstances", 10, caller="arn:aws:iam::123456789012:user/observer"),
]


def test_calls_are_the_operators_and_those_of_sessions_are_apart() -> None:
    counted = calls.counted(JOURNAL)
    assert {name: counted[name] for name in ("calls", "session_calls", "sessions", "throttled")} == {
        "calls": 5,
        "session_calls": 3,
        "sessions": 1,
        "throttled": 1,
    }
    assert counted["operations"]["ec2:RunInstances"] == 2


def test_moments_are_what_changed_something() -> None:
    assert [operation for _, operation in calls.moments(JOURNAL)] == ["CreateVpc", "RunInstances", "CreateBucket"]
    assert [round(when) % 60 for when, _ in calls.moments(JOURNAL)] == [1, 4, 8]


def events(*given: dict[str, Any]) -> list[str]:
    return [json.dumps(each) for each in given]


def test_a_task_lasts_until_its_last_result() -> None:
    noted = events(
        {"event": "play", "time": 100.0, "name": "Cloud"},
        {"event": "task", "time": 101.0, "number": 1, "role": "network", "name": "Make it", "action": "a"},
        {"event": "result", "time": 103.0, "number": 1, "host": "x", "status": "changed"},
        {"event": "result", "time": 105.0, "number": 1, "host": "y", "status": "skipped"},
        {"event": "task", "time": 106.0, "number": 2, "role": "", "name": "Say it", "action": "b"},
        {"event": "result", "time": 106.5, "number": 2, "host": "x", "status": "retried"},
        {"event": "result", "time": 107.0, "number": 2, "host": "x", "status": "skipped"},
        {"event": "end", "time": 108.0},
    )
    first, second = tasks.read(noted, 100.0)
    assert (first.title, first.begin, first.seconds, first.hosts, first.ran) == ("network | Make it", 1.0, 4.0, 2, True)
    assert (second.title, second.tries, second.ran) == ("Say it", 1, False)


def test_processor_time_falls_into_the_tasks_under_way() -> None:
    samples = [(0.0, 0.0, 1.0), (1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (4.0, 3.0, 1.0)]
    assert tasks.used(samples, 0.0, 4.0) == 3
    assert tasks.used(samples, 0.5, 2.0) == pytest.approx(0.5)
    assert tasks.used(samples, 3.5, 9.0) == pytest.approx(1.0)


def test_everything_is_run_unless_it_is_said_otherwise() -> None:
    everything = pieces.asked(pieces.MEMBERS, 3, [])
    assert [(each.who, each.members, each.number) for each in everything] == [
        ("tutorial", 2, 1),
        *(("playbooks", members, number) for members in (2, 10, 50) for number in (1, 2, 3)),
        ("playbooks", 100, 1),
    ]
    assert [each.throttling for each in everything if each.number == 1] == [False, False, False, True, True]


def test_what_needs_a_federation_makes_one_first() -> None:
    assert [each.verbs for each in pieces.asked([2], 1, ["down"])] == [("up", "down")]
    assert [each.verbs for each in pieces.asked([2], 1, ["again", "query", "up"])] == [("up", "query", "again")]
    assert [each.who for each in pieces.asked([2], 1, ["tutorial"])] == ["tutorial"]


@pytest.mark.parametrize(
    ("members", "repeat", "only"), [([2], 1, ["sideways"]), ([], 1, []), ([0], 1, []), ([2], 0, [])]
)
def test_what_cannot_be_run_is_refused(members: list[int], repeat: int, only: list[str]) -> None:
    with pytest.raises(pieces.PieceError):
        pieces.asked(members, repeat, only)
