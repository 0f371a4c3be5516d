"""What a query needs of the screen: its width, and a way to it that changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from recorded_aws import ROOT, Command

PLAY = """
- name: A phase
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Say how wide it is
      ansible.builtin.debug:
        msg: "It has {{ lookup('ansible.builtin.env', 'FEDERATION_COLUMNS') }} columns."
    - name: End
      ansible.builtin.set_stats:
        data: {federation_report: {text: "{{ said }}", closing: That is all.}}
      vars:
        said: !unsafe "a,b\\r\\n\\"one\\r\\ntwo\\",\\t{{ é\\x1b\\r\\n"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "play.yml"
    file.write_text(PLAY)
    return file


@pytest.mark.parametrize(("given", "said"), [("", "0"), ("132", "132")])
def test_what_is_no_terminal_is_as_wide_as_it_says(command: Command, file: Path, given: str, said: str) -> None:
    done = command("ansible-playbook", "-i", "localhost,", str(file), COLUMNS=given)
    assert f"It has {said} columns." in done.stdout, done.stdout + done.stderr


def test_a_text_for_programs_is_written_as_it_is(file: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", str(file)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert done.stdout.endswith(' s\na,b\r\n"one\r\ntwo",\t{{ é\x1b\r\nThat is all.\n'.encode())
