"""What EC2 does not know of a gateway is no reason to give it up."""

from __future__ import annotations

from typing import Any

from library.ec2_nat_gateways_info import described, problem


class Silent:
    """An EC2 that shows no gateway yet, or none any more."""

    def can_paginate(self, _: str) -> bool:
        return True

    def get_paginator(self, operation: str) -> Silent:
        assert operation == "describe_nat_gateways"
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"NatGateways": []}]


def test_a_gateway_that_is_not_shown_yet_is_waited_for() -> None:
    gateways = described(Silent(), ["nat-1"], "available")
    assert gateways["nat-1"]["State"] == "unknown to EC2"
    assert problem(gateways, "available") is None


def test_a_gateway_that_is_not_shown_any_more_is_deleted() -> None:
    assert described(Silent(), ["nat-1"], "deleted")["nat-1"]["State"] == "deleted"
