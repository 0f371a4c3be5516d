"""What forked processes find ready in the one that they come from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import gc, os, sys
import boto3, botocore.loaders
from plugins.plugin_utils import forks

read = []
load_file = botocore.loaders.JSONFileLoader.load_file
botocore.loaders.JSONFileLoader.load_file = lambda self, path: read.append(path) or load_file(self, path)
forks.share()
assert any("/ssm/" in path for path in read), read
assert gc.get_freeze_count() > 0
assert "ansible_collections.amazon.aws.plugins.connection.aws_ssm" in sys.modules
read.clear()
forks.share()
for service in forks.SERVICES:
    boto3.session.Session(region_name="eu-central-1").client(service)
print(read)
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"AWS_CONFIG_FILE": "/dev/null", **environment}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=given, capture_output=True, text=True, check=False
    )


def test_what_clients_are_described_by_is_read_once() -> None:
    done = run(PROGRAM)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_a_profile_that_is_not_there_is_not_said_here() -> None:
    done = run("from plugins.plugin_utils import forks; forks.share()", AWS_PROFILE="nowhere")
    assert (done.stderr, done.returncode) == ("", 0)
