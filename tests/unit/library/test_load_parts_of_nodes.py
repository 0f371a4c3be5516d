"""What stands behind loading on nodes and on the controller: the ledger, the reports, and the settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def ledger(path: Path, repository: str = "r") -> Any:
    from ansible.module_utils.load_ledger import Ledger

    return Ledger(path, repository)


def test_a_ledger_remembers_what_was_noted(tmp_path: Path) -> None:
    path = tmp_path / "loads.jsonl"
    first, other = ledger(path), ledger(path, "other")
    for url in ("http://one", "http://two"):
        first.opened(url)
    first.has("a#1/1of2", 3, "ä.nt")
    other.has("b", 5, "b.nt")
    first.closed("http://one")
    first.forgot_demonstration()
    for seen in (first, ledger(path)):
        assert (seen.loaded, seen.statements, seen.sessions) == ({"a#1/1of2": 3}, 3, ["http://two"])
        assert seen.demonstration_removed
    first.forget()
    again = ledger(path)
    assert (again.loaded, again.demonstration_removed, ledger(path, "other").loaded) == ({}, True, {"b": 5})


def test_a_line_that_was_never_finished_was_never_written(tmp_path: Path) -> None:
    path = tmp_path / "loads.jsonl"
    ledger(path).has("a", 3, "a.nt")
    with path.open("ab") as file:
        file.write(b'{"repository": "r", "loaded": "b", "statem')
    torn = ledger(path)
    assert torn.loaded == {"a": 3}
    torn.has("c", 4, "c.nt")
    assert ledger(path).loaded == {"a": 3, "c": 4}
    assert path.read_bytes().count(b"\n") == 2


def test_a_ledger_that_cannot_be_kept_is_one_sentence(tmp_path: Path) -> None:
    from ansible.module_utils.load_ledger import LedgerError, locked

    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be kept in"), locked(tmp_path / "file" / "loads.jsonl", 0):
        pass
    with pytest.raises(LedgerError, match="cannot be written: No such file"):
        ledger(tmp_path / "missing" / "loads.jsonl").has("a", 1, "a.nt")
    with pytest.raises(LedgerError, match="cannot be read: Is a directory"):
        ledger(tmp_path)


def test_a_module_that_takes_long_is_not_silent(capsys: pytest.CaptureFixture[str]) -> None:
    from ansible.module_utils.load_source import awake

    with awake(0.02):
        time.sleep(0.2)
    assert set(said := capsys.readouterr().out) == {"\n"}
    assert 2 <= len(said) <= 10
    time.sleep(0.05)
    assert capsys.readouterr().out == ""


def reports(now: Callable[[], float]) -> Any:
    from ansible.module_utils.load_reports import Reports

    return Reports({0: 20_000_000, 1: 20_000_000}, 60, now)


def test_reports_are_added_up_and_the_silent_are_not_waited_for() -> None:
    moment = [0.0]
    found = reports(lambda: moment[0])
    assert found.waiting == [0, 1]
    moment[0] = 10.0
    found.hear(0, {"bytes": 10_000_000, "statements": 70_000, "state": "loading"})
    found.hear(1, None)
    assert found.line() == "loaded 10 of 40 MB, 70,000 statements, 7,000 a second, about 30 s left"
    moment[0] = 65.0
    assert found.waiting == [0]
    found.hear(1, {"bytes": 20_000_000, "statements": 140_000, "state": "done"})
    found.hear(0, {"bytes": 10_000_000, "statements": 70_000, "state": "loading"})
    assert (found.waiting, found.ended) == ([0], [1])
    moment[0] = 80.0
    assert found.waiting == []


@pytest.mark.parametrize(
    ("load", "words"),
    [
        ({"data": ""}, "federation_data is empty: say what is to be loaded, for example: ansible-playbook load.yml -e"),
        ({"data_part_mb": "0"}, "federation_data_part_mb '0' is no number: give whole MB, 1 or more."),
        ({"load_timeout": "soon"}, "federation_load_timeout 'soon' is no number: give whole seconds, 1 or more."),
    ],
)
def test_what_a_load_cannot_work_with_is_said(load: dict[str, str], words: str) -> None:
    from ansible.module_utils.federation_settings import problems_with_load

    good: dict[str, str | int] = {"data": "people.nt", "data_part_mb": 64, "load_timeout": "3600"}
    assert list(problems_with_load(good)) == []
    (problem,) = problems_with_load({**good, **load})
    assert problem.startswith(words)
