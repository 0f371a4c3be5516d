"""federation_lease: one run at a time, whoever comes at once, and whatever ended runs have left."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pretended_agraph import Run

from library import federation_lease
from module_utils import federation_lease as leases
from module_utils.federation_lease import Holder, Lease

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
NAME = "/agraph/lease"
TAGS = {"Federation": "agraph", "Role": "lease", "Name": NAME}
ELSEWHERE = Holder("ann", "far-away", 4711, "99", "another-boot")
WANTED: dict[str, Any] = {"name": NAME, "federation": "agraph", "state": "held", "take_over": False, "tags": TAGS}


def lease(run: str, holder: Holder = ELSEWHERE, seconds: int = 3600, at: datetime = NOW) -> Lease:
    return leases.wanted(at, holder, run, "up", seconds)


def dead_holder() -> Holder:
    """A process of this machine that has ended."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    return replace(leases.holder(ended.pid), started="1")


# Whose it is


@pytest.mark.parametrize(
    ("found", "alive", "take_over", "decision"),
    [
        (None, None, False, leases.CREATE),
        (None, None, True, leases.CREATE),
        (lease("mine"), None, False, leases.RENEW),
        (lease("mine", seconds=-1), False, True, leases.RENEW),
        (lease("other"), None, False, leases.REFUSE),
        (lease("other"), True, False, leases.REFUSE),
        (lease("other"), False, False, leases.TAKE_OVER),
        (lease("other"), True, True, leases.TAKE_OVER),
        (lease("other", seconds=0), None, False, leases.REFUSE),
        (lease("other", seconds=-1), None, False, leases.TAKE_OVER),
        (lease("other", seconds=-1), True, False, leases.TAKE_OVER),
        (leases.read("nobody knows"), None, False, leases.REFUSE),
        (leases.read("nobody knows"), None, True, leases.TAKE_OVER),
    ],
)
def test_what_may_be_done(found: Lease | None, alive: bool | None, take_over: bool, decision: str) -> None:
    assert leases.decide(NOW, found, lease("mine"), alive, take_over) == decision


def test_a_lease_is_read_as_it_was_written() -> None:
    written = replace(lease("mine"), write="a", over="b", took_over=True)
    assert leases.read(written.as_text()) == written


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"holder": 1}', '{"holder": {}, "expires": "soon"}'])
def test_what_cannot_be_read_is_somebody_s_for_ever(text: str) -> None:
    found = leases.read(text)
    assert not found.is_over(NOW + timedelta(days=100000))
    said = leases.refusal("agraph", found)
    assert "somebody@an unknown machine runs something on it since an unknown time" in said
    assert "it does not end by itself" in said


def test_only_what_was_written_over_the_version_before_counts() -> None:
    def version(run: str, write: str, over: str) -> str:
        return replace(lease(run), write=write, over=over).as_text()

    history = [version("a", "1", ""), version("b", "2", "1"), version("c", "3", "1"), version("b", "4", "3")]
    standing = [leases.standing(history[:length]) for length in range(5)]
    assert [each and each.run for each in standing] == [None, "a", "b", "b", "b"]
    assert [each and each.write for each in standing[3:]] == ["2", "4"]
    # What a person writes counts, and so does what is written over it.
    by_hand = json.dumps({"holder": {"user": "bob"}, "run": "d", "verb": "up", "since": "", "renewed": ""})
    assert leases.standing([*history, by_hand]) == leases.read(by_hand)
    after = leases.standing([*history, by_hand, version("e", "6", "")])
    assert after is not None
    assert after.run == "e"


def test_the_refusal_says_who_since_when_and_what_to_do() -> None:
    assert leases.refusal("agraph", lease("other")) == (
        "The federation agraph is being worked on: ann@far-away (process 4711) runs up on it since 2026-05-04 12:30:00"
        " UTC, and nothing was changed. Wait until that run has ended (its lease ends at 2026-05-04 13:30:00 UTC). "
        "Where it is certain that it no longer runs, repeat this with -e federation_take_over=true"
    )


# Who lives


def test_this_process_lives() -> None:
    me = leases.holder(os.getpid())
    assert me.host == socket.gethostname()
    assert leases.lives(me) is True
    # The number may be used again.
    assert leases.lives(replace(me, started="1")) is False


