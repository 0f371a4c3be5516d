"""The limit against cases that were worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from benchmarks.limit import CircleError, Step, chain, length, making, removing, schedule, steps_of

from sandbox.latency import TABLES

# Each delay another, so that one that is left out or counted twice shows.
DELAYS = replace(
    TABLES["aws"],
    instance_profile_propagation=16.0,
    instance_pending=4.0,
    creation_visible=1.0,
    instance_boot=8.0,
    agent_online=32.0,
    nat_gateway_create=50.0,
    instance_shutting_down=45.0,
    nat_gateway_delete=50.0,
)


def names(steps: list[Step]) -> list[str]:
    return [span.name for span in chain(schedule(steps))]


def test_a_step_begins_when_the_last_before_it_is_done() -> None:
    steps = [Step("d", 1, ("b", "c")), Step("a", 2), Step("b", 3, ("a",)), Step("c", 4, ("a",)), Step("aside", 6.5)]
    spans = schedule(steps)
    assert {name: (span.begin, span.end) for name, span in spans.items()} == {
        "a": (0, 2),
        "b": (2, 5),
        "c": (2, 6),
        "d": (6, 7),
        "aside": (0, 6.5),
    }
    assert names(steps) == ["a", "c", "d"]
    assert length(steps) == 7
    assert length([]) == 0


@pytest.mark.parametrize("steps", [[Step("a", 1, ("b",)), Step("b", 1, ("a",))], [Step("a", 1, ("missing",))]])
def test_what_waits_for_itself_or_for_nothing_is_refused(steps: list[Step]) -> None:
    with pytest.raises(CircleError, match="a"):
        schedule(steps)


def test_making_takes_the_profile_and_an_instance_that_boots_where_the_gateway_is_quicker() -> None:
    assert length(making(DELAYS)) == 16 + 4 + 8 + 32
    assert names(making(DELAYS))[:4] == [
        "instance profile usable",
        "instances running",
        "instances booted",
        "agents started",
    ]


def test_making_takes_the_gateway_where_that_is_slower_and_nothing_after_it() -> None:
    slow = replace(DELAYS, nat_gateway_create=61.0)
    assert length(making(slow)) == 61
    assert names(making(slow)) == ["NAT gateway available", "members' agents online", "answer"]


def test_an_instance_that_runs_before_it_is_seen_has_its_address_when_it_is_seen() -> None:
    late = replace(DELAYS, creation_visible=100.0)
    assert length(making(late)) == 16 + 100


def test_removing_takes_the_slower_of_instances_and_gateway_since_neither_waits_for_the_other() -> None:
    assert length(removing(DELAYS)) == 50
    assert names(removing(DELAYS))[0] == "NAT gateway deleted"
    quick = replace(DELAYS, nat_gateway_delete=10.0)
    assert length(removing(quick)) == 45
    assert names(removing(quick))[0] == "instances terminated"


def test_what_finds_everything_there_waits_for_nothing() -> None:
    assert [steps_of(verb, DELAYS) for verb in ("query", "again")] == [[], []]


def test_the_limits_of_the_table_aws() -> None:
    aws = TABLES["aws"]
    assert length(steps_of("up", aws)) == pytest.approx(15 + 4.9 + 15 + 75)
    assert length(steps_of("down", aws)) == 50
