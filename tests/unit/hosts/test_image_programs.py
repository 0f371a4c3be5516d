"""Programs of Amazon Linux that user data calls: the packages are there already, and upstart's words are systemd's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sandbox.hosts.images import TREES

YUM = TREES / "common/usr/bin/yum"
INITCTL = TREES / "tutorial/usr/sbin/initctl"
AGENT = "https://s3.amazonaws.com/ec2-downloads-windows/SSMAgent/latest/linux_amd64/amazon-ssm-agent.rpm"


def call(program: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]}
    return subprocess.run(
        ["bash", str(program), *arguments], capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.parametrize("package", [AGENT, "/tmp/amazon-ssm-agent.rpm", "amazon-ssm-agent", "curl"])
def test_a_package_that_is_there_is_installed_again_without_harm(package: str) -> None:
    done = call(YUM, "install", "-y", package)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("already installed and latest version\nNothing to do\n")


def test_a_package_that_is_not_there_cannot_be_had() -> None:
    done = call(YUM, "-y", "install", "curl", "emacs")
    assert done.returncode == 1
    assert "No package emacs available" in done.stderr


@pytest.mark.parametrize("words", [["update", "-y"], ["-q", "-y", "upgrade"], ["makecache"], ["clean", "all"]])
def test_there_is_nothing_to_update(words: list[str]) -> None:
    assert call(YUM, *words).returncode == 0


def test_what_yum_does_not_know() -> None:
    assert call(YUM, "history").returncode == 1
    assert call(YUM).returncode == 1


@pytest.fixture
def services(tmp_path: Path) -> str:
    """A systemctl that knows one service, running while the file is there."""
    program = tmp_path / "systemctl"
    program.write_text(
        '#!/bin/bash\ncd "${0%/*}" || exit 1\n'
        '[ "${!#}" = amazon-ssm-agent ] || exit 5\n'
        'case "$1" in\nis-active) [ -e running ];;\nstart|restart) touch running;;\nstop) rm running;;\ncat) ;;\nesac\n'
    )
    program.chmod(0o755)
    return str(tmp_path)


def test_upstart_s_words(services: str) -> None:
    def job(*words: str) -> tuple[int, str]:
        done = call(INITCTL, *words, path=services)
        return done.returncode, done.stdout + done.stderr

    assert job("status", "amazon-ssm-agent") == (0, "amazon-ssm-agent stop/waiting\n")
    assert job("start", "amazon-ssm-agent") == (0, "amazon-ssm-agent start/running\n")
    assert job("start", "amazon-ssm-agent") == (1, "initctl: Job is already running: amazon-ssm-agent\n")
    assert job("restart", "amazon-ssm-agent") == (0, "amazon-ssm-agent start/running\n")
    assert job("stop", "amazon-ssm-agent") == (0, "amazon-ssm-agent stop/waiting\n")
    assert job("stop", "amazon-ssm-agent") == (1, "initctl: Unknown instance: \n")
    assert job("start", "emacs") == (1, "initctl: Unknown job: emacs\n")


@pytest.mark.parametrize("word", ["start", "stop", "restart", "status"])
def test_each_word_is_a_command(word: str) -> None:
    assert f'initctl {word} "$@"' in (INITCTL.parent / word).read_text()
