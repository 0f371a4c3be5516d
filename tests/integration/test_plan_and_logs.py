"""What `plan` lists is what check mode reports; `logs` fetches what the nodes have written.

An empty account is test_life's. Each test takes the account as the one before left it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness import Run, Sandbox, pages
from plan_agreement import disagreements, rows
from secret_search import files_with

from module_utils import federation_lease as leases

pytestmark = pytest.mark.timeout(900)

LINE = re.compile(
    r"plan: make (\d+), change (\d+), remove (\d+), keep (\d+); cost (\d+\.\d\d) USD an hour, (\d+) a month, now (.*)"
)
NODES = ("agraph-manager", "agraph-member-0", "agraph-member-1")


def counts(run: Run) -> tuple[int, ...]:
    """How much is made, changed, removed and kept."""
    assert run.returncode == 0, str(run)
    found = [match for each in run.lines if (match := LINE.fullmatch(each))]
    assert len(found) == 1, str(run)
    return tuple(int(each) for each in found[0].groups()[:4])


def checked(sandbox: Sandbox, **settings: Any) -> Run:
    """An `up` in check mode, whose list and whose tasks have to say the same."""
    run = sandbox.playbook("up", "--check", **settings)
    assert (run.returncode, run.last_line) == (0, "up: checked only, nothing was made"), str(run)
    assert disagreements(run) == [], str(run)
    return run


def changes(run: Run) -> dict[tuple[str, str], str]:
    """What does not stay as it is, by what becomes of it and its name, and why."""
    return {(row.action, name): row.why for row in rows(run) for name in row.names}


def test_what_is_wrong_with_the_settings_is_said_as_up_says_it(sandbox: Sandbox) -> None:
    wrong = sandbox.playbook("plan", federation_member_count=0)
    assert wrong.returncode != 0
    assert wrong.last_line.startswith("ERROR: federation_member_count 0 is too small"), str(wrong)


def test_a_half_made_one_is_completed(sandbox: Sandbox) -> None:
    refused = {"error": "VcpuLimitExceeded", "status": 400, "times": None}
    sandbox.faults([{"operation": "RunInstances", **refused}])
    failed = sandbox.playbook("up", federation_on_failure="keep")
    assert failed.returncode != 0, str(failed)
    sandbox.clear_faults()
    half = changes(checked(sandbox))
    assert {("make", name) for name in (*NODES, "agraph-manager-address", "agraph-public-routes")} <= half.keys()
    assert ("make", "agraph-nat-gateway") not in half
    done = sandbox.playbook("up")
    assert done.returncode == 0, str(done)


def test_of_a_whole_one_nothing_changes_and_who_works_on_it_is_said(sandbox: Sandbox) -> None:
    elsewhere = leases.Holder("ann", "far-away", 4711, "99", "another-boot")
    text = leases.wanted(datetime.now(UTC), elsewhere, "theirs", "up", 3600).as_text()
    ssm = sandbox.client("ssm")
    ssm.put_parameter(Name="/agraph/lease", Value=text, Type="String")
    plan = sandbox.playbook("plan")
    ssm.delete_parameter(Name="/agraph/lease")
    assert counts(plan) == (0, 0, 0, 22), str(plan)
    assert plan.last_line.endswith("cost 0.18 USD an hour, 133 a month, now 0.18"), str(plan)
    assert "ann@far-away (process 4711) runs up on it" in " ".join((plan.stdout + plan.stderr).split()), str(plan)
    assert checked(sandbox).changes == []


def test_more_members_others_who_may_ask_and_a_key_pair(sandbox: Sandbox, tmp_path: Path) -> None:
    wanted: dict[str, Any] = {
        "federation_member_count": 4,
        "federation_allowed_cidr": "198.51.100.0/24",
        "federation_key_name": "agraph-key",
        "federation_key_file": str(tmp_path / "key.pem"),
        "federation_ttl_hours": 8,
    }
    check = checked(sandbox, **wanted)
    found = changes(check)
    assert found.keys() == {
        *(("make", name) for name in ("agraph-key", "agraph-member-2", "agraph-member-3")),
        ("change", "agraph-manager-group"),
    }
    opened = found["change", "agraph-manager-group"]
    assert opened.startswith("opens tcp 10035, 16000-17000, 22 to 198.51.100.0/24, closes tcp 10035, 16000-17000 to ")
    # It stands, so that it keeps having no end.
    assert "federation_ttl_hours is for a federation that is still to be made" in check.stdout, str(check)


def test_other_tags_and_no_way_in(sandbox: Sandbox) -> None:
    check = checked(sandbox, federation_tags={"CostCenter": "42"}, federation_access="tunnel")
    found = changes(check)
    assert {action for action, _ in found} == {"change"}, str(check)
    assert "; closes tcp 10035, 16000-17000 to " in found["change", "agraph-manager-group"]
    assert {name for _, name in found} >= {*NODES, "agraph-vpc", "agraph-node-role", "agraph-ssm-123456789012"}


def test_logs_are_fetched_and_who_cannot_be_reached_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    ec2, ssm, s3 = (sandbox.client(service) for service in ("ec2", "ssm", "s3"))
    mine = [{"Name": "tag:Name", "Values": ["agraph-member-1"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    (member,) = (
        it["InstanceId"]
        for each in pages(ec2, "describe_instances", "Reservations", Filters=mine)
        for it in each["Instances"]
    )
    ec2.stop_instances(InstanceIds=[member])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[member], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    folder = tmp_path / "logs"
    run = sandbox.playbook("logs", federation_logs_folder=str(folder), federation_logs_mb=1)
    assert run.returncode != 0
    assert run.last_line.startswith(
        f"ERROR: The logs of 1 of 3 nodes are missing. Member 1 ({member}): it is stopped. "
        f"Those of the others are in {folder}."
    ), str(run)
    assert sorted(each.name for each in folder.iterdir()) == list(NODES[:2])
    for name in NODES[:2]:
        logs = folder / name
        agent = (logs / "var/log/amazon/ssm/amazon-ssm-agent.log").read_text()
        assert "Set up control channel of i-" in agent
        assert "Cloud-init v. 22.2.2 finished" in (logs / "var/log/cloud-init-output.log").read_text()
        assert (logs / "var/log/cloud-init.log").stat().st_size > 0
        assert "ready on http" in (logs / "var/log/agraph/agraph.log").read_text()
    assert not any(
        each["Key"].endswith("logs.tar.gz")
        for each in pages(s3, "list_objects_v2", "Contents", Bucket="agraph-ssm-123456789012")
    )
    secrets = ssm.get_parameters(Names=["/agraph/superuser", "/agraph/reader"], WithDecryption=True)["Parameters"]
    assert [files_with([folder], each["Value"]) for each in secrets] == [[], []]
