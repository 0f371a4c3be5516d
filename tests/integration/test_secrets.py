"""The passwords of AllegroGraph: in the Parameter Store and on the servers, and nowhere else, whatever is printed."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import socket
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import ROOT, Run, Sandbox, account
from secret_search import Processes, files_with, holds

pytestmark = pytest.mark.timeout(1200)

ONE_MEMBER = {"federation_member_count": 1}
NAMES = ("/agraph/superuser", "/agraph/reader")
# In a module's argument, as a password would be in a playbook that is less careful.
PLANTED = "planted-in-an-argument-of-a-module"
BUCKET = "agraph-ssm-123456789012"


def keep_versions(sandbox: Sandbox, over: threading.Event) -> None:
    """Have the bucket keep everything that ever is in it, as soon as it is made, down to its tags."""
    s3 = sandbox.client("s3")
    while not over.wait(0.05):
        try:
            s3.get_bucket_tagging(Bucket=BUCKET)
            s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        except ClientError:
            continue
        return


def versions(sandbox: Sandbox) -> list[bytes]:
    """Return all objects that ever were in the bucket since then."""
    s3 = sandbox.client("s3")
    found = s3.list_object_versions(Bucket=BUCKET).get("Versions", [])
    return [s3.get_object(Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])["Body"].read() for each in found]


def node_folders(sandbox: Sandbox) -> list[Path]:
    """Return where things are left on the nodes, as this machine sees it: through an agent's process of each."""
    own, found = Path("/proc/self/ns/mnt").readlink(), dict[Path, Path]()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            # It may end at any moment.
            with contextlib.suppress(OSError):
                is_agent = b"sandbox.session_manager.agent" in (process / "cmdline").read_bytes()
                if is_agent and descends(process, sandbox.state["pid"]):
                    found[(process / "ns/mnt").readlink()] = process / "root"
    folders = ("tmp", "var/tmp", "var/lib", "var/log", "home", "root", "etc")
    return [root / each for space, root in found.items() if space != own for each in folders]


def descends(process: Path, ancestor: int) -> bool:
    """Say whether a process is a child of another one, or a child's child."""
    while (parent := int((process / "stat").read_text().rpartition(")")[2].split()[1])) > 1:
        if parent == ancestor:
            return True
        process = Path("/proc", str(parent))
    return False


