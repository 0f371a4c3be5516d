"""ec2_instances_power: all instances of a scope are stopped, or run again, or it is said which are not and why."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils import ec2_instances
from ansible.module_utils.ec2_instances import InstanceError
from botocore.exceptions import ClientError

from library.ec2_instances_power import Power, outcome

MOVES = {"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}
FULL = "We currently do not have sufficient t3.medium capacity in the Availability Zone you requested."


class Cloud:
    """EC2, as far as the module asks it: whatever is on its way has arrived at the next look."""

    def __init__(self, *states: str) -> None:
        self.instances: list[dict[str, Any]] = [
            {
                "InstanceId": f"i-{number}",
                "State": {"Name": state},
                "Tags": [{"Key": "Federation", "Value": "f"}, {"Key": "Name", "Value": f"f-{number}"}],
                "LaunchTime": number,
            }
            for number, state in enumerate(states)
        ]
        self.calls: list[str] = []
        self.full: set[str] = set()
        """Those for which there is no room."""
        self.fails_later: set[str] = set()
        """And those of which EC2 finds that out when it has said yes."""

    def can_paginate(self, _: str) -> bool:
        return True

    def get_paginator(self, _: str) -> Cloud:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        pages = [{"Reservations": [{"Instances": [{**each, "State": dict(each["State"])} for each in self.instances]}]}]
        for each in self.instances:
            each["State"]["Name"] = MOVES.get(each["State"]["Name"], each["State"]["Name"])
        return pages

    def stop_instances(self, InstanceIds: list[str], **_: Any) -> None:  # noqa: N803  # AWS's names
        self._turn("stop", InstanceIds, "running", "stopping")

    def start_instances(self, InstanceIds: list[str], **_: Any) -> None:  # noqa: N803  # AWS's names
        if self.full & set(InstanceIds):
            self.calls.append(f"no room for {' '.join(InstanceIds)}")
            error: Any = {"Code": "InsufficientInstanceCapacity", "Message": FULL}
            raise ClientError({"Error": error}, "StartInstances")
        self._turn("start", InstanceIds, "stopped", "pending")
        for each in self.instances:
            if each["InstanceId"] in self.fails_later & set(InstanceIds):
                each["State"]["Name"] = "stopped"
                each["StateReason"] = {"Code": "Server.InsufficientInstanceCapacity", "Message": "No room."}

    def _turn(self, verb: str, ids: list[str], wanted: str, then: str) -> None:
        self.calls.append(f"{verb} {' '.join(ids)}")
        for each in self.instances:
            if each["InstanceId"] in ids:
                assert each["State"]["Name"] == wanted, "EC2 would refuse it"
                each["State"]["Name"] = then


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ec2_instances, "POLL_SECONDS", 0.001)


def turn(cloud: Cloud, state: str) -> list[str]:
    """Have it done; return the states then."""
    power = Power(cloud, {"scope": {"Federation": "f"}, "state": state, "timeout": 5, "remedy": "repeat it"})
    power.turn(power.look())
    return [each["State"]["Name"] for each in cloud.instances]


@pytest.mark.parametrize(
    ("before", "state", "calls"),
    [
        (["running", "running"], "stopped", ["stop i-0 i-1"]),
        (["pending", "stopped"], "stopped", ["stop i-0"]),
        (["stopping", "stopped"], "stopped", []),
        (["stopped", "stopped"], "running", ["start i-0 i-1"]),
        (["running", "stopping"], "running", ["start i-1"]),
        (["pending", "running"], "running", []),
    ],
)
def test_all_of_them_are_turned_with_one_call(before: list[str], state: str, calls: list[str]) -> None:
    cloud = Cloud(*before)
    assert turn(cloud, state) == [state, state]
    assert cloud.calls == calls
    # A second time changes nothing.
    turn(cloud, state)
    assert cloud.calls == calls


def test_the_dead_are_left_alone() -> None:
    cloud = Cloud("terminated", "running", "shutting-down")
    assert turn(cloud, "stopped") == ["terminated", "stopped", "terminated"]
    assert cloud.calls == ["stop i-1"]


def test_where_there_is_no_room_the_others_run_and_it_can_be_repeated() -> None:
    cloud = Cloud("stopped", "stopped", "stopped")
    cloud.full = {"i-1"}
    with pytest.raises(InstanceError) as raised:
        turn(cloud, "running")
    assert str(raised.value) == (
        f"f-1 (i-1) could not be started, since AWS has no room at present ({FULL.rstrip('.')}); "
        "the other 2 run, and are paid for: repeat it."
    )
    assert cloud.calls == ["no room for i-0 i-1 i-2", "start i-0", "no room for i-1", "start i-2"]
    cloud.full = set()
    assert turn(cloud, "running") == ["running"] * 3
    assert cloud.calls[4:] == ["start i-1"]


def test_no_room_that_is_found_out_late_is_not_waited_for() -> None:
    cloud = Cloud("stopped", "stopped")
    cloud.fails_later = {"i-1"}
    with pytest.raises(InstanceError, match=r"^f-1 \(i-1\) could not be started: No room\.$"):
        turn(cloud, "running")


def test_what_it_answers() -> None:
    cloud = Cloud("running", "stopped")
    power = Power(cloud, {"scope": {"Federation": "f"}, "state": "stopped", "timeout": 5, "remedy": "repeat it"})
    found = power.look()
    answer = outcome(found, found[:1])
    assert (answer["changed"], answer["turned"]) == (True, ["f-0"])
    assert answer["instances"][1] == {"name": "f-1", "id": "i-1", "state": "stopped", "role": "", "launched": 1}
    assert not outcome(found, [])["changed"]
