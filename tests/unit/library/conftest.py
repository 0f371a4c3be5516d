"""Fixtures of the modules' tests."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from pretended_agraph import Agraph, Run, served


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module's main with arguments, and return what it hands to Ansible."""

    def run_module(module: ModuleType, check: bool = False, **arguments: Any) -> dict[str, Any]:
        given = {**arguments, "_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp"}
        capsys.readouterr()
        with patch_module_args(given), pytest.raises(SystemExit):
            module.main()
        printed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return printed

    return run_module


@pytest.fixture
def agraph() -> Iterator[Agraph]:
    """Yield a pretended AllegroGraph."""
    yield from served()


@pytest.fixture
def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Yield the address of moto as it is, in a process of its own: the sandbox changes the one that it is made of."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)],
        env=kept | dict.fromkeys(("MOTO_ENABLE_AMI_VALIDATION", "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"), "true"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not _answers(f"http://127.0.0.1:{port}/moto-api/"):
            assert process.poll() is None, "moto ended as soon as it had started"
            assert time.monotonic() < deadline, "moto does not answer"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def image(moto: str) -> str:
    """Return the id of an image that every account has, also after a reset; to list them takes seconds."""
    client: Any = boto3.client(
        "ec2",
        endpoint_url=moto,
        region_name="us-west-2",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="example-secret",
    )
    return str(client.describe_images(Owners=["amazon"])["Images"][0]["ImageId"])


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return a maker of clients for an empty account, which the modules under test find in the environment, too."""
    given = {"ACCESS_KEY_ID": "AKIAEXAMPLE", "SECRET_ACCESS_KEY": "example-secret", "ENDPOINT_URL": moto}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {**given, "CONFIG_FILE": os.devnull, "SHARED_CREDENTIALS_FILE": os.devnull}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with urllib.request.urlopen(urllib.request.Request(f"{moto}/moto-api/reset", method="POST"), timeout=30):
        pass

    def client(service: str) -> Any:
        make: Any = boto3.client
        return make(service, region_name="us-west-2")

    return client
