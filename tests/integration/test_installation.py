"""AllegroGraph on an image without it: installed from a tarball, changed to another version, and gone in the end.

Each test takes the account as the one before left it.
"""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from harness import Run, Sandbox, account, pages
from plan_agreement import rows

pytestmark = pytest.mark.timeout(1500)

PLAIN = "ami-0a12023000000002"
AVERAGE = "-------\n| avg |\n=======\n| 0.5 |\n-------"
# The account as it was before the first `up`.
empty: dict[str, list[str]] = {}


@dataclass(frozen=True)
class Tarball:
    """A tarball of the sandbox's server."""

    version: str
    path: Path
    sha256: str

    def settings(self, **more: object) -> dict[str, object]:
        """What `up` is told, to install it on two members."""
        own = {"version": self.version, "tarball": str(self.path), "sha256": self.sha256}
        given = {f"federation_agraph_{name}": value for name, value in own.items()}
        return {"federation_ami_id": "", "federation_installation_timeout": 300, **given, **more}


@pytest.fixture(scope="module")
def tarballs(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Tarball]]:
    """Two versions, built as docs/sandbox.md says."""
    empty.update(account(sandbox))
    found = {}
    for version in ("8.5.2", "9.0.2"):
        path = tmp_path_factory.mktemp("tarballs") / f"agraph-{version}-linuxamd64.64.tar.gz"
        built = sandbox.command("tarball", version, "--output", str(path))
        assert (built.returncode, built.stdout.strip()) == (0, hashlib.sha256(path.read_bytes()).hexdigest())
        found[version] = Tarball(version, path, built.stdout.strip())
    yield found


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=agraph"]
    subprocess.run([*made, "-keyout", "key", "-out", "crt"], cwd=folder, check=True, capture_output=True)
    (folder / "agraph.pem").write_bytes((folder / "crt").read_bytes() + (folder / "key").read_bytes())
    return folder / "agraph.pem"