def test_an_ended_process_does_not_live_even_as_a_zombie() -> None:
    with subprocess.Popen(["sleep", "100"]) as process:
        holder = leases.holder(process.pid)
        assert leases.lives(holder) is True
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert leases.lives(holder) is False
    assert leases.lives(holder) is False


@pytest.mark.parametrize("change", [{"machine": "other"}, {"machine": ""}, {"host": "other"}, {"process": 0}])
def test_nobody_knows_about_another_machine(change: dict[str, Any]) -> None:
    assert leases.lives(replace(dead_holder(), **change)) is None


def test_without_proc_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "machine", lambda: "")
    monkeypatch.setattr(leases, "started", lambda process: None)
    holder = leases.holder(os.getpid())
    assert (holder.machine, holder.started) == ("", "")
    assert leases.lives(holder) is None


# Who gets it


class Store:
    """Parameter Store's promises and no more: one writer after the other, one of all creations, any order of calls."""

    def __init__(self, chance: random.Random) -> None:
        self.values: list[str] = []
        self.lock = threading.Lock()
        self.chance = chance
        self.first_looks = threading.Barrier(1)
        self.looked = threading.local()

    def pause(self) -> None:
        time.sleep(self.chance.random() / 500)

    def history(self) -> list[str]:
        with self.lock:
            found = list(self.values)
        if not getattr(self.looked, "once", False):
            self.looked.once = True
            self.first_looks.wait(10)
        self.pause()
        return found

    def create(self, new: Lease, tags: dict[str, str]) -> bool:
        self.pause()
        with self.lock:
            if self.values:
                return False
            self.values = [new.as_text()]
            return True

    def write(self, new: Lease) -> None:
        self.pause()
        with self.lock:
            if self.values:
                self.values.append(new.as_text())

    def delete(self) -> None:
        with self.lock:
            self.values = []


def take(store: Any, run: str, **more: Any) -> str | None:
    """Take the lease: None, or what it was refused with."""
    me = lease(run, leases.holder(os.getpid()), at=leases.now())
    try:
        federation_lease.hold(store, me, {**WANTED, **more})
    except federation_lease.LeaseError as error:
        return str(error)
    return None


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(federation_lease, "PAUSE", 0.001)


def left_behind(state: str) -> list[str]:
    """What the takers find."""
    left = {
        "nothing": [],
        "dead": [lease("dead", dead_holder(), at=leases.now())],
        "expired": [lease("expired", seconds=-1)],
        "insisted": [lease("alive", at=leases.now())],
    }
    return [replace(each, write="first").as_text() for each in left[state]]


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("state", ["nothing", "dead", "expired", "insisted"])
def test_of_all_who_take_it_at_once_exactly_one_has_it(state: str, seed: int) -> None:
    store = Store(random.Random(seed))
    store.values = left_behind(state)
    takers = [f"run{number}" for number in range(4)]
    # All find the same: one who looks later and insists means the lease of the one who was quicker.
    store.first_looks = threading.Barrier(len(takers))
    with ThreadPoolExecutor(len(takers)) as pool:
        refusals = list(pool.map(lambda run: take(store, run, take_over=state == "insisted"), takers))
    store.first_looks = threading.Barrier(1)
    winners = [run for run, refused in zip(takers, refusals, strict=True) if refused is None]
    standing = leases.standing(store.values)
    assert standing is not None
    assert winners == [standing.run], refusals
    assert all("is being worked on: " in refused for refused in refusals if refused)
    # And it stays so, whatever the others have written on top of it.
    assert take(store, winners[0], state="renewed") is None
    assert str(take(store, "late", state="renewed")).startswith("The federation agraph was taken over from this run by")


def test_what_a_dead_run_still_had_under_way_takes_nothing_away() -> None:
    store = Store(random.Random(0))
    store.values = left_behind("dead")
    late = leases.following(leases.read(store.values[0]), lease("dead", dead_holder()), "first")
    assert take(store, "mine") is None
    store.write(late)
    standing = leases.standing(store.values)
    assert standing is not None
    assert (standing.run, standing.took_over) == ("mine", True)


def test_a_write_that_comes_before_the_taker_s_is_taken_over_as_well() -> None:
    store = Store(random.Random(0))
    store.values = left_behind("dead")
    renewal = leases.following(leases.read(store.values[0]), lease("dead", dead_holder()), "first")
    write, late = store.write, iter([renewal])

    def write_late(new: Lease) -> None:
        for each in late:
            write(each)
        write(new)

    store.write = write_late  # type: ignore[method-assign]
    assert take(store, "mine") is None
    standing = leases.standing(store.values)
    assert standing is not None
    assert standing.run == "mine"


