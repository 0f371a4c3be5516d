"""A gateway is deleted in whatever state it is, and none twice."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from library.ec2_nat_gateways_absent import delete, standing


class Gateways:
    """An EC2 with gateways in these states."""

    def __init__(self, refusal: str = "", **states: str) -> None:
        self.refusal = refusal
        self.states = states
        self.deleted: list[str] = []

    def can_paginate(self, _: str) -> bool:
        return True

    def get_paginator(self, operation: str) -> Gateways:
        assert operation == "describe_nat_gateways"
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"NatGateways": [{"NatGatewayId": name, "State": state}]} for name, state in self.states.items()]

    def delete_nat_gateway(self, NatGatewayId: str, **_: Any) -> None:  # noqa: N803  # EC2's name
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "No."}}, "DeleteNatGateway")
        self.deleted.append(NatGatewayId)


def test_one_that_failed_or_is_not_shown_yet_is_deleted_and_one_that_goes_is_not() -> None:
    client = Gateways(a="failed", b="deleting", c="deleted", d="available", e="pending")
    assert standing(client, ["a", "b", "c", "d", "e", "new"]) == ["a", "d", "e", "new"]
    assert delete(client, "a")
    assert client.deleted == ["a"]


def test_one_that_is_unknown_is_gone_and_any_other_refusal_is_an_error() -> None:
    assert not delete(Gateways(refusal="NatGatewayNotFound"), "a")
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        delete(Gateways(refusal="UnauthorizedOperation"), "a")
