"""federation_leaving_info: a member goes with triples only where that was said; one that says nothing may have some."""

from __future__ import annotations

from typing import Any

import pytest
from pretended_agraph import Run

from library import federation_leaving_info


def repository(statements: int, own: int = 0, name: str = "r", catalog: str = "/") -> dict[str, Any]:
    return {"catalog": catalog, "name": name, "statements": statements, "own": own}


def member(index: int, *repositories: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"id": f"i-{index}", "index": index, "state": "running", "repositories": list(repositories), **other}


def decided(run: Run, *members: dict[str, Any], **more: Any) -> dict[str, Any]:
    return run(federation_leaving_info, name="agraph", members=list(members), **more)


def test_members_with_their_own_statement_or_none_may_go(run: Run) -> None:
    answer = decided(run, member(4), member(3, repository(1, own=1), repository(0, name="empty")), member(10))
    assert answer["members"] == [3, 4, 10]
    assert answer["said"] == "Members 3, 4 and 10 go, with nothing but what up has written there"
    assert not answer["changed"]
    one = decided(run, member(2, repository(3, own=3)), check=True)
    assert one["said"] == "Member 2 would go, with nothing but what up has written there"


def test_triples_are_counted_and_both_ways_out_are_said(run: Run) -> None:
    books = repository(3, name="books", catalog="my data")
    answer = decided(run, member(2, repository(1, own=1)), member(3, repository(12001, own=1), books))
    assert answer["msg"] == (
        "The federation agraph is to have fewer members, and nothing was changed, since triples would be lost: "
        "member 3 (i-3) holds triples, 12,000 in the repository r and 3 in the repository my data:books. "
        "Keep members 2 and 3 with: ansible-playbook up.yml -e federation_member_count=4, "
        "or remove them and those triples with: ansible-playbook up.yml -e federation_discard_data=true"
    )


def test_a_single_triple_that_is_not_its_own_counts(run: Run) -> None:
    said = decided(run, member(2, repository(1)))["msg"]
    assert "member 2 (i-2) holds triples, 1 in the repository r. Keep member 2 with: " in said
    assert "or remove it and those triples" in said


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        ({"state": "stopped"}, "member 2 (i-2) is stopped, so that nobody knows what it holds"),
        ({"problem": "member 2 (i-2) does not answer: refused."}, "member 2 (i-2) does not answer: refused. Keep"),
        ({}, "member 2 (i-2) could not be asked what it holds"),
    ],
)
def test_who_says_nothing_may_hold_something(run: Run, unknown: dict[str, Any], said: str) -> None:
    silent = {**member(2), "repositories": None, **unknown}
    assert said in decided(run, silent)["msg"]
    answer = decided(run, silent, discard_data=True)
    assert answer["members"] == [2]
    assert answer["said"].startswith("Member 2 goes, with all that there is: member 2 (i-2) ")
