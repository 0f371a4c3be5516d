"""A new user's walk: every command of the README and the guides, as printed, in a fresh clone with an empty home.

It takes ten minutes, so it is run by itself: pytest tests/integration/test_walk.py -m slow. Commands for AWS
alone, those of the AWS CLI and the benchmarks are left out; test_tunnel.py has the tunnel, which lasts until Ctrl-C.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

ACTIVE = "source .venv/bin/activate; "
READY = r"up: ready federation=agraph manager=127\.\S+ members=%s( ends=\S+)?"
KEPT = r"plan: make %s, change %s, remove 0, keep \d+; cost \d+\.\d\d USD an hour, \d+ a month, now .*"
GONE = r"leftovers: 0"
FILES = {
    "data/people.nt": '<http://example.org/ann> <http://xmlns.com/foaf/0.1/name> "chat"@fr .\n',
    "question.rq": "SELECT ?p { ?who ?p ?word }",
    "rules.json": '[{"operation": "CreateVpc", "error": "VpcLimitExceeded", "status": 400, "times": 1}]',
}


@dataclass(frozen=True)
class Step:
    """A command, by its page and how it begins there, and how its output ends."""

    page: str
    begins: str
    ends: str
    code: int = 0
    holds: str = ""

    def __str__(self) -> str:
        return f"{self.page}: {self.begins}"


README = [
    Step("README.md", "make demo", r"-------", holds="| 0.5 |"),
    Step("README.md", "make setup && source .venv/bin/activate", r".*"),
    Step("README.md", "ansible-playbook plan.yml", KEPT % (22, 0)),
    Step("README.md", "ansible-playbook up.yml", READY % 2),
    Step("README.md", "ansible-playbook query.yml -e \"federation_query='SELECT ?s ?o", r"-+", holds="ex://instance1"),
    Step("README.md", "ansible-playbook load.yml", r"load: loaded 916 statements of 1 files into 2 members .*"),
    Step("README.md", "ansible-playbook query.yml -e \"federation_query='SELECT ?p (COUNT", r".*,\d+"),
    Step("README.md", "ansible-playbook up.yml -e federation_member_count=3", READY % 3),
    Step("README.md", "ansible-playbook status.yml", r"status: federation=agraph state=ready instances=4 .*"),
    Step("README.md", "ansible-playbook down.yml", GONE),
    Step("README.md", "ansible-playbook leftovers.yml", GONE),
    Step("README.md", "python -m sandbox stop", r"sandbox: stopped"),
]
GUIDES = [
    Step("docs/sandbox.md", "python -m sandbox start", r"sandbox: started endpoint=.*"),
    Step("docs/sandbox.md", 'eval "$(python -m sandbox env)"', r""),
    Step("docs/sandbox.md", "python -m sandbox faults set rules.json", r".*"),
    Step("docs/sandbox.md", "python -m sandbox faults list", r"\]", holds="CreateVpc"),
    Step("docs/sandbox.md", "python -m sandbox faults clear", r".*"),
    Step("docs/preflight.md", "ansible-playbook preflight.yml", r"preflight: good.*"),
    Step("docs/plan.md", "ansible-playbook plan.yml", KEPT % (22, 0), holds="agraph-private-subnet"),
    Step("docs/up.md", "ansible-playbook up.yml --check", r"up: checked only, nothing was made"),
    Step("docs/up.md", "ansible-playbook up.yml", READY % 2),
    Step("docs/up.md", "ansible-playbook up.yml", READY % 2),
    Step("docs/leftovers.md", "ansible-playbook leftovers.yml", r"leftovers: \d+", code=2),
    Step("docs/leftovers.md", "ansible-playbook leftovers.yml -e federation_name=all", r"leftovers: \d+", code=2),
    Step("docs/query.md", "ansible-playbook query.yml", r"-+", holds="| 0.5 |"),
    Step("docs/query.md", "ansible-playbook query.yml -e \"federation_query='", r"-+", holds="ex://instance1"),
    Step("docs/query.md", "ansible-playbook query.yml -e federation_query_file=question.rq", r"-+"),
    Step("docs/status.md", "ansible-playbook status.yml", r"status: federation=agraph state=ready instances=3 .*"),
    Step("docs/status.md", "ansible-playbook status.yml -e federation_name=all", r"status: .*"),
    Step("docs/status.md", "ansible-playbook status.yml -e federation_status_page=", r"status: .* state=ready .*"),
    Step("docs/plan.md", "ansible-playbook plan.yml -e federation_member_count=4", KEPT % (4, 1)),
    Step("docs/logs.md", "ansible-playbook logs.yml", r"logs: 3 of 3 nodes, \d+ files, \S+ MB in logs/agraph"),
    Step("docs/logs.md", "ls logs/agraph/*", r".*", holds="logs/agraph/agraph-member-1"),
    Step("docs/stop.md", "ansible-playbook stop.yml", r"stop: stopped 3 of 3 federation=agraph; still costs 0.0576 .*"),
    Step("docs/stop.md", "ansible-playbook start.yml", r"start: ready federation=agraph manager=\S+ members=2.*"),
    Step("docs/load.md", "ansible-playbook load.yml -e federation_data=data/", r"load: loaded 1 statements .*"),
    Step("docs/query.md", "ansible-playbook query.yml -e federation_query_file=question.rq \\", r"-+", holds="/name"),
    Step("docs/grow.md", "ansible-playbook up.yml -e federation_member_count=4", READY % 4),
    Step("docs/down.md", "ansible-playbook down.yml --check", r".*", holds="network | Delete the VPC: would change"),
    Step("docs/down.md", "ansible-playbook down.yml", GONE),
    Step("docs/sandbox.md", "python -m sandbox status", r".*"),
    Step("docs/installation.md", "python -m sandbox tarball", r".*"),
    Step("docs/installation.md", "ansible-playbook up.yml -e federation_ami_id=", READY % 2),
    Step("docs/down.md", "ansible-playbook down.yml", GONE),
    Step("docs/sandbox.md", "python -m sandbox stop", r"sandbox: stopped"),
]


def printed(step: Step) -> str:
    """Return the command as its page has it, with the lines that it goes on in."""
    lines = (ROOT / step.page).read_text().splitlines()
    exact = [number for number, line in enumerate(lines) if line.split("  #")[0].strip() == step.begins]
    begun = [number for number, line in enumerate(lines) if line.startswith(f"    {step.begins}")]
    assert exact or begun, f"{step} is not there any more"
    first = (exact or begun)[0]
    last = first
    while lines[last].endswith("\\"):
        last += 1
    return "\n".join(line.strip() for line in lines[first : last + 1])


class Walk:
    """A clone, and a home with nothing in it."""

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "clone"
        self.home = folder / "home"
        self.home.mkdir()
        self.sha256 = ""
        """The tarball's, as the step before has printed it."""
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.clone)], check=True)
        self.environment = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        for name, content in FILES.items():
            file = self.clone / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content)

    def go(self, step: Step) -> None:
        """Do one step, and see that it ends as it should."""
        command = printed(step).replace("sha256=…", f"sha256={self.sha256}")
        active = "" if command.startswith("make ") else ACTIVE
        done = subprocess.run(
            ["bash", "-c", active + command],
            cwd=self.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        said = f"$ {command}\n{done.stdout}\n--- stderr\n{done.stderr}\n--- exit {done.returncode}"
        last = ([each for each in done.stdout.splitlines() if each.strip()] or [""])[-1]
        assert done.returncode == step.code, said
        assert re.fullmatch(step.ends, last), said
        assert step.holds in done.stdout, said
        assert "Traceback" not in done.stdout + done.stderr, said
        if found := re.search(r"\b[0-9a-f]{64}\b", last):
            self.sha256 = found[0]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A clone in which nothing runs any more afterwards."""
    own = Walk(tmp_path_factory.mktemp("walk"))
    yield own
    if (own.clone / ".venv/bin/python").exists():
        subprocess.run([".venv/bin/python", "-m", "sandbox", "stop"], cwd=own.clone, env=own.environment, check=True)
    shutil.rmtree(own.clone)


@pytest.mark.parametrize("step", [*README, *GUIDES], ids=str)
def test_each_step_ends_as_its_page_says(walk: Walk, step: Step) -> None:
    walk.go(step)


def test_nothing_is_left_in_the_home(walk: Walk) -> None:
    assert list(walk.home.iterdir()) == []
