"""The table of delays: chosen by name, with single delays of one's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.latency import TABLES, latency


def test_a_table_is_chosen_by_its_name() -> None:
    assert latency("fast") is TABLES["fast"]
    assert latency("aws") is TABLES["aws"]


def test_single_delays_are_changed() -> None:
    changed = latency("fast,nat_gateway_delete=10,instance_boot=0.5")
    assert changed == replace(TABLES["fast"], nat_gateway_delete=10.0, instance_boot=0.5)
    assert latency("fast,creation_late_each=3") == replace(TABLES["fast"], creation_late_each=3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("slow", "slow is not a table of delays: choose fast or aws."),
        ("", " is not a table of delays: choose fast or aws."),
        ("fast,tea=3", "tea is not a delay: choose from instance_pending, instance_boot, "),
        ("fast,nat_gateway_delete", "nat_gateway_delete needs a number of seconds, for example nat_gateway_delete=10."),
        ("fast,instance_boot=soon", "instance_boot needs a number of seconds, for example instance_boot=10."),
        ("fast,instance_boot=-1", "instance_boot needs a number of seconds, for example instance_boot=10."),
        (
            "fast,creation_late_each=0",
            "creation_late_each needs a whole number from 1, for example creation_late_each=",
        ),
        ("fast,creation_late_each=1.5", "creation_late_each needs a whole number from 1, "),
        ("fast,instance_boot=nan", "instance_boot needs a number of seconds, for example instance_boot=10."),
    ],
)
def test_what_is_not_a_delay_is_refused_with_a_remedy(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        latency(text)
    assert str(refused.value).startswith(reason)
