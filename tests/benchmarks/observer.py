"""Looks, while a verb runs, which state things are in: as a user of its own, so that its calls are told from others."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from harness import Sandbox, pages

USER = "observer"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["ec2:Describe*", "ssm:Describe*"], "Resource": "*"}],
}
GONE = "gone"
"""The state of what is not shown any more."""
QUICK, SLOW, MANY = 0.5, 5.0, 10
"""Seconds from one look to the next, and the number of instances beyond which looking costs the sandbox too much."""


@dataclass
class Watched:
    """A thing, and since when it has been in which state."""

    kind: str
    name: str
    states: list[tuple[float, str]] = field(default_factory=list)

    def seen(self, now: float, state: str) -> None:
        """Note a state, unless it is the one that it has been in."""
        if not self.states or self.states[-1][1] != state:
            self.states.append((now, state))


class Observer:
    """A thread that looks at instances, their agents and NAT gateways, for as long as it is entered."""

    def __init__(self, sandbox: Sandbox, keys: tuple[str, str], instances: int) -> None:
        self.watched: dict[str, Watched] = {}
        self._shown: set[str] = set()
        self._interval = QUICK if instances <= MANY else SLOW
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._ec2, self._ssm = (_client(sandbox, service, keys) for service in ("ec2", "ssm"))

    def __enter__(self) -> Observer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stopped.is_set():
            # A throttled look is one look less.
            with contextlib.suppress(ClientError, BotoCoreError):
                self._look()
            self._stopped.wait(self._interval)

    def _look(self) -> None:
        now = time.time()
        self._shown.clear()
        for gateway in pages(self._ec2, "describe_nat_gateways", "NatGateways"):
            self._seen(now, "NAT gateway", gateway["NatGatewayId"], _name(gateway), gateway["State"])
        for reservation in pages(self._ec2, "describe_instances", "Reservations"):
            for instance in reservation["Instances"]:
                identity, name = instance["InstanceId"], _name(instance)
                self._seen(now, "instance", identity, name, instance["State"]["Name"])
        for agent in pages(self._ssm, "describe_instance_information", "InstanceInformationList"):
            instance = self.watched.get(agent["InstanceId"])
            name = instance.name if instance else agent["InstanceId"]
            self._seen(now, "agent", f"agent of {agent['InstanceId']}", name, agent["PingStatus"])
        for identity in self.watched.keys() - self._shown:
            self.watched[identity].seen(now, GONE)

    def _seen(self, now: float, kind: str, identity: str, name: str, state: str) -> None:
        self._shown.add(identity)
        self.watched.setdefault(identity, Watched(kind, name)).seen(now, state)


def _name(item: dict[str, Any]) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
    return str(tags.get("Name") or item.get("NatGatewayId") or item.get("InstanceId"))


def user(sandbox: Sandbox) -> tuple[str, str]:
    """Make the observer's user, and return its keys."""
    iam = sandbox.client("iam")
    iam.create_user(UserName=USER)
    iam.put_user_policy(UserName=USER, PolicyName="look", PolicyDocument=json.dumps(POLICY))
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _client(sandbox: Sandbox, service: str, keys: tuple[str, str]) -> Any:
    make: Any = boto3.client  # typed by one overload a service; here the service is a variable
    state = sandbox.state
    return make(
        service,
        endpoint_url=state["endpoint"],
        region_name=state["region"],
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        config=Config(retries={"total_max_attempts": 1}),
    )
