"""How many points there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweep.cycle import Cycle, done


def call(operation: str, changing: bool = True, error: str | None = None) -> dict[str, Any]:
    return {"operation": operation, "changing": changing, "error": error}


def test_a_call_that_is_refused_is_no_point_of_every_run() -> None:
    refused = call("RunInstances", error="InvalidParameterValue")
    assert done([call("CreateVpc"), call("DescribeVpcs", changing=False), refused, call("RunInstances")]) == 2


def test_two_workers_make_the_same(tmp_path: Path) -> None:
    """What `up` makes must not depend on the sandbox, or a resumed one would be held against another's."""
    settings = [dict(Cycle(tmp_path / f"sandbox-{number}", 2).verbs.settings) for number in range(2)]
    for each in settings:
        del each["federation_key_file"]
    assert settings[0] == settings[1]
    assert settings[0]["federation_allowed_cidr"]
