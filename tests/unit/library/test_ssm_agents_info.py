from __future__ import annotations

import datetime
import time
from typing import Any

import pytest

from library import ssm_agents_info


class Client:
    """SSM, as far as the module asks it; answers two agents a page."""

    def __init__(self, online_after: dict[str, int]) -> None:
        self.online_after = online_after
        self.calls: list[dict[str, Any]] = []
        self.rounds = 0

    def describe_instance_information(self, **asked: Any) -> dict[str, Any]:
        self.calls.append(asked)
        wanted = [each for each in asked["Filters"][0]["Values"] if each in self.online_after]
        start = int(asked.get("NextToken", 0))
        if start == 0:
            self.rounds += 1
        listed = [
            {"InstanceId": each, "PingStatus": "Online" if self.online_after[each] <= self.rounds else "ConnectionLost"}
            for each in wanted[start : start + 2]
        ]
        more = {"NextToken": str(start + 2)} if start + 2 < len(wanted) else {}
        return {"InstanceInformationList": listed, **more}


def test_all_pages_are_read() -> None:
    ids = [f"i-{number}" for number in range(5)]
    client = Client(dict.fromkeys(ids, 1))
    agents, late, _ = ssm_agents_info.wait(client, ids, 5, 0.01)
    assert (sorted(agents), late, len(client.calls)) == (ids, [], 3)


def test_a_hundred_ids_a_filter() -> None:
    ids = [f"i-{number}" for number in range(250)]
    client = Client({})
    list(ssm_agents_info.described(client, ids))
    assert [len(call["Filters"][0]["Values"]) for call in client.calls] == [100, 100, 50]


def test_it_waits_for_the_last() -> None:
    client = Client({"i-0": 1, "i-1": 3})
    _, late, _ = ssm_agents_info.wait(client, ["i-0", "i-1"], 5, 0.01)
    assert (late, client.rounds) == ([], 3)


class Instances:
    """EC2 with instances in these states."""

    def __init__(self, **states: str) -> None:
        self.states = states

    def describe_instances(self, **asked: Any) -> dict[str, Any]:
        wanted = asked["Filters"][0]["Values"]
        found = [
            {"InstanceId": each, "State": {"Name": state}, "StateReason": {"Message": "It broke."}}
            for each, state in self.states.items()
            if each in wanted
        ]
        return {"Reservations": [{"Instances": [each]} for each in found]}


def test_an_instance_that_has_ended_is_not_waited_for() -> None:
    ec2 = Instances(a="running", b="terminated", c="pending")
    assert ssm_agents_info.ended(ec2, ["a", "c", "new"], {}) is None
    said = ssm_agents_info.ended(ec2, ["a", "b"], {"b": "member-0"})
    assert said == "member-0 (b) is terminated (It broke.) while its SSM agent was waited for."


def test_those_who_are_late_are_looked_at() -> None:
    class Stop(Exception):  # noqa: N818  # not an error
        pass

    def look(late: Any) -> None:
        raise Stop(late)

    with pytest.raises(Stop, match="i-1"):
        ssm_agents_info.wait(Client({"i-0": 1}), ["i-0", "i-1"], 60, 0.01, look)


def test_what_was_heard_before_the_last_start_does_not_count() -> None:
    def agent(status: str, second: int) -> dict[str, Any]:
        heard = datetime.datetime(2030, 1, 31, 18, 0, second, tzinfo=datetime.UTC)
        return {"ping_status": status, "last_ping_date_time": heard}

    started = datetime.datetime(2030, 1, 31, 18, 0, 30, tzinfo=datetime.UTC)
    assert ssm_agents_info.online(agent("Online", 31), started)
    assert not ssm_agents_info.online(agent("Online", 29), started)
    assert not ssm_agents_info.online(agent("ConnectionLost", 31), started)
    assert ssm_agents_info.online(agent("Online", 29), None)
    assert not ssm_agents_info.online({}, None)

    class Restarted(Client):
        def describe_instance_information(self, **asked: Any) -> dict[str, Any]:
            listed = super().describe_instance_information(**asked)["InstanceInformationList"]
            heard = datetime.datetime(2030, 1, 31, 18, 0, 10 * self.rounds, tzinfo=datetime.UTC)
            return {"InstanceInformationList": [{**each, "LastPingDateTime": heard} for each in listed]}

    client = Restarted({"i-0": 1})
    said = {"i-0": "2030-01-31T18:00:30+00:00"}
    _, late, _ = ssm_agents_info.wait(client, ["i-0"], 5, 0.01, launched=said)
    assert (late, client.rounds) == ([], 3)


def test_late_ones_are_named_with_seconds_and_remedy() -> None:
    started = time.monotonic()
    client = Client({"i-0": 1, "i-1": 1000})
    agents, late, _ = ssm_agents_info.wait(client, ["i-0", "i-1", "i-2"], 0.1, 0.02)
    assert time.monotonic() - started < 1
    assert late == ["i-1", "i-2"]
    assert ssm_agents_info.sentence(agents, late, {"i-1": "member 0"}, 300, "Look.") == (
        "2 SSM agents are not online after 300 s (member 0 (i-1): ConnectionLost, i-2: never registered). Look."
    )
