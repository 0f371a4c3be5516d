"""One run at a time: who comes second is told so, and what ended runs have left behind is in nobody's way.

Each test takes the account as the one before left it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import BIN, Run, Sandbox, account
from pretended_agraph import ROOT as CHECKOUT

from library import federation_lease
from module_utils import federation_lease as leases

pytestmark = pytest.mark.timeout(600)

NAME = "/agraph/lease"
ONE_MEMBER = ("--extra-vars", '{"federation_member_count": 1}')
ELSEWHERE = leases.Holder("ann", "far-away", 4711, "99", "another-boot")
WANTED: dict[str, Any] = {"name": NAME, "federation": "agraph", "state": "held", "take_over": False, "tags": {}}

# What one test leaves to a later one.
empty: dict[Path, dict[str, list[str]]] = {}


class Begun:
    """A verb that runs by the side, in a process group of its own."""

    def __init__(self, sandbox: Sandbox, verb: str, output: Path) -> None:
        self.output = output
        self.command = (str(BIN / "ansible-playbook"), f"{verb}.yml", *ONE_MEMBER)
        with output.open("w") as file:
            self.process = subprocess.Popen(
                self.command, cwd=CHECKOUT, env=sandbox.environment, stdout=file, stderr=file, start_new_session=True
            )

    def holds(self, sandbox: Sandbox) -> dict[str, Any]:
        """Wait until it has the lease, and return that."""
        deadline = time.monotonic() + 60
        while (found := lease(sandbox) or {}).get("holder", {}).get("process") != self.process.pid:
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, f"{found}\n{self.output.read_text()}"
            time.sleep(0.05)
        return found

    def end(self) -> Run:
        """Wait until it has ended."""
        code = self.process.wait(300)
        return Run(self.command, code, self.output.read_text(), "", 0)


def lease(sandbox: Sandbox) -> dict[str, Any] | None:
    """What the latest version of the lease says."""
    try:
        value = sandbox.client("ssm").get_parameter(Name=NAME)["Parameter"]["Value"]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ParameterNotFound"
        return None
    return dict(json.loads(value))


def another_s(sandbox: Sandbox, seconds: int) -> None:
    """Let somebody elsewhere have the lease, for so many seconds from now on."""
    now = datetime.now(UTC).replace(microsecond=0)
    text = leases.wanted(now - timedelta(hours=3), ELSEWHERE, "theirs", "up", 3 * 3600 + seconds).as_text()
    sandbox.client("ssm").put_parameter(Name=NAME, Value=text, Type="String", Overwrite=True)


def assert_refused(refused: Run, holder: str) -> None:
    assert refused.returncode != 0, str(refused)
    sentence = (
        rf"ERROR: The federation agraph is being worked on: {holder} runs up on it since \d{{4}}-\d\d-\d\d [\d:]+ UTC, "
    )
    assert re.match(sentence, refused.last_line), str(refused)
    assert refused.last_line.endswith("repeat this with -e federation_take_over=true"), str(refused)
    assert refused.changed == 0, str(refused)


def test_an_up_that_was_killed_is_gone_on_from_and_nobody_else_gets_in(sandbox: Sandbox, tmp_path: Path) -> None:
    empty[sandbox.home] = account(sandbox)
    killed = Begun(sandbox, "up", tmp_path / "killed")
    killed.holds(sandbox)
    os.killpg(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    assert (lease(sandbox) or {}).get("verb") == "up"

    first = Begun(sandbox, "up", tmp_path / "first")
    held = first.holds(sandbox)
    assert held["took_over"]
    me = re.escape(f"{held['holder']['user']}@{socket.gethostname()} (process {first.process.pid})")
    second = sandbox.playbook("up", *ONE_MEMBER)
    assert_refused(second, me)
    assert f"since {leases.readable(held['since'])}" in second.last_line, str(second)
    assert_refused(sandbox.playbook("down"), me)
    checked = sandbox.playbook("down", "--check")
    assert checked.returncode == 0, str(checked)
    assert "is being worked on: " in checked.stdout + checked.stderr, str(checked)
    assert first.process.poll() is None, "what was refused at once took as long as an up"

    done = first.end()
    assert done.last_line.startswith("up: ready federation=agraph manager=127."), str(done)
    assert "The lease was taken over from " in done.stdout, str(done)
    assert lease(sandbox) is None


def test_an_up_whose_lease_is_lost_ends_and_removes_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    before = account(sandbox)
    robbed = Begun(sandbox, "up", tmp_path / "robbed")
    robbed.holds(sandbox)
    another_s(sandbox, 3600)
    lost = robbed.end()
    assert lost.returncode != 0, str(lost)
    assert "was taken over from this run by ann@far-away (process 4711), who runs up on it" in lost.last_line, str(lost)
    assert lost.changed == 0, str(lost)
    assert (lease(sandbox) or {}).get("run") == "theirs"
    now = account(sandbox)
    assert {name: now[name] for name in now.keys() - {"parameters"}} == {
        name: before[name] for name in before.keys() - {"parameters"}
    }


def test_who_is_elsewhere_is_believed_until_it_is_said_otherwise(sandbox: Sandbox) -> None:
    assert_refused(sandbox.playbook("down"), re.escape("ann@far-away (process 4711)"))
    removed = sandbox.playbook("down", federation_take_over=True)
    assert removed.removed > 0
    assert "The lease was taken over from ann@far-away (process 4711)" in removed.stdout + removed.stderr, str(removed)
    assert account(sandbox) == empty[sandbox.home]


def test_what_has_expired_is_in_nobody_s_way(sandbox: Sandbox) -> None:
    another_s(sandbox, -1)
    assert sandbox.playbook("down").removed == 0
    assert account(sandbox) == empty[sandbox.home]


@pytest.mark.parametrize("left", ["nothing", "expired"])
@pytest.mark.parametrize("_again", range(5))
def test_of_many_who_come_at_once_one_gets_it(sandbox: Sandbox, left: str, _again: int) -> None:
    if left == "expired":
        another_s(sandbox, -1)
    takers = [f"run{number}" for number in range(6)]
    client = sandbox.client("ssm")
    together = threading.Barrier(len(takers))
    me = leases.holder(os.getpid())

    def take(run: str) -> bool:
        parameter = federation_lease.Parameter(client, NAME)
        together.wait()
        try:
            federation_lease.hold(parameter, leases.wanted(leases.now(), me, run, "up", 60), WANTED)
        except federation_lease.LeaseError as error:
            assert "is being worked on: " in str(error)
            return False
        return True

    with ThreadPoolExecutor(len(takers)) as pool:
        winners = [run for run, won in zip(takers, pool.map(take, takers), strict=True) if won]
    history = [each["Value"] for each in client.get_parameter_history(Name=NAME)["Parameters"]]
    standing = leases.standing(history)
    client.delete_parameter(Name=NAME)
    assert standing is not None
    assert winners == [standing.run]
