"""docs/security.md names tests that there are, and says what the settings and roles say."""

from __future__ import annotations

import re

import pytest
from harness import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAMED = sorted(set(re.findall(r"`([a-z_/]+\.py)::(test_\w+)[^`]*`", PAGE)))


def test_there_are_twenty_questions_each_with_a_test() -> None:
    rows = ROW.findall(PAGE)
    assert [int(number) for number, *_ in rows] == list(range(1, 21))
    assert all(question.endswith("?") and "::test_" in tests for _, question, _, tests in rows)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=str)
def test_a_test_that_is_named_is_there_and_is_run_by_make_test(file: str, name: str) -> None:
    text = (ROOT / "tests" / file).read_text()
    found = re.search(rf"((?:^@.*\n(?:^ .*\n|^\)\n)*)*)^def {name}\(", text, re.MULTILINE)
    assert found
    assert "mark.slow" not in found[1]


@pytest.mark.parametrize("setting", sorted(set(re.findall(r"`(federation_\w+)`", PAGE))))
def test_a_setting_that_is_named_is_one(setting: str) -> None:
    settings = "".join(path.read_text() for path in (ROOT / "group_vars").glob("*.yml"))
    assert re.search(rf"^{setting}:", settings, re.MULTILINE)
