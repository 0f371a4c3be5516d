"""An `up` that fails: the error in one sentence, the last on the screen, and everything removed again, or kept.

What stood before is kept in any case.

Each test takes the account as the one before left it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Run, Sandbox, account, pages

pytestmark = pytest.mark.timeout(600)

IMAGE_WITHOUT_ALLEGROGRAPH = "ami-0a12023000000002"
ON_MEMBERS = "Wait for AllegroGraph, and give each member its repository and its number"
KEPT = "  Kept, and paid for: up goes on from here, and down removes it: ansible-playbook down.yml -e federation_name="

# The account as it was before the first `up`, by the sandbox's home.
empty: dict[Path, dict[str, list[str]]] = {}


@pytest.fixture(scope="module")
def sandbox_of_late_agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox in which everything is quick but the SSM agents, which do not come online within the hour."""
    own = Sandbox(tmp_path_factory.mktemp("late"), latency="fast,agent_online=3600")
    own.start()
    yield own
    own.stop()


def up(sandbox: Sandbox, **settings: Any) -> Run:
    """Run `up` with a single member."""
    empty.setdefault(sandbox.home, account(sandbox))
    given: dict[str, Any] = {"federation_member_count": 1, "federation_server_timeout": 60, **settings}
    return sandbox.playbook("up", timeout=500, **given)


def node(sandbox: Sandbox, role: str) -> tuple[str, str]:
    """The id and the private address of the only living instance with this tag Role."""
    found = pages(
        sandbox.client("ec2"),
        "describe_instances",
        "Reservations",
        Filters=[{"Name": "tag:Role", "Values": [role]}, {"Name": "instance-state-name", "Values": ["running"]}],
    )
    (instance,) = [instance for reservation in found for instance in reservation["Instances"]]
    return instance["InstanceId"], instance["PrivateIpAddress"]


def gateways(sandbox: Sandbox) -> list[str]:
    """The states of all NAT gateways that have not been deleted."""
    found = pages(sandbox.client("ec2"), "describe_nat_gateways", "NatGateways")
    return [each["State"] for each in found if each["State"] != "deleted"]


def assert_ends_with(done: Run, *words: str) -> None:
    """It failed, and its last line is one sentence that has these words in it and nothing of Python's."""
    assert done.returncode != 0, str(done)
    assert done.last_line.startswith("ERROR: "), str(done)
    assert [word for word in words if word not in done.last_line] == [], str(done)
    assert "Traceback" not in done.stdout + done.stderr, str(done)
    assert "up: ready" not in done.stdout, str(done)


def test_agents_that_never_come_are_named_and_kept_to_look_at(sandbox_of_late_agents: Sandbox) -> None:
    failed = up(sandbox_of_late_agents, federation_agent_timeout=2, federation_on_failure="keep")
    manager, member = (node(sandbox_of_late_agents, role)[0] for role in ("manager", "member"))
    assert_ends_with(
        failed,
        "2 SSM agents are not online after 2 s",
        f"agraph-manager ({manager}): never registered",
        f"agraph-member-0 ({member}): never registered",
        "Does the image ami-0a96aafe00000001 start the SSM agent, and has the node a way out?",
        "Look with: aws ec2 get-console-output --instance-id",
    )
    assert f"{KEPT}agraph -e federation_member_count=1" in failed.stdout, str(failed)
    assert "Servers" not in failed.stdout, str(failed)


def test_down_removes_what_was_kept(sandbox_of_late_agents: Sandbox) -> None:
    assert sandbox_of_late_agents.playbook("down").removed > 0
    assert account(sandbox_of_late_agents) == empty[sandbox_of_late_agents.home]


def test_an_image_without_allegrograph_is_said_and_everything_removed(sandbox: Sandbox) -> None:
    failed = up(sandbox, federation_ami_id=IMAGE_WITHOUT_ALLEGROGRAPH, federation_server_timeout=2)
    assert_ends_with(
        failed,
        " did not answer http://127.0.0.1:10035/version within 2 s: connection refused.",
        f"Is AllegroGraph installed on its image {IMAGE_WITHOUT_ALLEGROGRAPH}, and does it start at boot?",
        "ansible-playbook up.yml -e federation_on_failure=keep",
        "(The same task failed on 1 more.)",
    )
    # Both are named where they failed; which of them is first is nobody's business.
    assert "    Manager (i-" in failed.stdout, str(failed)
    assert "    Member 0 (i-" in failed.stdout, str(failed)
    assert account(sandbox) == empty[sandbox.home]


def test_a_gateway_that_failed_is_kept_to_look_at(sandbox: Sandbox) -> None:
    sandbox.faults([{"nat_gateway": "failed", "code": "InternalError"}])
    failed = up(sandbox, federation_on_failure="keep")
    assert_ends_with(failed, "did not become available (InternalError: ", "the next run makes another")
    assert gateways(sandbox) == ["failed"]


def test_the_next_up_replaces_it_and_a_wrong_password_with_keep_leaves_it_all(sandbox: Sandbox) -> None:
    failed = up(sandbox, federation_agraph_password="nobody-may-read-this", federation_on_failure="keep")
    member, address = node(sandbox, "member")
    # Which of the two nodes is said last is nobody's business.
    assert_ends_with(failed, " cannot be made ready: ", "federation_agraph_password", "failed on 1 more.)")
    assert f"Member 0 ({member}, {address}) cannot be made ready: " in failed.stdout, str(failed)
    assert f"{KEPT}agraph -e federation_member_count=1" in failed.stdout, str(failed)
    assert "nobody-may-read-this" not in failed.stdout + failed.stderr, str(failed)
    assert {"Delete the gateway that failed", "Start the gateway agraph-nat-gateway"} <= set(failed.changes), str(
        failed
    )
    assert gateways(sandbox) == ["available"]


def test_up_goes_on_from_there(sandbox: Sandbox) -> None:
    before = account(sandbox)
    done = up(sandbox)
    assert (done.returncode, done.changes) == (0, [ON_MEMBERS]), str(done)
    assert done.last_line.startswith("up: ready federation=agraph manager=127."), str(done)
    assert account(sandbox) == before
    assert "| 0.0 |" in sandbox.playbook("query", federation_member_count=1).stdout


def test_a_node_that_cannot_be_reached_is_named_and_what_stood_before_stays(sandbox: Sandbox) -> None:
    member, address = node(sandbox, "member")
    # Its agent is online, but a session's user cannot write anywhere: to Ansible, a host that cannot be reached.
    own = Path("/tmp").stat().st_dev
    if sandbox.on_node(member, "stat -c %d /tmp").strip() == str(own):
        pytest.skip("the nodes share this machine's /tmp, which a test must not touch")
    sandbox.on_node(member, "chmod 755 /tmp")
    before = account(sandbox)
    failed = up(sandbox)
    assert_ends_with(
        failed,
        f"Member 0 ({member}, {address}) cannot be reached: nothing can be written there: mkdir: ",
        "Is its SSM agent online, and is there room on its disk?",
        f"Look with: aws ssm start-session --target {member}",
    )
    assert " unreachable=1 " in failed.stdout, str(failed)
    assert (
        f"  Its instances were there before this run, which therefore removes nothing. {KEPT.strip()}" in failed.stdout
    )
    assert account(sandbox) == before
