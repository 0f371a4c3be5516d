"""A cloud for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_box import QUICK, Box, Front


@pytest.fixture(scope="session")
def front() -> Iterator[Front]:
    each = Front()
    yield each
    each.server.close()


@pytest.fixture
def box(front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    each = Box(front, QUICK, tmp_path / "journal.jsonl")
    yield each
    each.cloud.close()
