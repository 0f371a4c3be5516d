"""A run that died may have left a call behind that AWS has yet to finish: `down` takes away what comes late, too."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from harness import BIN, ROOT, Sandbox, account

pytestmark = pytest.mark.timeout(600)

DELAY = 3


def killed_up(sandbox: Sandbox, output: Path, operation: str) -> None:
    """Run `up` until it asks for something, and kill it while AWS is at work on that."""
    with output.open("w") as file:
        # It waits until there is a rule about its process group.
        process = subprocess.Popen(
            ["sh", "-c", 'read go; exec "$0" up.yml -e federation_member_count=1', str(BIN / "ansible-playbook")],
            cwd=ROOT,
            env=sandbox.environment,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    rule: dict[str, Any] = {"operation": operation, "kill": process.pid, "when": "in_flight", "delay": DELAY}
    sandbox.faults([rule])
    process.communicate(b"go\n", timeout=200)
    assert process.returncode == -signal.SIGKILL, output.read_text()
    assert [each["struck"] for each in sandbox.listed_faults()] == [1]
    sandbox.clear_faults()


def test_what_lands_after_its_run_has_died_is_removed(sandbox: Sandbox, tmp_path: Path) -> None:
    empty = account(sandbox)
    # What the sweep does at every call, at the one that costs most.
    killed_up(sandbox, tmp_path / "killed", "CreateNatGateway")
    died = time.monotonic()
    removed = sandbox.playbook("down")
    assert removed.removed > 0
    time.sleep(max(0.0, DELAY + 2 - (time.monotonic() - died)))
    assert account(sandbox) == empty, str(removed)


def test_what_comes_after_the_look_is_removed_too(sandbox: Sandbox, tmp_path: Path) -> None:
    empty = account(sandbox)
    ec2 = sandbox.client("ec2")
    tags = [{"Key": "Federation", "Value": "agraph"}]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])["Vpc"]
    before = len(sandbox.journal())
    with (tmp_path / "down").open("w") as file:
        process = subprocess.Popen(
            [str(BIN / "ansible-playbook"), "down.yml"], cwd=ROOT, env=sandbox.environment, stdout=file, stderr=file
        )
    deadline = time.monotonic() + 120
    # The subnets have been looked for by then, and the VPC is still to be deleted.
    while "ListInstanceProfiles" not in [call["operation"] for call in sandbox.journal()[before:]]:
        assert time.monotonic() < deadline, (tmp_path / "down").read_text()
        assert process.poll() is None, (tmp_path / "down").read_text()
        time.sleep(0.05)
    ec2.create_subnet(
        VpcId=vpc["VpcId"], CidrBlock="10.0.0.0/24", TagSpecifications=[{"ResourceType": "subnet", "Tags": tags}]
    )
    assert process.wait(200) == 0, (tmp_path / "down").read_text()
    assert account(sandbox) == empty
    assert "DependencyViolation" in [call["error"] for call in sandbox.journal()[before:]]
