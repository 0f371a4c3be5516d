"""federation_ttl_hours: the instances end themselves, without anyone; what that leaves is said, and down removes it."""

from __future__ import annotations

import datetime
import re
import time
from typing import Any

import pytest
from harness import Run, Sandbox, account, pages

pytestmark = pytest.mark.timeout(600)

MOMENT = "%Y-%m-%dT%H:%M:%SZ"
LASTING: dict[str, Any] = {"federation_name": "lasting", "federation_member_count": 1}
ENDS = re.compile(r" ends=(\S+)$")


def ends_of(run: Run) -> str:
    """When the closing line of up says that it ends."""
    assert run.returncode == 0, str(run)
    found = ENDS.search(run.last_line)
    assert found, str(run)
    return found.group(1)


def hours_until(moment: str) -> float:
    ends = datetime.datetime.strptime(moment, MOMENT).replace(tzinfo=datetime.UTC)
    return (ends - datetime.datetime.now(datetime.UTC)).total_seconds() / 3600


def instances(sandbox: Sandbox, federation: str) -> list[dict[str, Any]]:
    mine = [{"Name": "tag:Federation", "Values": [federation]}]
    found = pages(sandbox.client("ec2"), "describe_instances", "Reservations", Filters=mine)
    return [each for reservation in found for each in reservation["Instances"]]


def expires(sandbox: Sandbox, federation: str) -> dict[str, set[str]]:
    """The tag Expires of all that belongs to a federation, by kind of resource."""
    tags = list(pages(sandbox.client("ec2"), "describe_tags", "Tags"))
    mine = {each["ResourceId"] for each in tags if (each["Key"], each["Value"]) == ("Federation", federation)}
    said: dict[str, set[str]] = {}
    for each in (each for each in tags if each["ResourceId"] in mine):
        said.setdefault(each["ResourceType"], set()).update([each["Value"]] if each["Key"] == "Expires" else [])
    return said


@pytest.fixture(scope="module")
def made(sandbox: Sandbox) -> Run:
    """The up of a federation that has hours to live."""
    return sandbox.playbook("up", **LASTING, federation_ttl_hours=5)


def test_one_federation_has_one_end(sandbox: Sandbox, made: Run) -> None:
    ends = ends_of(made)
    assert 4.9 < hours_until(ends) < 5
    said = expires(sandbox, "lasting")
    assert {"instance", "volume", "natgateway", "elastic-ip", "vpc", "subnet", "security-group"} <= set(said)
    assert set.union(*said.values()) == {ends}
    assert all(said.values())
    # Another time is no change to what stands.
    again = sandbox.playbook("up", **LASTING, federation_ttl_hours=9)
    assert (ends_of(again), again.changed) == (ends, 0), str(again)
    shown = sandbox.playbook("status", **LASTING)
    assert (shown.returncode, shown.changed) == (0, 0), str(shown)
    assert re.fullmatch(
        rf"status: federation=lasting state=ready instances=2 age=\S+ ends={ends} cost=0.1400", shown.last_line
    ), str(shown)
    rows = [line.split() for line in shown.lines if line.startswith("lasting-")]
    assert [(row[0], row[2], *row[-3:]) for row in rows] == [
        ("lasting-manager", "running", "in", "4", "h"),
        ("lasting-member-0", "running", "in", "4", "h"),
    ]


def test_the_instances_end_themselves(sandbox: Sandbox, made: Run) -> None:
    before = account(sandbox)
    brief: dict[str, Any] = {"federation_name": "brief", "federation_member_count": 1}
    # Little more than up takes on this machine; where that was too little, once more with more.
    for factor in (1.2, 3, 6):
        tried = sandbox.playbook("up", **brief, federation_ttl_hours=(5 + factor * made.seconds) / 3600)
        if tried.returncode == 0:
            break
    ends = ends_of(tried)
    deadline = time.monotonic() + 3600 * hours_until(ends) + 20
    calls = len(sandbox.journal())
    while {each["State"]["Name"] for each in instances(sandbox, "brief")} != {"terminated"}:
        assert time.monotonic() < deadline, instances(sandbox, "brief")
        time.sleep(0.5)
    assert hours_until(ends) < 0
    for each in instances(sandbox, "brief"):
        assert each["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert not [call for call in sandbox.journal()[calls:] if call["changing"]]

    shown = sandbox.playbook("status", **brief)
    assert shown.returncode == 0, str(shown)
    assert "brief has no instances.\nBesides, at so much an hour: 1 NAT gateway, 2 addresses.\n" in shown.stdout
    assert f"Its time was over at {ends}. Remove what stands with: " in shown.stdout, str(shown)
    assert " state=overdue instances=0 " in shown.last_line
    assert shown.last_line.endswith(f" ends={ends} cost=0.0550"), str(shown)
    left = sandbox.playbook("leftovers", **brief)
    rows = [line.split() for line in left.lines if line.startswith("brief  ")]
    assert left.last_line == f"leftovers: {len(rows)}", str(left)
    assert {row[-1] for row in rows} == {"overdue"}, str(left)
    assert "What costs: 1 NAT gateway, 2 addresses. Over is the time of: brief. Remove them with: " in left.stdout
    refused = sandbox.playbook("up", **brief, federation_ttl_hours=1)
    assert refused.returncode != 0, str(refused)
    assert refused.last_line.startswith(f"ERROR: The time of the federation brief was over at {ends}"), str(refused)
    assert refused.changed == 0, str(refused)
    gone = sandbox.playbook("down", **brief)
    assert gone.returncode == 0, str(gone)
    assert account(sandbox) == before
