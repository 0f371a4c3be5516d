"""Ansible's own aws_ssm connection, our plugin, the gateway and agents on loopback: no namespaces needed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from session_manager_bench import Bench, api, aws_environment, bench

NODES = [f"i-{number:017x}" for number in (1, 2, 3)]
BUCKET = "the-connection-s-bucket"
BIN = Path(sys.executable).parent

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: A shell of the node
      ansible.builtin.raw: echo "on $(hostname)"; echo second
      register: shell
    - name: An exit code
      ansible.builtin.raw: exit 3
      register: failing
      failed_when: failing.rc != 3
    - name: No last newline, as AWS's own plugin gives it
      ansible.builtin.raw: printf abc
      register: bare
    - name: A directory
      ansible.builtin.file:
        path: "{{ place }}/{{ inventory_hostname }}"
        state: directory
        mode: "0755"
    - name: A file
      ansible.builtin.copy:
        content: "{{ content }}"
        dest: "{{ place }}/{{ inventory_hostname }}/copied"
        mode: "0640"
      register: first
    - name: The same file again
      ansible.builtin.copy:
        content: "{{ content }}"
        dest: "{{ place }}/{{ inventory_hostname }}/copied"
        mode: "0640"
      register: second
    - name: A command
      ansible.builtin.command: cat {{ place }}/{{ inventory_hostname }}/copied
      register: read
      changed_when: false
    - name: A lot of output
      ansible.builtin.command: seq 1 20000
      register: sequence
      changed_when: false
    - name: Somebody else, who may not reach this machine's interpreter
      ansible.builtin.raw: id -un
      register: other
      become: true
      become_user: nobody
    - name: A module as the superuser
      ansible.builtin.command: id -un
      register: superuser
      changed_when: false
      become: true
    - name: A file from the node
      ansible.builtin.fetch:
        src: "{{ place }}/{{ inventory_hostname }}/copied"
        dest: "{{ place }}/fetched-{{ inventory_hostname }}"
        flat: true
    - name: What came of it
      ansible.builtin.copy:
        content: "{{ {'shell': shell.stdout_lines, 'bare': bare.stdout, 'again': second.changed, 'first': first.changed,
          'read': read.stdout, 'lines': sequence.stdout_lines | length, 'other': other.stdout_lines,
          'superuser': superuser.stdout} | to_json }}"
        dest: "{{ place }}/result-{{ inventory_hostname }}.json"
        mode: "0644"
      delegate_to: localhost
"""

SUDO = """#!/bin/bash
# What a node without sudo gets: enough of it for become.
while [[ $1 == -* ]]; do
  case $1 in -u) user=$2; shift 2 ;; *) shift ;; esac
done
exec setpriv --reuid "${user:-root}" --regid "$(id -g "${user:-root}")" --clear-groups "$@"
"""


@dataclass(frozen=True)
class Site:
    """Agents, the API's URL and a bucket."""

    bench: Bench
    endpoint: str
    directory: Path

    def play(self, playbook: str, *hosts: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        path = self.directory / "playbook.yml"
        path.write_text(playbook)
        lines = [
            f"{host} ansible_connection=amazon.aws.aws_ssm ansible_aws_ssm_bucket_name={BUCKET}"
            f" ansible_aws_ssm_region=us-west-2 ansible_aws_ssm_s3_addressing_style=path"
            f" ansible_aws_ssm_bucket_endpoint_url={self.endpoint} ansible_aws_ssm_plugin={BIN}/session-manager-plugin"
            f" ansible_python_interpreter={sys.executable} ansible_remote_tmp={self.directory}/remote"
            for host in hosts
        ]
        inventory = self.directory / "hosts"
        inventory.write_text(
            "\n".join([*lines, f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}"])
        )
        (self.directory / "ansible.cfg").write_text("[defaults]\nforks = 5\n")
        limit = ["--limit", ",".join(hosts), "-e", json.dumps({"place": str(self.directory), **variables})]
        environment = aws_environment(self.endpoint) | {
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_CONFIG": str(self.directory / "ansible.cfg"),
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }
        return subprocess.run(
            [str(BIN / "ansible-playbook"), "-i", str(inventory), *limit, str(path)],
            env=environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    tmp_path.chmod(0o755)
    programs = tmp_path / "programs"
    programs.mkdir()
    if shutil.which("sudo") is None:
        (programs / "sudo").write_text(SUDO)
        (programs / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with bench(tmp_path) as made, api(made.gateway) as endpoint:
        s3 = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-west-2", aws_access_key_id="x", aws_secret_access_key="x"
        )
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        for node in NODES:
            made.node(node)
        yield Site(made, endpoint, tmp_path)
        for stored in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=stored["Key"])
        s3.delete_bucket(Bucket=BUCKET)


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else needs root")
def test_raw_command_copy_fetch_and_become_work_on_three_nodes_at_once(site: Site) -> None:
    content = "grüße {{ not templated }}\n'quoted' \"twice\" $HOME `x`\n" + "long line " * 1000 + "\n"
    went = site.play(PLAYBOOK, *NODES, content={"__ansible_unsafe": content})
    assert went.returncode == 0, went.stdout + went.stderr
    for node in NODES:
        result = json.loads((site.directory / f"result-{node}.json").read_text())
        # A line ends with two carriage returns: one of the terminal there, one of the terminal here.
        assert [line for line in result["shell"] if line] == [f"on {os.uname().nodename}", "second"]
        assert result["bare"] == "abc\r"
        assert (result["first"], result["again"]) == (True, False)
        assert result["read"] == content.rstrip("\n")
        assert result["lines"] == 20_000
        assert [line for line in result["other"] if line] == ["nobody"]
        assert result["superuser"] == "root"
        assert (site.directory / f"fetched-{node}").read_text() == content
        assert (site.directory / node / "copied").stat().st_mode & 0o777 == 0o640
    assert site.bench.gateway.sessions.describe("us-west-2", history=False) == []


def test_a_target_that_is_not_connected_fails_with_its_name(site: Site) -> None:
    went = site.play(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.raw: 'true'\n", "i-0000000000000dead"
    )
    assert went.returncode != 0
    assert "TargetNotConnected" in went.stdout + went.stderr
    assert "i-0000000000000dead is not connected" in went.stdout + went.stderr