def instances(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The federation's instances that run, by their names."""
    wanted = [{"Name": "tag:Federation", "Values": ["agraph"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    found = pages(sandbox.client("ec2"), "describe_instances", "Reservations", Filters=wanted)
    each_one = [instance for reservation in found for instance in reservation["Instances"]]
    return {tag["Value"]: each for each in each_one for tag in each["Tags"] if tag["Key"] == "Name"}


def on(sandbox: Sandbox, name: str, command: str) -> str:
    """What a command prints on a node."""
    return sandbox.on_node(instances(sandbox)[name]["InstanceId"], command)


def tarballs_in_bucket(sandbox: Sandbox) -> list[str]:
    """The keys of what was sent for the nodes."""
    found = pages(sandbox.client("s3"), "list_objects_v2", "Contents", Bucket="agraph-ssm-123456789012")
    return sorted(each["Key"] for each in found if each["Key"].startswith("installation/"))


def ready(run: Run) -> bool:
    """Whether an `up` ended well."""
    return run.returncode == 0 and run.last_line.startswith("up: ready federation=agraph ")


def test_a_tarball_of_another_sum_goes_to_no_node(sandbox: Sandbox, tarballs: dict[str, Tarball]) -> None:
    wrong = {"federation_agraph_sha256": "ab" * 32}
    failed = sandbox.playbook("up", **tarballs["8.5.2"].settings(**wrong), timeout=900)
    assert failed.returncode != 0, str(failed)
    said = f"{tarballs['8.5.2'].path} has the SHA-256 {tarballs['8.5.2'].sha256}, and {'ab' * 32} was expected"
    assert said in failed.last_line, str(failed)
    assert account(sandbox) == empty


def test_it_is_installed_on_a_plain_image_and_answers(
    sandbox: Sandbox, tarballs: dict[str, Tarball], certificate: Path
) -> None:
    tls = {"federation_agraph_tls_port": 10036, "federation_agraph_certificate": str(certificate)}
    up = sandbox.playbook("up", **tarballs["8.5.2"].settings(**tls, federation_data_volume_gb=20), timeout=900)
    assert ready(up), str(up)
    assert "installation | Install AllegroGraph 8.5.2: changed on 3 of 3" in up.stdout, str(up)
    assert len(tarballs_in_bucket(sandbox)) == 2
    answer = sandbox.playbook("query")
    assert (answer.returncode, AVERAGE in answer.stdout) == (0, True), str(answer)
    nodes = instances(sandbox)
    assert {each["ImageId"] for each in nodes.values()} == {PLAIN}
    volumes = list(pages(sandbox.client("ec2"), "describe_volumes", "Volumes"))
    data = [each for each in volumes if each["Attachments"][0]["Device"] == "/dev/sdf"]
    assert [(each["Size"], each["VolumeType"], each["Encrypted"]) for each in data] == [(20, "gp3", True)] * 3
    assert {tag["Value"] for each in data for tag in each["Tags"] if tag["Key"] == "Federation"} == {"agraph"}
    # TLS is the manager's own certificate, and nobody else's.
    address = nodes["agraph-manager"]["PublicIpAddress"]
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False
    with urllib.request.urlopen(f"https://{address}:10036/version", context=trusting, timeout=20) as response:
        assert response.read() == b'"8.5.2"'
    # Nothing of a secret is left where others could read it.
    left = on(
        sandbox, "agraph-member-0", "cat /etc/agraph/agraph.cfg; stat -c %a:%U:%G /etc/agraph/*; ls -A /opt/agraph"
    )
    assert "SuperUser" not in left
    assert "640:root:agraph\n640:root:agraph\n" in left
    assert left.split()[-2:] == [f"8.5.2-{tarballs['8.5.2'].sha256[:12]}", "current"]


def test_a_second_up_changes_nothing(sandbox: Sandbox, tarballs: dict[str, Tarball], certificate: Path) -> None:
    tls = {"federation_agraph_tls_port": 10036, "federation_agraph_certificate": str(certificate)}
    again = sandbox.playbook("up", **tarballs["8.5.2"].settings(**tls, federation_data_volume_gb=20), timeout=900)
    assert (ready(again), again.changed) == (True, 0), str(again)


def test_another_version_goes_from_node_to_node_and_the_data_stay(
    sandbox: Sandbox, tarballs: dict[str, Tarball], certificate: Path
) -> None:
    tls = {"federation_agraph_tls_port": 10036, "federation_agraph_certificate": str(certificate)}
    plan = sandbox.playbook("plan", **tarballs["9.0.2"].settings(**tls, federation_data_volume_gb=20), timeout=900)
    planned = {(row.action, row.kind): row.names for row in rows(plan)}
    assert planned.pop(("make", "object")) == (tarballs["9.0.2"].path.name,), str(plan)
    assert planned == {("change", "AllegroGraph"): ("agraph-manager", "agraph-member-0", "agraph-member-1")}, str(plan)
    up = sandbox.playbook("up", **tarballs["9.0.2"].settings(**tls, federation_data_volume_gb=20), timeout=900)
    assert ready(up), str(up)
    changed = [line for line in up.lines if "Install AllegroGraph 9.0.2: changed" in line]
    assert len(changed) == 3, str(up)
    assert "servers | " not in "".join(up.changes), str(up)
    answer = sandbox.playbook("query")
    assert (answer.returncode, AVERAGE in answer.stdout) == (0, True), str(answer)
    for name in instances(sandbox):
        assert on(sandbox, name, "curl -s http://127.0.0.1:10035/version") == '"9.0.2"'


def test_a_version_that_fails_changes_no_other_node_and_removes_nothing(
    sandbox: Sandbox, tarballs: dict[str, Tarball]
) -> None:
    before = instances(sandbox)
    wrong = replace(tarballs["8.5.2"], version="9.1.0")
    failed = sandbox.playbook("up", **wrong.settings(federation_data_volume_gb=20), timeout=900)
    assert failed.returncode != 0, str(failed)
    said = "holds AllegroGraph 8.5.2, and federation_agraph_version is 9.1.0"
    assert "ERROR: Member 0 (i-" in failed.last_line, str(failed)
    assert said in failed.last_line, str(failed)
    assert "Member 1 (i-" not in failed.stdout, str(failed)
    assert "Kept, and paid for" in failed.stdout, str(failed)
    assert instances(sandbox).keys() == before.keys()
    answer = sandbox.playbook("query")
    assert (answer.returncode, AVERAGE in answer.stdout) == (0, True), str(answer)


def test_down_takes_all_of_it_away(sandbox: Sandbox) -> None:
    down = sandbox.playbook("down", timeout=900)
    assert down.removed > 0
    assert account(sandbox) == empty
