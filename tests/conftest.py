"""What all tests share: a place in the summary for what a test has found out, passed or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

NOTICE = "notice"


@pytest.fixture
def notice(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Put a line into the summary at the end; it travels with the test's report, from another process too."""
    return lambda line: request.node.user_properties.append((NOTICE, line))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the lines, each once: every report of a test repeats those before it."""
    reports = [each for found in terminalreporter.stats.values() for each in found]
    said = [value for each in reports for name, value in getattr(each, "user_properties", ()) if name == NOTICE]
    if said:
        terminalreporter.section("what tests found out")
        for line in dict.fromkeys(said):
            terminalreporter.write_line(line)
