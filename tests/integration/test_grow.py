"""One federation that grows, shrinks, is stopped and started: what was there stays, and no triple is lost unasked.

Each test takes the account as the one before left it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from typing import Any

import pytest
from harness import BIN, ROOT, Run, Sandbox, account, pages

pytestmark = pytest.mark.timeout(900)

# The account before the first `up`; and what a test leaves to later ones.
snapshots: dict[str, dict[str, list[str]]] = {}
seen: dict[str, Any] = {}


def up(sandbox: Sandbox, members: int, *options: str, **settings: Any) -> Run:
    return sandbox.playbook("up", *options, federation_member_count=members, **settings)


def average(sandbox: Sandbox, members: int) -> str:
    """What all members' numbers are on average."""
    answer = sandbox.playbook("query", federation_member_count=members)
    assert answer.returncode == 0, str(answer)
    return answer.lines[-2].strip("| ")


def living(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The instances that have not ended and do not, by their names."""
    found = pages(sandbox.client("ec2"), "describe_instances", "Reservations")
    each_one = [each for reservation in found for each in reservation["Instances"]]
    return {
        tag["Value"]: each
        for each in each_one
        for tag in each["Tags"]
        if tag["Key"] == "Name" and each["State"]["Name"] not in ("shutting-down", "terminated")
    }


def like(instance: dict[str, Any]) -> dict[str, Any]:
    """What two members have in common."""
    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"] if tag["Key"] not in ("Name", "Index")}
    groups = [each["GroupName"] for each in instance["SecurityGroups"]]
    return {"tags": tags, "groups": groups, "subnet": instance["SubnetId"], "image": instance["ImageId"]}


def ended_with(done: Run, *words: str) -> None:
    """It failed, with these words in its last line."""
    assert done.returncode != 0, str(done)
    assert done.last_line.startswith("ERROR: "), str(done)
    assert [word for word in words if word not in done.last_line] == [], str(done)


def test_members_join(sandbox: Sandbox) -> None:
    snapshots["empty"] = account(sandbox)
    made = up(sandbox, 2, federation_ttl_hours=5)
    assert made.returncode == 0, str(made)
    before = living(sandbox)
    grown = up(sandbox, 4)
    assert grown.returncode == 0, str(grown)
    # The end is the one that it has.
    end = r" ends=(\S+)$"
    assert re.search(" members=4" + end, grown.last_line), str(grown)
    assert re.findall(end, grown.last_line) == re.findall(end, made.last_line)
    assert len(grown.changes) == 2, str(grown)
    assert grown.changes[0].startswith("Make the instances "), str(grown)
    assert grown.changes[1].startswith("Wait for AllegroGraph"), str(grown)
    now = living(sandbox)
    assert {name: now[name]["InstanceId"] for name in before} == {name: it["InstanceId"] for name, it in before.items()}
    assert sorted(now.keys() - before.keys()) == ["agraph-member-2", "agraph-member-3"]
    assert like(now["agraph-member-0"]) == like(now["agraph-member-2"]) == like(now["agraph-member-3"])
    ec2 = sandbox.client("ec2")
    for name in ("agraph-member-0", "agraph-member-3"):
        wanted = {"InstanceId": now[name]["InstanceId"]}
        ends = ec2.describe_instance_attribute(**wanted, Attribute="instanceInitiatedShutdownBehavior")
        assert ends["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
        seen[name] = ec2.describe_instance_attribute(**wanted, Attribute="userData")["UserData"]["Value"]
    assert seen["agraph-member-0"] == seen["agraph-member-3"]
    assert average(sandbox, 4) == "1.5"


def test_a_member_with_triples_stays_and_so_does_all_else(sandbox: Sandbox) -> None:
    member = living(sandbox)["agraph-member-3"]["InstanceId"]
    url = "http://localhost:10035/repositories/r/statement"
    triple = "--data-urlencode 'subj=<ex://book>' --data-urlencode 'pred=<ex://title>' --data-urlencode 'obj=\"Faust\"'"
    sandbox.on_node(member, f"curl -sSf -u {sandbox.superuser()} -X PUT -G {url} {triple}")
    before = account(sandbox)
    refused = up(sandbox, 2)
    ended_with(
        refused,
        f"nothing was changed, since triples would be lost: member 3 ({member}) holds triples, 1 in the repository r. ",
        "Keep members 2 and 3 with: ansible-playbook up.yml -e federation_member_count=4, or remove them and those ",
        "with: ansible-playbook up.yml -e federation_discard_data=true -e federation_member_count=2",
    )
    assert refused.changed == 0, str(refused)
    checked = up(sandbox, 3, "--check", federation_discard_data=True)
    assert checked.returncode == 0, str(checked)
    assert "  would remove member 3\n" in checked.stdout, str(checked)
    assert "Member 3 would go, with all that there is: member 3 (i-" in checked.stdout, str(checked)
    assert account(sandbox) == before


def killed_at(sandbox: Sandbox, operation: str, **settings: Any) -> None:
    """Run `up`, and kill all of its processes as soon as it has made a call."""
    calls = len(sandbox.journal())
    command = [str(BIN / "ansible-playbook"), "up.yml", "--extra-vars", json.dumps(settings)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=sandbox.environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while not any(call["operation"] == operation for call in sandbox.journal()[calls:]):
            assert process.poll() is None, f"it ended before {operation}"
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_shrinking_that_was_killed_goes_on_and_a_gap_is_filled(sandbox: Sandbox) -> None:
    killed_at(sandbox, "TerminateInstances", federation_member_count=3, federation_discard_data=True)
    ec2 = sandbox.client("ec2")
    ec2.terminate_instances(InstanceIds=[living(sandbox)["agraph-member-0"]["InstanceId"]])
    finished = up(sandbox, 2)
    assert finished.returncode == 0, str(finished)
    assert "  Member 0 of before is missing, and made anew: empty, since what was there is gone\n" in finished.stdout
    # What holds its own number alone goes without a word.
    assert "  removed member 2\n" in finished.stdout, str(finished)
    assert sorted(living(sandbox)) == ["agraph-manager", "agraph-member-0", "agraph-member-1"]
    assert average(sandbox, 2) == "0.5"
    seen["addresses"] = {
        name: (it["PrivateIpAddress"], it.get("PublicIpAddress") if name == "agraph-manager" else None)
        for name, it in living(sandbox).items()
    }


def test_stopped_it_costs_next_to_nothing_and_says_so(sandbox: Sandbox) -> None:
    stopped = sandbox.playbook("stop")
    assert (stopped.returncode, stopped.changed) == (0, 1), str(stopped)
    # Three disks of 8 GiB, 0.08 USD a GiB and month.
    costs = "; still costs 0.0576 USD an hour (1 NAT gateway, 2 addresses, 3 volumes) until start or down"
    assert stopped.last_line == f"stop: stopped 3 of 3 federation=agraph{costs}", str(stopped)
    assert {each["State"]["Name"] for each in living(sandbox).values()} == {"stopped"}
    again = sandbox.playbook("stop")
    assert (again.returncode, again.changed) == (0, 0), str(again)
    assert again.last_line == f"stop: stopped 0 of 3 federation=agraph{costs}", str(again)
    shown = sandbox.playbook("status")
    assert " state=stopped instances=3 " in shown.last_line, str(shown)
    assert shown.last_line.endswith(" cost=0.0576"), str(shown)
    start = "The federation agraph is stopped{}. Start it with: ansible-playbook start.yml -e federation_name=agraph"
    ended_with(sandbox.playbook("query"), start.format(""))
    before = account(sandbox)
    ended_with(up(sandbox, 2), start.format(", and nothing was changed"))
    assert account(sandbox) == before


def test_started_it_is_the_same_federation(sandbox: Sandbox) -> None:
    full: dict[str, Any] = {"operation": "StartInstances", "error": "InsufficientInstanceCapacity"}
    # With the status of its own, 500, it would be asked for again and again first.
    full |= {"message": "There is none left.", "status": 400}
    # Not for all at once, and not for the last of three either.
    sandbox.faults([full, {**full, "after": 3}])
    half = sandbox.playbook("start")
    sandbox.clear_faults()
    ended_with(
        half,
        "could not be started, since AWS has no room at present (There is none left); ",
        "the other 2 run, and are paid for: ",
        "repeat it with ansible-playbook start.yml -e federation_name=agraph",
    )
    assert sorted(each["State"]["Name"] for each in living(sandbox).values()) == ["running", "running", "stopped"]
    started = sandbox.playbook("start")
    assert (started.returncode, started.changes) == (0, ["See that the instances are running"]), str(started)
    public = seen["addresses"]["agraph-manager"][1]
    said = rf"start: ready federation=agraph manager={re.escape(public)} members=2 ends=\S+"
    assert re.fullmatch(said, started.last_line), str(started)
    assert average(sandbox, 2) == "0.5"
    assert {
        name: (it["PrivateIpAddress"], it.get("PublicIpAddress") if name == "agraph-manager" else None)
        for name, it in living(sandbox).items()
    } == seen["addresses"]


def test_down_takes_it_away_when_it_is_stopped_too(sandbox: Sandbox) -> None:
    ids = [each["InstanceId"] for each in living(sandbox).values()]
    sandbox.client("ec2").stop_instances(InstanceIds=ids)
    deadline = time.monotonic() + 60
    while {each["State"]["Name"] for each in living(sandbox).values()} != {"stopped"}:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert sandbox.playbook("down").removed > 0
    assert account(sandbox) == snapshots["empty"]
