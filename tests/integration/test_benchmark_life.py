"""A life of the benchmarks on a real sandbox, as short as one can be: a down that finds nothing, a query that fails."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks import calls
from benchmarks.life import Living
from benchmarks.observer import Observer, user
from benchmarks.pieces import Piece
from benchmarks.record import PLAYBOOKS
from harness import Sandbox

IMAGE = "ami-0a12023000000002"


def test_a_verb_is_measured_in_every_way(tmp_path: Path) -> None:
    said: list[str] = []
    living = Living(tmp_path, Piece(PLAYBOOKS, 1, 1, ("down",)), "fast", said.append)
    down = living.live().verbs["down"]
    assert 0 < down.cpu < down.seconds * 4
    assert down.peak_memory > 30
    assert down.calls["calls"] > 5
    assert down.calls["sessions"] == 0
    assert "iam:CreateUser" not in down.calls["operations"]
    begins = [task.begin for task in down.tasks if task.ran]
    assert begins == sorted(begins)
    assert 0 < begins[0] < begins[-1] < down.seconds
    found = next(
        task for task in down.tasks if task.title == "removal | Find everything that belongs to the federation"
    )
    assert 0 < found.seconds < down.seconds
    assert found.cpu > 0
    assert len(said) == 1
    assert not (tmp_path / "sandbox").exists()


def test_a_verb_that_fails_ends_the_life_and_its_sandbox(tmp_path: Path) -> None:
    life = Living(tmp_path, Piece(PLAYBOOKS, 1, 1, ("query", "down")), "fast", print).live()
    assert life.failure.startswith("query ended with 2: ERROR: ")
    assert life.verbs == {}
    assert not (tmp_path / "sandbox").exists()


def test_the_observer_sees_states_come_and_go_and_its_calls_are_nobodys(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    keys = user(sandbox)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    before = len(calls.own(sandbox.journal()))
    with Observer(sandbox, keys, 1) as observer:
        launched = ec2.run_instances(ImageId=IMAGE, InstanceType="t3.micro", SubnetId=subnet, MinCount=1, MaxCount=1)[
            "Instances"
        ][0]["InstanceId"]

        def wait_for(state: str) -> None:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                if launched in observer.watched and observer.watched[launched].states[-1][1] == state:
                    return
                time.sleep(0.05)
            raise AssertionError(f"never {state}: {observer.watched}")

        wait_for("running")
        ec2.terminate_instances(InstanceIds=[launched])
        wait_for("terminated")
    times = [when for when, _ in observer.watched[launched].states]
    assert times == sorted(times)
    assert len(sandbox.journal()) > before + 2
    assert len(calls.own(sandbox.journal())) == before + 2
