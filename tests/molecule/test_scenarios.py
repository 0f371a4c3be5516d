"""Each molecule scenario, as `molecule test` runs it, against one sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import BIN, ROOT, Sandbox, run

SCENARIOS = sorted(path.parent.name for path in Path(__file__).parent.glob("*/molecule.yml"))
LONGEST = 300


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running sandbox for all scenarios: each has a federation of its own in it."""
    own = Sandbox(tmp_path_factory.mktemp("sandbox"))
    own.start()
    yield own
    own.stop()


@pytest.mark.timeout(LONGEST)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_scenario_passes(sandbox: Sandbox, scenario: str, tmp_path: Path) -> None:
    command = [str(BIN / "molecule"), "--base-config", "tests/molecule/config.yml", "test", "--scenario-name", scenario]
    environment = sandbox.environment | {
        "MOLECULE_GLOB": "tests/molecule/*/molecule.yml",
        "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path),
        "ANSIBLE_HOME": str(ROOT / ".ansible"),
        "NO_COLOR": "1",
    }
    ended = run(command, environment, timeout=LONGEST)
    assert ended.returncode == 0, str(ended)
