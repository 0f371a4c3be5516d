"""What the tests of Session Manager share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from session_manager_bench import Bench, api, bench


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Bench]:
    """A gateway with one node, i-0123456789abcdef0."""
    with bench(tmp_path) as made:
        made.node("i-0123456789abcdef0")
        yield made


@pytest.fixture
def endpoint(manager: Bench) -> Iterator[str]:
    """The URL of the API over that gateway."""
    with api(manager.gateway) as url:
        yield url


@pytest.fixture
def ssm(endpoint: str) -> Any:
    """A client of that API."""
    return boto3.client(
        "ssm",
        endpoint_url=endpoint,
        region_name="us-west-2",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="secret",
    )
