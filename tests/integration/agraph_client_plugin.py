"""Loaded with `-p` into the run of agraph-python's own tests: makes them strict, and writes down how each ended."""

import json
import os
from pathlib import Path

import pytest

_outcomes: dict[str, str] = {}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Without this the client's `verify` only prints what is wrong."""
    modules = {item.module for item in session.items if isinstance(item, pytest.Function)}
    for module in modules:
        if hasattr(module, "RAISE_EXCEPTION_ON_VERIFY_FAILURE"):
            module.RAISE_EXCEPTION_ON_VERIFY_FAILURE = True


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test has passed when its set-up and its call have; the worst of its phases counts."""
    path, _, name = report.nodeid.partition("::")
    test = f"{path.rpartition('/')[2]}::{name}"
    if report.failed or report.skipped or test not in _outcomes:
        _outcomes[test] = report.outcome


def pytest_sessionfinish() -> None:
    """Hand the outcomes over."""
    Path(os.environ["AGRAPH_CLIENT_OUTCOMES"]).write_text(json.dumps(_outcomes))
