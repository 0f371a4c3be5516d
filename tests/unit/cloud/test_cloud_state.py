"""The state file, the locks, and the environment that clients get."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import command_line, state

STATE = state.State(
    pid=1,
    endpoint="http://127.66.0.1:4566",
    gateway="127.66.0.1:4567",
    endpoint_s3="https://127.66.0.1:4568",
    authority="/sandbox/authority.pem",
    operator_address="127.66.0.2",
    region="us-west-2",
    access_key_id="AKIASANDBOX000000000",
    secret_access_key="s3cret",
    latency="fast",
    started="2025-01-01T00:00:00+00:00",
)
HOLDER = """
import sys
from pathlib import Path
from sandbox import state
assert state.take(Path(sys.argv[1])) is not None
print("held", flush=True)
sys.stdin.read()
"""


def test_a_state_counts_only_while_its_process_lives(tmp_path: Path) -> None:
    state.write(tmp_path, STATE)
    assert (tmp_path / "state.json").stat().st_mode & 0o077 == 0
    assert state.read(tmp_path) is None
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "running.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert state.read(tmp_path) == STATE
    assert state.take(tmp_path / "running.lock") is None
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    assert state.read(tmp_path) is None


def test_a_sandbox_of_an_older_version_has_to_be_stopped_first(tmp_path: Path) -> None:
    state.write(tmp_path, dataclasses.replace(STATE, endpoint_s3="", authority=""))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "running.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(command_line.CommandError, match="of an older version: stop it first"):
            command_line.start(tmp_path, None, None, 60)


def test_removing_takes_only_what_a_sandbox_makes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with state.starting(home):
        state.write(home, STATE)
        (home / "journal.jsonl").touch()
        (home / "mine").touch()
        state.remove(home)
    assert sorted(each.name for each in home.iterdir()) == ["mine", "start.lock"]
    (home / "mine").unlink()
    with state.starting(home):
        pass
    assert not home.exists()


def test_a_client_gets_the_sandboxs_settings_and_none_of_its_own() -> None:
    present = {
        "AWS_PROFILE": "work",
        "AWS_ENDPOINT_URL_SSM": "https://elsewhere",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "HTTPS_PROXY": "http://proxy:3128",
        "no_proxy": "localhost",
        "HOME": "/root",
    }
    wanted = command_line.client_environment(STATE, present)
    assert wanted["AWS_ENDPOINT_URL"] == STATE.endpoint
    assert wanted["AWS_ACCESS_KEY_ID"] == STATE.access_key_id
    assert wanted["AWS_REGION"] == wanted["AWS_DEFAULT_REGION"] == "us-west-2"
    assert wanted["AWS_ENDPOINT_URL_S3"] == STATE.endpoint_s3
    assert wanted["AWS_CA_BUNDLE"] == STATE.authority
    for gone in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SSM"):
        assert wanted[gone] is None
    assert wanted["no_proxy"] == "localhost,127.66.0.1"
    assert "HOME" not in wanted


@pytest.mark.parametrize("verb", [["env"], ["run", "--", "true"]])
def test_what_needs_a_running_sandbox_says_so(
    verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path / "none"))
    assert command_line.main(verb) == 1
    assert capsys.readouterr().err == ("ERROR: The sandbox is not running: start it with python -m sandbox start.\n")
    assert command_line.main(["stop"]) == 0
    assert command_line.main(["status"]) == 3
    assert not (tmp_path / "none").exists()
