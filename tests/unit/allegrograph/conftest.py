"""Fixtures of the stand-in's tests."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agraph_bench import Client, running


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with running("--data", str(tmp_path / "data")) as each:
        yield each


@pytest.fixture
def more_servers(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    with contextlib.ExitStack() as stack:
        numbers = iter(range(100))

        def start(*arguments: str) -> Client:
            data = str(tmp_path / f"data{next(numbers)}")
            return stack.enter_context(running("--data", data, *arguments))

        yield start


@pytest.fixture
def repository(client: Client) -> str:
    assert client.call("PUT", "/repositories/r").status == 204
    return "r"
