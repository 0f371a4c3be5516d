"""Each molecule scenario, as `molecule test` runs it, in a sandbox of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import BIN, ROOT, Run, Sandbox, run

SCENARIOS = sorted(path.parent.name for path in Path(__file__).parent.glob("*/molecule.yml"))
# The whole life is what integration/test_life.py shows as well, with more of it.
CASES = [pytest.param(each, marks=[pytest.mark.slow] if each == "life" else []) for each in SCENARIOS]
LONGEST = 600
# Modules for AWS wait as much as they compute.
AT_ONCE = 3


def molecule(scenario: str, folder: Path) -> Run:
    """Run one scenario from its beginning to its end; its last step reads the sandbox's journal."""
    sandbox = Sandbox(folder / "sandbox")
    sandbox.start()
    command = [str(BIN / "molecule"), "--base-config", "tests/molecule/config.yml", "test", "--scenario-name", scenario]
    environment = sandbox.environment | {
        "MOLECULE_GLOB": "tests/molecule/*/molecule.yml",
        "MOLECULE_EPHEMERAL_DIRECTORY": str(folder),
        "ANSIBLE_HOME": str(ROOT / ".ansible"),
        "NO_COLOR": "1",
    }
    try:
        return run(command, environment, timeout=LONGEST)
    finally:
        sandbox.stop()


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Run]]]:
    """The chosen scenarios, all begun."""
    chosen = [each for each in SCENARIOS if any(f"[{each}]" in item.name for item in request.session.items)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {each: pool.submit(molecule, each, tmp_path_factory.mktemp(each)) for each in chosen}


@pytest.mark.timeout(LONGEST)
@pytest.mark.parametrize("scenario", CASES)
def test_the_scenario_passes(runs: dict[str, Future[Run]], scenario: str) -> None:
    ended = runs[scenario].result()
    assert ended.returncode == 0, str(ended)
    # A step whose playbook it does not find is no error to molecule.
    executed = ended.stdout + ended.stderr
    assert f"{scenario} > side_effect: Executed: Successful" in executed, str(ended)
    assert f"{scenario} > side_effect: Executed: Missing" not in executed, str(ended)
