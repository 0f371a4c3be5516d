"""A sandbox for each module of integration tests, ended with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running sandbox with an empty account."""
    own = Sandbox(tmp_path_factory.mktemp("sandbox"))
    own.start()
    yield own
    own.stop()
