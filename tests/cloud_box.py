"""A cloud on a loopback address, over a world in which nothing runs."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.cloud.recording import RecordingWorld
from sandbox.cloud.server import Server
from sandbox.cloud.service import Cloud
from sandbox.latency import Latency

QUICK = Latency(
    instance_pending=0.05,
    instance_stopping=0.05,
    instance_shutting_down=0.05,
    nat_gateway_create=0.05,
    nat_gateway_delete=0.15,
    instance_profile_propagation=0.0,
    creation_visible=0.0,
    creation_late_each=1,
)
KEY, SECRET = "AKIASANDBOX000000000", "not-much-of-a-secret"
AL2023, AGRAPH = "ami-0a12023000000002", "ami-0a96aafe00000001"


class Front:
    """One server for all tests, each with a cloud of its own behind it: making clients is what takes time."""

    def __init__(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.cloud: Cloud | None = None
        self.clients: dict[str, Any] = {}
        self.server = Server(self.application, [(listener, None)])
        self.server.start()

    def application(self, environ: dict[str, Any], start_response: Any) -> Any:
        assert self.cloud is not None
        return self.cloud.application(environ, start_response)


class Box:
    """A running cloud and clients for it."""

    def __init__(self, front: Front, latency: Latency, journal: Path) -> None:
        self.endpoint = front.endpoint
        self.world = RecordingWorld()
        self.journal = journal
        self.cloud = Cloud(
            world=self.world,
            latency=latency,
            region="us-west-2",
            endpoint=self.endpoint,
            gateway="127.0.0.1:1",
            access_key_id=KEY,
            secret_access_key=SECRET,
            journal_path=journal,
            operator_address="198.51.100.7",
        )
        front.cloud = self.cloud
        self._clients = front.clients

    def client(self, service: str, region: str = "us-west-2", key: str = KEY, secret: str = SECRET, **more: Any) -> Any:
        config = Config(**{"retries": {"max_attempts": 1}, **more.pop("config", {})})
        make: Any = boto3.session.Session().client  # typed by one overload a service; here the service is a variable
        return make(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=config,
            **more,
        )

    def __getattr__(self, service: str) -> Any:
        if service not in ("ec2", "iam", "sts", "s3", "ssm", "resourcegroupstaggingapi"):
            raise AttributeError(service)
        if service not in self._clients:
            self._clients[service] = self.client(service)
        return self._clients[service]

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    # What tests need again and again.

    def vpc(self, cidr: str = "10.0.0.0/16") -> str:
        return str(self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"])

    def subnet(self, vpc: str, cidr: str = "10.0.0.0/24") -> str:
        return str(self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"])

    def gateway(self, vpc: str) -> str:
        gateway = str(self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        return gateway

    def address(self) -> str:
        return str(self.ec2.allocate_address(Domain="vpc")["AllocationId"])

    def nat(self, subnet: str, allocation: str) -> str:
        made = self.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation)
        return str(made["NatGateway"]["NatGatewayId"])

    def nat_state(self, gateway: str) -> str:
        return str(self.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]["State"])

    def run(self, subnet: str, **more: Any) -> str:
        more = {"ImageId": AL2023, "InstanceType": "t3.medium", "MinCount": 1, "MaxCount": 1, **more}
        return str(self.ec2.run_instances(SubnetId=subnet, **more)["Instances"][0]["InstanceId"])

    def instance(self, instance: str) -> dict[str, Any]:
        found = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        return dict(found)

    def state(self, instance: str) -> str:
        return str(self.instance(instance)["State"]["Name"])


def until(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)
    return value


def code(call: Callable[[], Any]) -> str:
    """Return the code with which AWS's API refuses a call."""
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])
