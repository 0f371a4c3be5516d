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
