"""With the user's own AWS all over the environment, a run goes to the sandbox, which starts by itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded_aws import ROOT


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A place for a sandbox that does not run yet, and does not run any more afterwards."""
    folder = tmp_path / "sandbox"
    yield folder
    run([sys.executable, "-m", "sandbox", "stop"], SANDBOX_HOME=str(folder))


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
    return subprocess.run(
        command, cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, timeout=100, check=False
    )


def test_a_run_starts_the_sandbox_and_asks_it_alone(home: Path, tmp_path: Path) -> None:
    users = socket.create_server(("127.0.0.1", 0))
    users.settimeout(0.2)
    url = f"http://127.0.0.1:{users.getsockname()[1]}"
    hostile = {
        "AWS_PROFILE": "work",
        "AWS_ACCESS_KEY_ID": "AKIAUSER",
        "AWS_SECRET_ACCESS_KEY": "user",
        "AWS_REGION": "eu-west-1",
        **dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2", "http_proxy", "HTTPS_PROXY"), url),
    }
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "--graph"]
    done = run(command, SANDBOX_HOME=str(home), ANSIBLE_HOME=str(tmp_path), **hostile)
    assert done.returncode == 0, done.stderr
    assert "|--@sandbox:" in done.stdout
    with pytest.raises(TimeoutError):
        users.accept()
    users.close()
    state = json.loads((home / "state.json").read_text())
    calls = [json.loads(line) for line in (home / "journal.jsonl").read_text().splitlines()]
    # Whether EC2 answers, and which instances there are.
    assert [(call["operation"], call["status"]) for call in calls] == [("DescribeInstances", 200)] * 2
    refused = run(
        [*command, "-i", "inventory/aws"],
        ANSIBLE_HOME=str(tmp_path),
        AWS_ENDPOINT_URL=state["endpoint"],
        AWS_ACCESS_KEY_ID=state["access_key_id"],
        AWS_SECRET_ACCESS_KEY=state["secret_access_key"],
    )
    assert refused.stderr.startswith(
        f"ERROR: AWS_ENDPOINT_URL is {state['endpoint']}, which is the sandbox and not AWS"
    )
    assert len((home / "journal.jsonl").read_text().splitlines()) == 2
