"""leftovers.yml: what stands, with age and cost, for one federation and for all; good only when there is nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("leftovers"))
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.stop()


def test_an_empty_account_has_none(sandbox: Sandbox) -> None:
    for name in ("agraph", "all"):
        done = sandbox.playbook("leftovers", federation_name=name)
        assert (done.returncode, done.last_line, done.changed) == (0, "leftovers: 0", 0), str(done)


def test_all_is_no_name_for_up_or_down(sandbox: Sandbox) -> None:
    for verb in ("up", "down"):
        refused = sandbox.playbook(verb, federation_name="all")
        assert refused.returncode != 0, str(refused)
        assert refused.last_line.startswith("ERROR: federation_name 'all' is reserved"), str(refused)


def test_what_stands_is_listed_until_down(sandbox: Sandbox) -> None:
    made = sandbox.playbook("up", federation_name="left", federation_member_count=1)
    assert made.returncode == 0, str(made)
    for name in ("left", "all"):
        shown = sandbox.playbook("leftovers", federation_name=name)
        assert shown.returncode != 0, str(shown)
        rows = [line.split() for line in shown.lines if line.startswith("left  ")]
        assert shown.last_line == f"leftovers: {len(rows)}", str(shown)
        kinds = {" ".join(row[1:3]) if row[1] in ("NAT", "key", "security") else row[1] for row in rows}
        assert {"instance", "NAT gateway", "address", "VPC", "role", "bucket", "security group"} <= kinds, str(shown)
        # Two t3.medium, the gateway, two addresses.
        assert f"ERROR: {len(rows)} resources stand in us-west-2, at 0.1382 USD an hour." in shown.stdout, str(shown)
        assert "Remove them with: ansible-playbook down.yml -e federation_name=left\n" in shown.stdout, str(shown)
    nothing = sandbox.playbook("leftovers", federation_name="right")
    assert (nothing.returncode, nothing.last_line) == (0, "leftovers: 0"), str(nothing)
    assert sandbox.playbook("down", federation_name="left").returncode == 0
    after = sandbox.playbook("leftovers", federation_name="all")
    assert (after.returncode, after.last_line) == (0, "leftovers: 0"), str(after)
