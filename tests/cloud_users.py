"""Users of a cloud with policies, and the statements that those are made of."""

from __future__ import annotations

import json
from typing import Any

from cloud_box import Box

ACCOUNT = "123456789012"
EC2 = f"arn:aws:ec2:us-west-2:{ACCOUNT}"
EC2_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **condition: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": action,
        "Resource": resource,
        **({"Condition": condition} if condition else {}),
    }


def deny(action: str | list[str], resource: str | list[str] = "*", **condition: Any) -> dict[str, Any]:
    return {**allow(action, resource, **condition), "Effect": "Deny"}


class Ann:
    """A user with policies, and her clients."""

    def __init__(self, box: Box, *statements: dict[str, Any]) -> None:
        self.box = box
        box.iam.create_user(UserName="ann")
        key = box.iam.create_access_key(UserName="ann")["AccessKey"]
        self.key, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        if statements:
            self.may(*statements)

    def may(self, *statements: dict[str, Any]) -> None:
        self.box.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document(*statements))

    def client(self, service: str, **more: Any) -> Any:
        return self.box.client(service, key=self.key, secret=self.secret, **more)


def tags(kind: str, **pairs: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}]
