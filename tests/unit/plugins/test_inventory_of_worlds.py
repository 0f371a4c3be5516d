"""Neither world leaks into the other: every request of a run goes where its inventory says, and none elsewhere."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from recorded_aws import ROOT, Command, Recorder

# A sandbox that needs no rights: it says where the recorder is, and that it was started.
SANDBOX = """
import json, os, pathlib, sys
home = pathlib.Path(os.environ["SANDBOX_HOME"])
home.mkdir(exist_ok=True)
leaked = [name for name in os.environ if name.startswith("AWS_")]
(home / "started").write_text(" ".join(sys.argv[1:] + leaked))
if os.environ.get("SANDBOX_FAILS"):
    sys.exit("ERROR: " + os.environ["SANDBOX_FAILS"])
state = {"endpoint": os.environ["SANDBOX_RECORDER"], "access_key_id": "AKIASANDBOX", "secret_access_key": "sand"}
state |= {"endpoint_s3": state["endpoint"], "authority": "/nonexistent"}
(home / "state.json").write_text(json.dumps(state))
"""
PLAY = """
- name: Ask who I am
  hosts: localhost
  tasks:
    - name: Ask by a module
      amazon.aws.ec2_vpc_net_info:
    - name: Ask again with a fresh inventory
      ansible.builtin.meta: refresh_inventory
    - name: Say which groups there are
      ansible.builtin.debug:
        msg: "{{ groups.keys() | sort | join(' ') }} {{ ansible_aws_ssm_plugin | basename }}"
"""
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAUSER", "AWS_SECRET_ACCESS_KEY": "user"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the product with a pretended sandbox."""
    folder = tmp_path / "checkout"
    for name in ("inventory", "plugins", "group_vars"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "ansible.cfg", folder)
    (folder / "sandbox").mkdir()
    (folder / "sandbox" / "__init__.py").touch()
    (folder / "sandbox" / "__main__.py").write_text(SANDBOX)
    (folder / "play.yml").write_text(PLAY)
    return folder


@pytest.fixture
def hostile(tmp_path: Path, recorders: Callable[[], Recorder]) -> tuple[Recorder, dict[str, str]]:
    """Return a recorder, and an environment that leads to it in every way that AWS's tools know."""
    recorder = recorders()
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    config.write_text(f"[default]\nendpoint_url = {recorder.url}\n[profile work]\nendpoint_url = {recorder.url}\n")
    credentials.write_text("[default]\naws_access_key_id=AKIAFILE\naws_secret_access_key=f\n")
    (tmp_path / ".aws").mkdir()
    shutil.copy(config, tmp_path / ".aws" / "config")
    shutil.copy(credentials, tmp_path / ".aws" / "credentials")
    services = {f"AWS_ENDPOINT_URL_{name}": recorder.url for name in ("EC2", "STS", "SSM", "S3", "IAM")}
    return recorder, {
        **KEYS,
        **services,
        "AWS_SESSION_TOKEN": "token",
        "AWS_PROFILE": "work",
        "AWS_DEFAULT_PROFILE": "work",
        "AWS_ENDPOINT_URL": recorder.url,
        "AWS_URL": recorder.url,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_CA_BUNDLE": "/nonexistent",
        "AWS_SESSION_MANAGER_PLUGIN": "/nonexistent/plugin",
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), recorder.url),
    }


