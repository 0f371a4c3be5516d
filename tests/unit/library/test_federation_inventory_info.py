from __future__ import annotations

from typing import Any

from pretended_agraph import Run

from library import federation_inventory_info


def node(
    role: str, index: int | None = None, state: str = "running", address: str | None = "10.0.1.5"
) -> dict[str, Any]:
    return {"id": f"i-{role}{index}", "role": role, "index": index, "state": state, "address": address}


def found(run: Run, *nodes: dict[str, Any], count: int = 2) -> dict[str, Any]:
    return run(federation_inventory_info, nodes=list(nodes), member_count=count, name="agraph")


def test_a_whole_federation(run: Run) -> None:
    answer = found(run, node("member", 1), node("manager", address="198.51.100.7"), node("member", 0))
    assert answer["manager"] == {"id": "i-managerNone", "address": "198.51.100.7"}
    assert [member["index"] for member in answer["members"]] == [0, 1]
    assert not answer["changed"]


def test_nothing_at_all_is_a_federation_that_was_never_made(run: Run) -> None:
    assert found(run)["msg"] == (
        "There is no federation named agraph. Make it with: ansible-playbook up.yml -e federation_name=agraph"
    )


def test_every_finding_is_named(run: Run) -> None:
    answer = found(run, node("member", 0, "stopped"), node("member", 2), node("member", 2, address=None), count=4)
    assert answer["msg"] == (
        "The federation agraph is not whole: manager is missing; member 0 (i-member0, 10.0.1.5) is stopped; "
        "member 1 is missing; member 2 is there 2 times (i-member2, i-member2); member 3 is missing. "
        "Put it right with: ansible-playbook up.yml"
    )


def test_one_that_is_stopped_is_to_be_started(run: Run) -> None:
    answer = found(run, node("manager", state="stopped"), node("member", 0, "stopping"))
    said = "The federation agraph is stopped. Start it with: ansible-playbook start.yml -e federation_name=agraph"
    assert answer["msg"] == said


def test_a_member_too_many_and_one_without_a_number(run: Run) -> None:
    answer = found(run, node("manager"), node("member", 0), node("member", 5), node("member"), count=1)
    assert "member 5 (i-member5) is there and should not be, of 1" in answer["msg"]
    assert "member without a number (i-memberNone)" in answer["msg"]


def test_a_manager_without_an_address(run: Run) -> None:
    assert "manager (i-managerNone) has no address" in found(run, node("manager", address=None))["msg"]
