"""The passwords of AllegroGraph: in the Parameter Store and on the servers, and nowhere else, whatever is printed."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import ROOT, Run, Sandbox, account
from secret_search import Processes, files_with, holds

ONE_MEMBER = {"federation_member_count": 1}
NAMES = ("/agraph/superuser", "/agraph/reader")
# In a module's argument, as a password would be in a playbook that is less careful.
PLANTED = "planted-in-an-argument-of-a-module"
BUCKET = "agraph-ssm-123456789012"


def keep_versions(sandbox: Sandbox, over: threading.Event) -> None:
    """Have the bucket keep everything that ever is in it, as soon as there is one."""
    s3 = sandbox.client("s3")
    while not over.wait(0.05):
        try:
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
        self.runs: list[Run] = []
        self.secrets: dict[str, str] = {}
        self.objects: list[bytes] = []
        self.on_nodes: list[Path] = []
        self.on_controller: list[Path] = []
        self.processes = Processes()
        self.journal = b""
        self.after: dict[str, list[str]] = {}


@pytest.fixture(scope="module")
def story(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Yield what was printed, kept and passed on from `up` to `down`."""
    told, began = Story(), time.time()
    home = tmp_path_factory.mktemp("home")
    sandbox.environment["HOME"] = str(home)
    over = threading.Event()
    keeping = threading.Thread(target=keep_versions, args=(sandbox, over), daemon=True)
    keeping.start()
    try:
        with told.processes:
            settings: dict[str, Any] = {**ONE_MEMBER, "servers_label": PLANTED}
            told.runs.append(sandbox.playbook("up", "-vvv", **settings))
            assert told.runs[-1].returncode == 0, str(told.runs[-1])
            found = sandbox.client("ssm").get_parameters(Names=list(NAMES), WithDecryption=True)["Parameters"]
            told.secrets = {each["Name"]: each["Value"] for each in found}
            for verb in ("query", "status"):
                told.runs.append(sandbox.playbook(verb, "-vvv", **ONE_MEMBER))
                assert told.runs[-1].returncode == 0, str(told.runs[-1])
            told.objects = versions(sandbox)
            folders = node_folders(sandbox)
            assert len(folders) == 2 * 7, "not every node's files were found"
            told.on_nodes = [path for each in told.secrets.values() for path in files_with(folders, each)]
            told.runs.append(sandbox.playbook("down", "-vvv", **ONE_MEMBER))
            assert told.runs[-1].returncode == 0, str(told.runs[-1])
    finally:
        over.set()
        keeping.join()
    kept = [home, sandbox.home, ROOT / ".ansible", Path("/tmp")]
    told.on_controller = [path for each in told.secrets.values() for path in files_with(kept, each, began)]
    told.journal = (sandbox.home / "journal.jsonl").read_bytes()
    told.after = account(sandbox)
    yield told


def test_there_are_two_and_they_are_long(story: Story) -> None:
    assert set(story.secrets) == set(NAMES)
    assert len(set(story.secrets.values())) == 2
    assert min(len(each) for each in story.secrets.values()) >= 43


@pytest.mark.parametrize("name", NAMES)
def test_neither_is_printed(story: Story, name: str) -> None:
    for run in story.runs:
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
    assert not any(PLANTED.encode() in each for each in story.objects), (
        "it is not zipped, so that the search proves less"
    )


@pytest.mark.parametrize("name", NAMES)
def test_neither_is_in_an_argument_or_the_environment_of_a_process(story: Story, name: str) -> None:
    assert any(b"ansible-playbook" in each for each in story.processes.seen)
    assert any(b"agent" in each for each in story.processes.seen)
    assert not story.processes.hold(story.secrets[name])


def test_neither_is_in_a_file_that_is_left(story: Story) -> None:
    assert story.on_nodes == []
    assert story.on_controller == []


def test_both_die_with_the_federation(sandbox: Sandbox, story: Story) -> None:
    names = [json.loads(each)["Name"] for each in story.after["parameters"]]
    assert not set(names) & set(NAMES)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        sandbox.client("ssm").get_parameter(Name=NAMES[0])


# The federation that they guard


@pytest.fixture(scope="module")
def federation(sandbox: Sandbox, story: Story) -> Iterator[dict[str, str]]:
    """Yield the two passwords of a federation that stands, which is another one than the story's."""
    up = sandbox.playbook("up", **ONE_MEMBER)
    assert up.returncode == 0, str(up)
    found = sandbox.client("ssm").get_parameters(Names=list(NAMES), WithDecryption=True)["Parameters"]
    yield {each["Name"]: each["Value"] for each in found}
    down = sandbox.playbook("down", **ONE_MEMBER)
    assert down.returncode == 0, str(down)


def on_member(sandbox: Sandbox, command: str) -> str:
    """Run a shell command on the member, and return what it prints."""
    found = sandbox.client("ec2").describe_instances(
        Filters=[{"Name": "tag:Role", "Values": ["member"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    )
    (member,) = (each for reservation in found["Reservations"] for each in reservation["Instances"])
    return sandbox.on_node(member["InstanceId"], command)


STATUS = "curl -s -o /dev/null -w '%{http_code}'"


def test_a_new_federation_has_new_ones(story: Story, federation: dict[str, str]) -> None:
    assert not set(federation.values()) & set(story.secrets.values())


def test_the_images_own_password_is_good_no_more_and_the_reader_reads(
    sandbox: Sandbox, federation: dict[str, str]
) -> None:
    reader, superuser = federation["/agraph/reader"], federation["/agraph/superuser"]
    repository = "http://127.0.0.1:10035/repositories/r"
    assert on_member(sandbox, f"{STATUS} -u test:xyzzy {repository}/size") == "401"
    assert on_member(sandbox, f"{STATUS} -u test:{superuser} {repository}/size") == "200"
    assert on_member(sandbox, f"{STATUS} -u reader:{reader} {repository}/size") == "200"
    term = "subj=%3Cex:s%3E&pred=%3Cex:p%3E&obj=%3Cex:o%3E"
    assert on_member(sandbox, f"{STATUS} -u reader:{reader} -X PUT '{repository}/statement?{term}'") == "403"
    assert on_member(sandbox, f"{STATUS} -u reader:{reader} -X DELETE {repository}") == "403"


def test_a_query_without_the_password_says_what_to_do_and_up_says_that_it_is_lost(
    sandbox: Sandbox, federation: dict[str, str]
) -> None:
    sandbox.client("ssm").delete_parameter(Name="/agraph/reader")
    asked = sandbox.playbook("query", **ONE_MEMBER)
    assert asked.returncode != 0
    assert "There is no password /agraph/reader in the Parameter Store of us-west-2" in asked.last_line, str(asked)
    # A reader's can be made anew, since the superuser gives it; that one's own cannot.
    again = sandbox.playbook("up", **ONE_MEMBER)
    assert again.returncode == 0, str(again)
    answered = sandbox.playbook("query", **ONE_MEMBER)
    assert answered.returncode == 0, str(answered)
    sandbox.client("ssm").delete_parameter(Name="/agraph/superuser")
    lost = sandbox.playbook("up", **ONE_MEMBER, federation_on_failure="keep")
    assert lost.returncode != 0
    assert "for the superuser test" in lost.stdout, str(lost)
    assert "down.yml" in lost.stdout, str(lost)