def test_a_sandbox_run_asks_nobody_else(
    command: Command,
    checkout: Path,
    tmp_path: Path,
    recorders: Callable[[], Recorder],
    hostile: tuple[Recorder, dict[str, str]],
) -> None:
    users, environment = hostile
    sandbox = recorders()
    environment |= {"SANDBOX_HOME": str(tmp_path / "state"), "SANDBOX_RECORDER": sandbox.url}
    done = command("ansible-playbook", "play.yml", folder=checkout, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert users.asked == []
    # Whether EC2 answers, which instances there are, what the play does; and again what a refreshed inventory asks.
    assert sandbox.actions == ["DescribeInstances"] * 2 + ["DescribeVpcs"] + ["DescribeInstances"] * 2
    for _, _, authorization in sandbox.asked:
        assert "Credential=AKIASANDBOX/" in authorization
        assert "/us-west-2/" in authorization
    assert (tmp_path / "state" / "started").read_text() == "start"
    assert (
        "federation_manager federation_members federation_nodes sandbox ungrouped session-manager-plugin" in done.stdout
    )
    assert done.stderr == ""


def test_a_verb_works_on_the_whole_federation(command: Command, tmp_path: Path) -> None:
    for limit in ("federation_members", "localhost"):
        done = command("ansible-playbook", "up.yml", "--limit", limit, SANDBOX_HOME=str(tmp_path / "state"))
        assert done.returncode != 0
        assert done.stdout == (
            f"ERROR: --limit {limit} would leave a part of the federation out, and up works on all of it: "
            "run it without --limit.\n"
        )
    assert not (tmp_path / "state").exists()


def test_an_aws_run_asks_the_users_endpoint_with_the_users_keys(
    command: Command, checkout: Path, tmp_path: Path, recorders: Callable[[], Recorder]
) -> None:
    users, sandbox = recorders(), recorders()
    environment = {
        **KEYS,
        "AWS_ENDPOINT_URL": users.url,
        "SANDBOX_HOME": str(tmp_path / "state"),
        "SANDBOX_RECORDER": sandbox.url,
    }
    # The setting is meant, whatever region the user's shell has.
    done = command(
        "ansible-playbook", "-i", "inventory/aws", "play.yml", folder=checkout, AWS_REGION="eu-west-1", **environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    asked = [authorization for _, _, authorization in users.asked if "/ec2/" in authorization]
    assert asked
    assert all("/us-west-2/ec2/" in each for each in asked)
    assert sandbox.asked == []
    assert not (tmp_path / "state").exists()
    assert set(users.actions) == {"GetCallerIdentity", "DescribeInstances", "DescribeVpcs"}
    assert all("Credential=AKIAUSER/" in authorization for _, _, authorization in users.asked)
    assert done.stderr == ""


def test_a_profile_of_the_user_is_used(
    command: Command, checkout: Path, hostile: tuple[Recorder, dict[str, str]], tmp_path: Path
) -> None:
    users, environment = hostile
    wanted = {name: environment[name] for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    done = command("ansible-inventory", "-i", "inventory/aws", "--graph", folder=checkout, **wanted)
    assert done.returncode == 0, done.stderr
    assert users.actions == ["GetCallerIdentity", "DescribeInstances", "DescribeInstances"]
    assert all("Credential=AKIAFILE/" in authorization for _, _, authorization in users.asked)


def test_name_and_region_reach_the_filter_from_the_command_line_and_the_file(
    command: Command, checkout: Path, recorders: Callable[[], Recorder]
) -> None:
    users = recorders()
    environment = {**KEYS, "AWS_ENDPOINT_URL": users.url}
    arguments = ("ansible-inventory", "-i", "inventory/aws", "--graph")
    chosen = ("-e", "federation_name=other", "-e", "federation_region=eu-north-1")
    assert command(*arguments, *chosen, folder=checkout, **environment).returncode == 0
    settings = checkout / "group_vars" / "all.yml"
    settings.write_text(settings.read_text().replace("federation_name: agraph", "federation_name: mine"))
    assert command(*arguments, folder=checkout, **environment).returncode == 0
    bodies = [(body, authorization) for action, body, authorization in users.asked if "Filter.1" in body]
    assert ["Filter.1.Value.1=other" in bodies[0][0], "Filter.1.Value.1=mine" in bodies[1][0]] == [True, True]
    assert ["/eu-north-1/" in bodies[0][1], "/us-west-2/" in bodies[1][1]] == [True, True]
    for state in ("pending", "running", "stopping", "stopped"):
        assert state in bodies[0][0]


def one_sentence(done: object) -> str:
    """Return the only line that a refused run prints."""
    lines = (getattr(done, "stdout", "") + getattr(done, "stderr", "")).splitlines()
    assert getattr(done, "returncode", 0) == 1
    assert len(lines) == 1, lines
    assert lines[0].startswith("ERROR: ")
    return str(lines[0])


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2", "AWS_URL"])
def test_an_aws_run_refuses_the_sandbox(command: Command, name: str) -> None:
    listener = socket.create_server(("127.67.0.1", 0))
    listener.settimeout(0.2)
    url = f"http://127.67.0.1:{listener.getsockname()[1]}"
    done = command("ansible-inventory", "-i", "inventory/aws", "--graph", **KEYS, **{name: url})
    assert f"{name} is {url}, which is the sandbox and not AWS" in one_sentence(done)
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()


def test_an_aws_run_without_credentials(command: Command) -> None:
    done = command("ansible-inventory", "-i", "inventory/aws", "--graph")
    assert "No AWS credentials were found; set AWS_PROFILE" in one_sentence(done)


def test_an_aws_run_with_credentials_that_are_refused(command: Command, recorders: Callable[[], Recorder]) -> None:
    users = recorders()
    users.accepts = False
    done = command("ansible-playbook", "-i", "inventory/aws", "x.yml", **KEYS, AWS_ENDPOINT_URL=users.url)
    assert "the playbook: x.yml could not be found" in done.stderr
    done = command("ansible-inventory", "-i", "inventory/aws", "--graph", **KEYS, AWS_ENDPOINT_URL=users.url)
    assert "AWS refuses these credentials (InvalidClientTokenId: " in one_sentence(done)
    assert users.actions == ["GetCallerIdentity"]


def test_a_profile_and_keys_together(command: Command) -> None:
    done = command("ansible-inventory", "-i", "inventory/aws", "--graph", **KEYS, AWS_PROFILE="work")
    assert "Both AWS_PROFILE and AWS_ACCESS_KEY_ID are set" in one_sentence(done)


def test_a_profile_that_is_not_there(command: Command) -> None:
    done = command("ansible-inventory", "-i", "inventory/aws", "--graph", "-e", "federation_profile=nobody", **KEYS)
    assert "The config profile (nobody) could not be found" in one_sentence(done)


@pytest.mark.parametrize("world", ["aws", "sandbox"])
def test_a_region_that_does_not_exist(command: Command, checkout: Path, tmp_path: Path, world: str) -> None:
    arguments = ("-i", f"inventory/{world}", "--graph", "-e", "federation_region=us-wst-2")
    done = command("ansible-inventory", *arguments, folder=checkout, SANDBOX_HOME=str(tmp_path / "state"))
    assert "There is no AWS region 'us-wst-2'; set federation_region to one that is, perhaps us-" in one_sentence(done)
    assert not (tmp_path / "state").exists()


def test_a_misspelt_setting(command: Command, checkout: Path, tmp_path: Path) -> None:
    arguments = ("--graph", "-e", '{"federation_membercount": 3}')
    done = command("ansible-inventory", *arguments, folder=checkout, SANDBOX_HOME=str(tmp_path / "state"))
    sentence = "ERROR: There is no setting federation_membercount; perhaps federation_member_count "
    assert one_sentence(done).startswith(sentence)
    assert not (tmp_path / "state").exists()


def test_a_sandbox_that_cannot_start(command: Command, checkout: Path, tmp_path: Path) -> None:
    environment = {"SANDBOX_HOME": str(tmp_path / "state"), "SANDBOX_FAILS": "nft is missing; install nftables."}
    done = command("ansible-inventory", "--graph", folder=checkout, **environment)
    assert one_sentence(done) == "ERROR: The sandbox does not start: nft is missing; install nftables."


@pytest.mark.parametrize("name", ["20-aws_ec2.yml", "30-groups.yml"])
def test_both_worlds_ask_for_the_same(name: str) -> None:
    one, other = ((ROOT / "inventory" / world / name).resolve() for world in ("sandbox", "aws"))
    assert one == other == ROOT / "inventory/shared" / name
