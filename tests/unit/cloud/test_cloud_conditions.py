"""Statements and conditions, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cloud.authorisation.conditions import UnknownOperatorError
from sandbox.cloud.authorisation.policies import Question, effects

KEYS = {
    "aws:username": ("ann",),
    "aws:requestedregion": ("us-west-2",),
    "aws:sourceip": ("10.0.0.7",),
    "aws:currenttime": ("2025-01-07T12:00:00Z",),
    "aws:tagkeys": ("Name", "Federation"),
    "aws:requesttag/federation": ("agraph",),
    "aws:principalarn": ("arn:aws:iam::123456789012:user/ann",),
    "aws:multifactorauthpresent": ("false",),
    "s3:max-keys": ("10",),
}
ALL = {"Action": "*", "Resource": "*"}


def said(statement: dict[str, Any], action: str = "ec2:RunInstances", resource: str = "arn:x", **more: Any) -> bool:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}], **more}
    return effects([document], Question(action, resource, KEYS)) == {"Allow"}


@pytest.mark.parametrize(
    ("statement", "yes", "no"),
    [
        ({"Action": "ec2:Run*", "Resource": "*"}, "ec2:RunInstances", "ec2:StopInstances"),
        ({"Action": ["EC2:runinstances"], "Resource": "*"}, "ec2:RunInstances", "ec2:RunInstance"),
        ({"Action": "ec2:?unInstances", "Resource": "*"}, "ec2:RunInstances", "ec2:Instances"),
        ({"NotAction": ["iam:*"], "Resource": "*"}, "ec2:RunInstances", "iam:CreateRole"),
    ],
)
def test_actions(statement: dict[str, Any], yes: str, no: str) -> None:
    assert said(statement, yes)
    assert not said(statement, no)


@pytest.mark.parametrize(
    ("statement", "yes", "no"),
    [
        ({"Resource": "arn:aws:s3:::b/*"}, "arn:aws:s3:::b/k/l", "arn:aws:s3:::b"),
        ({"Resource": "arn:aws:s3:::b?"}, "arn:aws:s3:::b1", "arn:aws:s3:::b12"),
        ({"Resource": "arn:aws:s3:::[ab]"}, "arn:aws:s3:::[ab]", "arn:aws:s3:::a"),
        ({"NotResource": "arn:aws:s3:::b"}, "arn:aws:s3:::c", "arn:aws:s3:::b"),
        ({"Resource": "arn:aws:s3:::home/${aws:username}/*"}, "arn:aws:s3:::home/ann/x", "arn:aws:s3:::home/bob/x"),
        ({"Resource": "arn:${aws:nobody}"}, None, "arn:"),
        ({"Resource": "arn:${aws:nobody, 'z'}"}, "arn:z", "arn:y"),
        ({"Resource": "arn:${*}"}, "arn:*", "arn:z"),
    ],
)
def test_resources(statement: dict[str, Any], yes: str | None, no: str) -> None:
    assert yes is None or said({"Action": "*", **statement}, resource=yes)
    assert not said({"Action": "*", **statement}, resource=no)


def test_the_older_language_has_no_variables() -> None:
    statement = {"Action": "*", "Resource": "arn:${aws:username}"}
    assert not said(statement, resource="arn:ann", Version="2008-10-17")
    assert said(statement, resource="arn:${aws:username}", Version="2008-10-17")


@pytest.mark.parametrize(
    ("operator", "key", "yes", "no"),
    [
        ("StringEquals", "aws:RequestedRegion", "us-west-2", "us-west-*"),
        ("StringEquals", "aws:RequestedRegion", ["eu-west-1", "us-west-2"], ["eu-west-1"]),
        ("StringEquals", "aws:RequestTag/Federation", "agraph", "Agraph"),
        ("StringNotEquals", "aws:RequestedRegion", "eu-west-1", ["eu-west-1", "us-west-2"]),
        ("StringEqualsIgnoreCase", "aws:username", "ANN", "BOB"),
        ("StringNotEqualsIgnoreCase", "aws:username", "BOB", "ANN"),
        ("StringLike", "aws:RequestedRegion", "us-*", "eu-*"),
        ("StringNotLike", "aws:RequestedRegion", "eu-*", "us-*"),
        ("StringEquals", "aws:PrincipalArn", "arn:aws:iam::123456789012:user/${aws:username}", "${aws:username}"),
        ("NumericEquals", "s3:max-keys", 10, 11),
        ("NumericNotEquals", "s3:max-keys", "11", "10.0"),
        ("NumericLessThan", "s3:max-keys", "11", "10"),
        ("NumericLessThanEquals", "s3:max-keys", "10", "9"),
        ("NumericGreaterThan", "s3:max-keys", "9", "10"),
        ("NumericGreaterThanEquals", "s3:max-keys", "10", "11"),
        ("NumericEquals", "s3:max-keys", "10", "ten"),
        ("DateLessThan", "aws:CurrentTime", "2025-01-08T00:00:00Z", "2025-01-07T00:00:00Z"),
        ("DateGreaterThan", "aws:CurrentTime", "2025-01-07", "2025-01-08"),
        ("DateEquals", "aws:CurrentTime", "2025-01-07T12:00:00+00:00", "1736251201"),
        ("Bool", "aws:MultiFactorAuthPresent", False, True),
        ("Bool", "aws:MultiFactorAuthPresent", "false", "true"),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/24", "10.0.1.0/24"),
        ("NotIpAddress", "aws:SourceIp", "10.0.1.0/24", ["10.0.1.0/24", "10.0.0.7"]),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::*:user/ann", "arn:aws:iam::*:user/bob"),
        ("ArnLike", "aws:PrincipalArn", "arn:*:iam::123456789012:user/*", "arn:*:user/ann"),
        ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*", "arn:aws:iam::*:user/*"),
        ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::*:role/*", "arn:aws:iam::*:user/*"),
        ("Null", "aws:nobody", "true", "false"),
        ("Null", "aws:username", False, True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["Name", "Federation", "Role"], ["Name"]),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["Name"], ["Role"]),
        ("ForAllValues:StringNotLike", "aws:TagKeys", ["aws:*"], ["F*"]),
        ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["Name"], ["Name", "Federation"]),
        ("StringEqualsIfExists", "aws:RequestedRegion", "us-west-2", "eu-west-1"),
    ],
)
def test_operators(operator: str, key: str, yes: Any, no: Any) -> None:
    assert said({**ALL, "Condition": {operator: {key: yes}}})
    assert not said({**ALL, "Condition": {operator: {key: no}}})


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("NumericLessThanIfExists", True),
        ("Bool", False),
        ("IpAddress", False),
        ("NotIpAddress", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_a_key_that_is_not_there(operator: str, expected: bool) -> None:
    assert said({**ALL, "Condition": {operator: {"aws:nobody": "1"}}}) is expected


def test_all_of_several_conditions_must_hold() -> None:
    both = {"StringEquals": {"aws:username": "ann", "aws:RequestedRegion": "us-west-2"}}
    assert said({**ALL, "Condition": both})
    assert not said({**ALL, "Condition": {"StringEquals": {**both["StringEquals"], "aws:username": "bob"}}})
    assert not said({**ALL, "Condition": {**both, "Bool": {"aws:MultiFactorAuthPresent": "true"}}})


@pytest.mark.parametrize("operator", ["StringResembles", "ForSomeValues:StringEquals", "NumericLike", "NullIf"])
def test_an_unknown_operator_is_not_passed_over(operator: str) -> None:
    with pytest.raises(UnknownOperatorError):
        said({**ALL, "Condition": {operator: {"aws:username": "ann"}}})
