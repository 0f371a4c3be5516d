"""Fixtures of the modules' tests."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from pretended_agraph import Agraph, Run, served


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module's main with arguments, and return what it hands to Ansible."""

    def run_module(module: ModuleType, check: bool = False, **arguments: Any) -> dict[str, Any]:
        given = {**arguments, "_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp"}
        capsys.readouterr()
        with patch_module_args(given), pytest.raises(SystemExit):
            module.main()
        printed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return printed

    return run_module


@pytest.fixture
def agraph() -> Iterator[Agraph]:
    """Yield a pretended AllegroGraph."""
    yield from served()


@pytest.fixture
def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
