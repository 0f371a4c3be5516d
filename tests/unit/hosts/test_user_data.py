"""The nodes' cloud-init: scripts run at the first boot, boot hooks at each, in one part or several."""

from __future__ import annotations

import base64
import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.hosts.images import TREES

PROGRAM = (TREES / "common/usr/bin/cloud-init").read_text()
SCRIPT, HOOK = "#!/bin/sh\necho script >> {}/said\n", "#cloud-boothook\n#!/bin/sh\necho hook >> {}/said\n"
BOUNDARY = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=="\n\n'
Boot = Callable[[bytes], tuple[str, str]]


@pytest.fixture
def boot(tmp_path: Path) -> Boot:
    """Boots once more; returns what the parts have said since and the status."""
    text = PROGRAM
    logs = ("/var/log/cloud-init-output.log", "/var/log/cloud-init.log")
    for path in ("/var/lib/cloud/instance", *logs, "/run/cloud-init-finished"):
        text = text.replace(path, f"{tmp_path}/{path.rpartition('/')[2]}")
    (tmp_path / "instance").mkdir()

    def call(*words: str) -> str:
        return subprocess.run(
            ["bash", "-c", text, "cloud-init", *words], capture_output=True, text=True, check=False, timeout=20
        ).stdout

    def boot(user_data: bytes) -> tuple[str, str]:
        said = tmp_path / "said"
        said.unlink(missing_ok=True)
        (tmp_path / "instance/user-data.txt").write_bytes(user_data)
        call("init")
        status = call("status", "--wait")
        return " ".join(said.read_text().split()) if said.exists() else "", status.strip()

    return boot


def two_parts(folder: Path) -> bytes:
    hook = HOOK.format(folder).removeprefix("#cloud-boothook\n")
    script = base64.encodebytes(SCRIPT.format(folder).encode()).decode()
    return (
        f"{BOUNDARY}--==\nContent-Type: text/x-shellscript\nContent-Transfer-Encoding: base64\n\n{script}\n"
        f"--==\nContent-Type: text/cloud-boothook\n\n{hook}\n--==--\n"
    ).encode()


def test_a_script_runs_once(boot: Boot, tmp_path: Path) -> None:
    script = SCRIPT.format(tmp_path).encode()
    assert [boot(script), boot(script)] == [("script", "status: done"), ("", "status: done")]


def test_a_boot_hook_runs_at_each_boot(boot: Boot, tmp_path: Path) -> None:
    hook = HOOK.format(tmp_path).encode()
    assert [boot(hook), boot(hook)] == [("hook", "status: done")] * 2


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_the_parts_of_a_message_run_hooks_first(boot: Boot, tmp_path: Path, packed: Callable[[bytes], bytes]) -> None:
    message = packed(two_parts(tmp_path))
    assert [boot(message), boot(message)] == [("hook script", "status: done"), ("hook", "status: done")]


@pytest.mark.parametrize(
    "user_data", [b"#!/bin/sh\nexit 3\n", b"#cloud-boothook\n#!/bin/sh\nexit 3\n", b"#cloud-config\n{}\n"]
)
def test_what_fails_is_told_and_what_is_neither_is_left_alone(boot: Boot, tmp_path: Path, user_data: bytes) -> None:
    fails = user_data.endswith(b"3\n")
    assert boot(user_data) == ("", "status: error" if fails else "status: done")
    log = (tmp_path / "cloud-init-output.log").read_text()
    assert ("exited with 3" in log, "left alone" in log) == (fails, not fails)
