"""`preflight` says everything that would keep `up` from making a federation, and makes nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import ROOT, Sandbox, account

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def unchanged(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The sandbox, whose account is in the end as it was in the beginning."""
    before = account(sandbox)
    yield sandbox
    assert account(sandbox) == before


def changes(sandbox: Sandbox, since: int) -> list[str]:
    """What was asked to change since a call."""
    return [call["operation"] for call in sandbox.journal()[since:] if call["changing"]]


def test_a_good_account_is_good(unchanged: Sandbox) -> None:
    calls = len(unchanged.journal())
    done = unchanged.playbook("preflight")
    assert done.returncode == 0, str(done)
    address = unchanged.state["operator_address"]
    said = "preflight: good federation=agraph members=2 region=us-west-2 account=123456789012"
    assert done.last_line == f"{said} allowed={address}/32", str(done)
    assert changes(unchanged, calls) == []


def test_files_are_looked_for_where_the_command_is_typed(unchanged: Sandbox) -> None:
    with tempfile.NamedTemporaryFile(dir=ROOT, suffix=".pem") as file:
        done = unchanged.playbook(
            "preflight",
            federation_ami_id="",
            federation_agraph_version="8.5.2",
            federation_agraph_tarball=Path(file.name).name,
            federation_agraph_sha256="0" * 64,
            federation_agraph_license=Path(file.name).name,
            federation_agraph_tls_port=10036,
            federation_agraph_certificate=Path(file.name).name,
        )
    assert done.returncode == 0, str(done)


def test_all_that_is_wrong_is_said_at_once_and_by_up_as_well(unchanged: Sandbox) -> None:
    ec2 = unchanged.client("ec2")
    vpcs = [ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in range(4)]
    addresses = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(4)]
    try:
        calls = len(unchanged.journal())
        for verb in ("preflight", "up"):
            done = unchanged.playbook(verb)
            assert done.returncode != 0, str(done)
            for sentence in (
                "us-west-2 has 5 of 5 VPCs, and the federation needs 1 more: ",
                "us-west-2 has 4 of 5 Elastic IP addresses, and the federation needs 2 more: ",
            ):
                assert sentence in done.last_line, str(done)
        assert changes(unchanged, calls) == []
    finally:
        for vpc in vpcs:
            ec2.delete_vpc(VpcId=vpc)
        for address in addresses:
            ec2.release_address(AllocationId=address)