def test_a_name_that_aws_does_not_give_again_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(random.Random(0))
    monkeypatch.setattr(store, "create", lambda new, tags: False)
    monkeypatch.setattr(federation_lease, "PATIENCE", 0.05)
    assert "could not be taken within 0 s: the parameter /agraph/lease was deleted a moment ago" in str(
        take(store, "a")
    )


# What the module says


@pytest.fixture
def ssm(aws: Any) -> Any:
    return aws("ssm")


def given(run: str, **more: Any) -> dict[str, Any]:
    return {
        "name": NAME,
        "federation": "agraph",
        "region": "us-west-2",
        "run": run,
        "process": os.getpid(),
        "verb": "up",
        "tags": TAGS,
        **more,
    }


def parameters(ssm: Any) -> list[str]:
    return [each["Name"] for each in ssm.describe_parameters()["Parameters"]]


def test_the_life_of_a_lease(ssm: Any, run: Run) -> None:
    taken = run(federation_lease, **given("one"))
    assert (taken["changed"], taken["took_over"], taken["lease"]["verb"]) == (True, False, "up")
    assert taken["lease"]["holder"]["process"] == os.getpid()
    found = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=NAME)["TagList"]
    assert {each["Key"]: each["Value"] for each in found} == TAGS
    renewed = run(federation_lease, **given("one", state="renewed", duration=7200))
    assert renewed["lease"]["since"] == taken["lease"]["since"]
    assert renewed["lease"]["expires"] > taken["lease"]["expires"]
    refused = run(federation_lease, **given("two"))
    assert refused["msg"].startswith(f"The federation agraph is being worked on: {leases.holder(os.getpid())} runs up ")
    assert not run(federation_lease, **given("two", state="released"))["changed"]
    assert parameters(ssm) == [NAME]
    assert run(federation_lease, **given("one", state="released"))["changed"]
    assert parameters(ssm) == []
    assert not run(federation_lease, **given("one", state="released"))["changed"]


def test_a_dead_run_s_lease_is_taken_over_and_that_is_remembered(ssm: Any, run: Run) -> None:
    ssm.put_parameter(Name=NAME, Type="String", Value=lease("dead", dead_holder(), at=leases.now()).as_text())
    taken = run(federation_lease, **given("one"))
    assert taken["took_over"]
    assert "The lease was taken over from " in str(taken["warnings"])
    assert run(federation_lease, **given("one", state="renewed"))["took_over"]


def test_one_that_is_taken_over_by_hand_is_lost(ssm: Any, run: Run) -> None:
    run(federation_lease, **given("one"))
    assert run(federation_lease, **given("two", take_over=True, verb="down"))["took_over"]
    lost = run(federation_lease, **given("one", state="renewed", take_over=True))
    assert lost["msg"].startswith("The federation agraph was taken over from this run by ")
    assert "ansible-playbook down.yml -e federation_name=agraph" in lost["msg"]
    assert not run(federation_lease, **given("one", state="released"))["changed"]
    assert parameters(ssm) == [NAME]


def test_one_that_is_gone_is_taken_again(ssm: Any, run: Run) -> None:
    run(federation_lease, **given("one"))
    ssm.delete_parameter(Name=NAME)
    assert not run(federation_lease, **given("one", state="renewed"))["took_over"]
    assert parameters(ssm) == [NAME]


def test_check_mode_writes_nothing_and_warns_of_another_s(ssm: Any, run: Run) -> None:
    assert run(federation_lease, check=True, **given("one"))["lease"] is None
    assert parameters(ssm) == []
    run(federation_lease, **given("one"))
    checked = run(federation_lease, check=True, **given("two"))
    assert "is being worked on" in str(checked["warnings"])
    run(federation_lease, check=True, **given("one", state="released"))
    assert len(ssm.get_parameter_history(Name=NAME)["Parameters"]) == 1


def test_a_run_without_a_name_holds_nothing(ssm: Any, run: Run) -> None:
    assert "A run without a name cannot hold a lease" in run(federation_lease, **given(""))["msg"]
    assert parameters(ssm) == []
