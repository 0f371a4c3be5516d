"""What a fault does to a call, as boto3 sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from cloud_box import Box, code, until

from sandbox.faults.rules import rules_of

CLIENT = """
import boto3, os, sys
from botocore.config import Config
client = boto3.client("ec2", region_name="us-west-2", endpoint_url=sys.argv[1], aws_access_key_id=sys.argv[2],
                      aws_secret_access_key=sys.argv[3], config=Config(retries={"total_max_attempts": 1}))
for number in range(1, 6):
    client.describe_vpcs()
    client.create_vpc(CidrBlock="10.%d.0.0/16" % number, TagSpecifications=[
        {"ResourceType": "vpc", "Tags": [{"Key": "Number", "Value": str(number)}]}])
print("to the end")
"""


@pytest.fixture
def once(box: Box) -> Any:
    """A client that asks once."""
    return box.client("ec2", config={"retries": {"total_max_attempts": 1}})


def set_faults(box: Box, *rules: dict[str, Any]) -> None:
    box.cloud.context.faults.set(rules_of(list(rules)))


def numbers(box: Box) -> list[str]:
    vpcs = box.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]
    return sorted(each["Tags"][0]["Value"] for each in vpcs)


def cidrs(box: Box) -> list[str]:
    vpcs = box.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]
    return [each["CidrBlock"] for each in vpcs]


@pytest.mark.parametrize(
    ("service", "call", "error", "status"),
    [
        ("ec2", lambda client: client.create_vpc(CidrBlock="10.0.0.0/16"), "RequestLimitExceeded", 503),
        ("ec2", lambda client: client.describe_vpcs(), "UnauthorizedOperation", 403),
        ("ec2", lambda client: client.describe_vpcs(), "InsufficientInstanceCapacity", 500),
        ("ec2", lambda client: client.describe_vpcs(), "VpcLimitExceeded", 400),
        ("iam", lambda client: client.list_roles(), "Throttling", 400),
        ("ssm", lambda client: client.describe_parameters(), "ThrottlingException", 400),
        ("s3", lambda client: client.list_buckets(), "SlowDown", 503),
    ],
)
def test_an_error_comes_in_the_protocol_of_the_service(
    box: Box, service: str, call: Any, error: str, status: int
) -> None:
    client = box.client(service, config={"retries": {"total_max_attempts": 1}})
    set_faults(box, {"service": service, "error": error})
    with pytest.raises(ClientError) as refused:
        call(client)
    assert refused.value.response["Error"]["Code"] == error
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    noted = box.calls()[-1]
    assert (noted["status"], noted["error"], noted["fault"]) == (status, error, f"error {error}")
    call(client)
    assert "fault" not in box.calls()[-1]


def test_an_error_may_have_its_own_words_and_status(box: Box, once: Any) -> None:
    set_faults(box, {"error": "Odd", "status": 418, "message": "a < b"})
    with pytest.raises(ClientError) as refused:
        once.describe_vpcs()
    assert refused.value.response["Error"] == {"Code": "Odd", "Message": "a < b"}
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 418


def test_a_status_is_a_server_error_without_a_code_and_nothing_is_done(box: Box, once: Any) -> None:
    set_faults(box, {"operation": "CreateVpc", "status": 502})
    assert code(lambda: once.create_vpc(CidrBlock="10.0.0.0/16")) == "502"
    assert cidrs(box) == []


@pytest.mark.parametrize(("when", "left"), [("before", []), ("after", ["10.0.0.0/16"])])
def test_a_dropped_connection_is_closed_without_an_answer(box: Box, once: Any, when: str, left: list[str]) -> None:
    set_faults(box, {"operation": "CreateVpc", "drop": when})
    with pytest.raises(ConnectionClosedError):
        once.create_vpc(CidrBlock="10.0.0.0/16")
    assert (box.calls()[-1]["status"], box.calls()[-1]["fault"]) == (0 if when == "before" else 200, f"drop {when}")
    assert cidrs(box) == left


def test_a_client_that_tries_again_gets_through(box: Box) -> None:
    set_faults(box, {"operation": "CreateVpc", "drop": "before"})
    box.vpc()
    assert cidrs(box) == ["10.0.0.0/16"]


def test_a_delay_holds_up_its_call_alone(box: Box, once: Any) -> None:
    set_faults(box, {"operation": "CreateVpc", "delay": 0.5})
    once.describe_vpcs()
    assert "fault" not in box.calls()[-1]
    begun = time.monotonic()
    once.create_vpc(CidrBlock="10.0.0.0/16")
    assert time.monotonic() - begun > 0.5
    assert box.calls()[-1]["fault"] == "delay 0.5"


@pytest.fixture
def client(box: Box) -> Iterator[Any]:
    """A program that makes five VPCs, in a process group of its own, held until it is let go."""
    held, go = os.pipe()
    program = f"import os; os.read({held}, 1)\n{CLIENT}"
    words = [sys.executable, "-c", program, box.endpoint, "AKIASANDBOX000000000", "not-much-of-a-secret"]
    process = subprocess.Popen(
        words, start_new_session=True, pass_fds=[held], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    process.go = lambda: os.write(go, b"!")  # type: ignore[attr-defined]
    yield process
    process.kill()
    process.communicate()
    os.close(held)
    os.close(go)


@pytest.mark.parametrize("k", [1, 3])
def test_a_kill_comes_when_the_work_of_exactly_that_call_is_done(box: Box, client: Any, k: int) -> None:
    set_faults(box, {"operation": "*", "changing": True, "after": k - 1, "times": 1, "kill": client.pid})
    client.go()
    output = client.communicate(timeout=60)[0]
    assert client.returncode == -signal.SIGKILL, output
    assert numbers(box) == [str(number) for number in range(1, k + 1)]
    changing = [each for each in box.calls() if each["changing"]]
    assert [each.get("fault") for each in changing] == [None] * (k - 1) + [f"kill {client.pid} after"]


def test_a_kill_in_flight_comes_first_and_the_work_is_done_later(box: Box, client: Any) -> None:
    rule = {"changing": True, "after": 1, "kill": client.pid, "when": "in_flight", "delay": 0.7}
    set_faults(box, rule)
    client.go()
    client.communicate(timeout=60)
    assert client.returncode == -signal.SIGKILL
    assert numbers(box) == ["1"]
    until(lambda: numbers(box) == ["1", "2"])
    (noted,) = until(lambda: [each for each in box.calls() if "fault" in each])
    assert (noted["operation"], noted["status"], noted["fault"]) == ("CreateVpc", 200, f"kill {client.pid} in_flight")


def test_a_group_that_is_gone_does_not_matter(box: Box, once: Any, tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    ended.wait()
    set_faults(box, {"operation": "CreateVpc", "kill": ended.pid})
    with pytest.raises(ConnectionClosedError):
        once.create_vpc(CidrBlock="10.0.0.0/16")
    assert cidrs(box) == ["10.0.0.0/16"]