class Story:
    """A federation's whole life, told as loudly as it can be."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.secrets: dict[str, str] = {}
        self.statuses: dict[str, str] = {}
        self.objects: list[bytes] = []
        self.left: list[Path] = []
        self.processes = Processes()
        self.journal = b""
        self.after: dict[str, list[str]] = {}


@pytest.fixture(scope="module")
def story(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """What was printed, kept and passed on from `up` to `down`."""
    told, began = Story(), time.time()
    home = tmp_path_factory.mktemp("home")
    sandbox.environment["HOME"] = str(home)
    ssm = sandbox.client("ssm")
    over = threading.Event()
    keeping = threading.Thread(target=keep_versions, args=(sandbox, over), daemon=True)
    keeping.start()

    def run(name: str, **settings: Any) -> Run:
        told.runs[name] = sandbox.playbook(name.split()[0], "-vvv", timeout=500, **ONE_MEMBER, **settings)
        return told.runs[name]

    try:
        with told.processes:
            up = run("up", servers_label=PLANTED)
            assert up.returncode == 0, str(up)
            found = ssm.get_parameters(Names=list(NAMES), WithDecryption=True)["Parameters"]
            told.secrets = {each["Name"]: each["Value"] for each in found}
            for verb, code in {"query": 0, "status": 0, "preflight": 0, "leftovers": 2}.items():
                assert run(verb).returncode == code, str(told.runs[verb])
            held = run("tunnel", federation_tunnel_seconds=1, federation_tunnel_port=free_port())
            assert held.returncode == 0, str(held)
            folders = node_folders(sandbox)
            assert len(folders) == 2 * 7, "not every node's files were found"
            told.left = [path for each in told.secrets.values() for path in files_with(folders, each)]
            told.objects = versions(sandbox)
        told.statuses = {what: on_member(sandbox, command) for what, command in asked_of_a_member(told).items()}
        ssm.delete_parameters(Names=list(NAMES))
        run("query without them")
        run("up without them", federation_on_failure="keep")
    finally:
        over.set()
        keeping.join()
        run("down")
    kept = [home, sandbox.home, ROOT / ".ansible", Path("/tmp")]
    told.left += [path for each in told.secrets.values() for path in files_with(kept, each, began)]
    told.journal = (sandbox.home / "journal.jsonl").read_bytes()
    told.after = account(sandbox)
    return told


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


STATUS = "curl -s -o /dev/null -w '%{http_code}'"
REPOSITORY = "http://127.0.0.1:10035/repositories/r"


def asked_of_a_member(told: Story) -> dict[str, str]:
    """Return what is asked of a member, as shell commands that print an HTTP status."""
    reader, superuser = f"reader:{told.secrets['/agraph/reader']}", f"test:{told.secrets['/agraph/superuser']}"
    term = "subj=%3Cex:s%3E&pred=%3Cex:p%3E&obj=%3Cex:o%3E"
    return {
        "the image's own password": f"{STATUS} -u test:xyzzy {REPOSITORY}/size",
        "the superuser's": f"{STATUS} -u {superuser} {REPOSITORY}/size",
        "the reader reads": f"{STATUS} -u {reader} {REPOSITORY}/size",
        "the reader adds": f"{STATUS} -u {reader} -X PUT '{REPOSITORY}/statement?{term}'",
        "the reader deletes": f"{STATUS} -u {reader} -X DELETE {REPOSITORY}",
        "the reader looks for users": f"{STATUS} -u {reader} http://127.0.0.1:10035/users",
    }


def on_member(sandbox: Sandbox, command: str) -> str:
    """Run a shell command on the member, and return what it prints."""
    found = sandbox.client("ec2").describe_instances(
        Filters=[{"Name": "tag:Role", "Values": ["member"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    )
    (member,) = (each for reservation in found["Reservations"] for each in reservation["Instances"])
    return sandbox.on_node(member["InstanceId"], command)


def test_there_are_two_and_they_are_long(story: Story) -> None:
    assert set(story.secrets) == set(NAMES)
    assert len(set(story.secrets.values())) == 2
    assert min(len(each) for each in story.secrets.values()) >= 43


def test_the_images_own_password_is_good_no_more_and_the_reader_only_reads(story: Story) -> None:
    assert story.runs["query"].returncode == 0, str(story.runs["query"])
    assert story.statuses == {
        "the image's own password": "401",
        "the superuser's": "200",
        "the reader reads": "200",
        "the reader adds": "403",
        "the reader deletes": "403",
        "the reader looks for users": "403",
    }


@pytest.mark.parametrize("name", NAMES)
def test_neither_is_printed(story: Story, name: str) -> None:
    for run in story.runs.values():
        assert not holds((run.stdout + run.stderr).encode(), story.secrets[name]), run.command


@pytest.mark.parametrize("name", NAMES)
def test_neither_is_in_the_journal_of_the_calls(story: Story, name: str) -> None:
    assert b'"PutParameter"' in story.journal
    assert not holds(story.journal, story.secrets[name])


@pytest.mark.parametrize("name", NAMES)
def test_neither_ever_was_in_the_bucket(story: Story, name: str) -> None:
    assert not any(holds(each, story.secrets[name]) for each in story.objects)


def test_what_is_in_a_modules_argument_is_found_there(story: Story) -> None:
    assert any(holds(each, PLANTED) for each in story.objects)


@pytest.mark.parametrize("before", ["", "u:", "user:"])
def test_what_is_encoded_or_zipped_is_found(before: str) -> None:
    """So that what is not found is not there, however Ansible packs its modules."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arguments.json", json.dumps({"password": PLANTED}))
        archive.writestr("other.py", os.urandom(300))
    script = b"ZIP = '" + base64.b64encode(packed.getvalue()) + b"'"
    header = b"Authorization: Basic " + base64.b64encode(f"{before}{PLANTED}".encode())
    for data in (PLANTED.encode(), script, packed.getvalue(), header):
        assert holds(data, PLANTED)
        assert not holds(data, PLANTED[::-1])


@pytest.mark.parametrize("name", NAMES)
def test_neither_is_in_an_argument_or_the_environment_of_a_process(story: Story, name: str) -> None:
    assert any(b"ansible-playbook" in each for each in story.processes.seen)
    assert any(b"curl" in each for each in story.processes.seen), "what runs on the nodes was not seen"
    assert not story.processes.hold(story.secrets[name])


def test_neither_is_in_a_file_that_is_left(story: Story) -> None:
    assert story.left == []


def test_without_them_it_is_said_what_to_do(story: Story) -> None:
    asked, made = story.runs["query without them"], story.runs["up without them"]
    assert asked.returncode != 0
    assert "There is no password /agraph/reader in the Parameter Store of us-west-2" in asked.stdout, str(asked)
    # The servers know the old ones and nothing else.
    assert made.returncode != 0
    assert "for the superuser test" in made.stdout, str(made)
    assert "remove it with ansible-playbook down.yml, and make it anew" in made.stdout, str(made)


def test_both_die_with_the_federation(sandbox: Sandbox, story: Story) -> None:
    assert story.runs["down"].returncode == 0, str(story.runs["down"])
    names = [json.loads(each)["Name"] for each in story.after["parameters"]]
    assert not set(names) & set(NAMES)
