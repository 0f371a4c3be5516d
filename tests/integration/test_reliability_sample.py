"""A fault of `up`, another one each time: `make reliability` tries all of them and writes the table that this is in."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from harness import Sandbox
from reliability.cases import UP
from reliability.page import line, lines, read
from reliability.proof import Proof


@pytest.mark.timeout(900)
def test_what_goes_wrong_is_said_as_the_page_has_it(sandbox: Sandbox, notice: Callable[[str], None]) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chosen = random.Random(seed).choice([each for each in UP if not each.slow])
    notice(f"reliability: seed {seed}: {chosen}")
    assert line(Proof(sandbox).tried(chosen)) in lines(read())
