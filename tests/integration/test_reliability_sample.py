"""Two faults of `up`, others each time: `make reliability` tries all of them and writes the table that these are in."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from harness import Sandbox
from reliability.cases import UP
from reliability.page import line, lines, read
from reliability.proof import Proof

COUNT = 2


@pytest.mark.timeout(900)
def test_what_goes_wrong_is_said_as_the_page_has_it(sandbox: Sandbox, notice: Callable[[str], None]) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chosen = random.Random(seed).sample([each for each in UP if not each.slow], COUNT)
    notice(f"reliability: seed {seed}: {'; '.join(map(str, chosen))}")
    proof = Proof(sandbox)
    for case in chosen:
        assert line(proof.tried(case)) in lines(read())
