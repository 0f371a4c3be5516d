"""The VPC's own group loses all its rules, or the caller is told that this is not allowed."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from library import ec2_default_group_emptied
from library.ec2_default_group_emptied import MissingError, awaited_group_of, empty, group_of, has_rules

ITSELF = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-0"}]}
WORLD = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


class Groups:
    """An EC2 with the groups of one VPC, which are shown from the second look on."""

    def __init__(self, refusal: str = "", shown: int = 0, **rules: Any) -> None:
        self.refusal, self.left = refusal, shown
        own = {"GroupId": "sg-0", "GroupName": "default", "VpcId": "vpc-0", **rules}
        self.groups = [{**own, "GroupId": "sg-1", "GroupName": "other"}, {**own, "VpcId": "vpc-1"}, own]
        self.calls: list[tuple[str, Any]] = []

    def describe_security_groups(self, **_: Any) -> dict[str, Any]:
        self.left -= 1
        return {"SecurityGroups": self.groups if self.left < 0 else []}

    def _revoke(self, direction: str, asked: dict[str, Any]) -> None:
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "No."}}, f"RevokeSecurityGroup{direction}")
        self.calls.append((direction, asked["IpPermissions"]))

    def revoke_security_group_ingress(self, **asked: Any) -> None:
        self._revoke("Ingress", asked)

    def revoke_security_group_egress(self, **asked: Any) -> None:
        self._revoke("Egress", asked)


def test_all_rules_go_and_no_call_is_made_where_there_is_none() -> None:
    client = Groups(IpPermissions=[ITSELF], IpPermissionsEgress=[WORLD])
    group = group_of(client, "vpc-0")
    assert group is not None
    assert has_rules(group)
    assert empty(client, group) == ""
    assert client.calls == [("Ingress", [ITSELF]), ("Egress", [WORLD])]
    half = Groups(IpPermissions=[], IpPermissionsEgress=[WORLD])
    assert empty(half, half.groups[2]) == ""
    assert half.calls == [("Egress", [WORLD])]
    assert not has_rules({"IpPermissions": [], "IpPermissionsEgress": []})


def test_a_group_that_is_to_come_has_what_ec2_gives_it() -> None:
    assert group_of(Groups(), "vpc-2") is None
    assert has_rules(None)


def test_who_may_not_is_told_and_any_other_refusal_is_an_error() -> None:
    denied = Groups("UnauthorizedOperation", IpPermissions=[ITSELF])
    assert "calling the RevokeSecurityGroupIngress operation: No." in empty(denied, denied.groups[2])
    throttled = Groups("RequestLimitExceeded", IpPermissions=[ITSELF])
    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        empty(throttled, throttled.groups[2])


def test_a_new_group_is_waited_for_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ec2_default_group_emptied, "PAUSE", 0.001)
    assert awaited_group_of(Groups(shown=2), "vpc-0")["GroupId"] == "sg-0"
    monkeypatch.setattr(ec2_default_group_emptied, "PATIENCE", 0.01)
    with pytest.raises(MissingError, match="no default security group of vpc-2"):
        awaited_group_of(Groups(), "vpc-2")
