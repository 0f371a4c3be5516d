"""What a person at a terminal sees: a line a phase, which lives while it is under way, and how the run ended."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from recorded_aws import ROOT

from plugins.plugin_utils.live_line import ERASE

HEAD = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: Before all.}
"""
PHASES = """
- name: Cloud
  hosts: localhost
  gather_facts: false
  tasks:
    - name: present | Make it
      ansible.builtin.command: "true"
    - name: Say what
      ansible.builtin.debug: {msg: "It says this, for ansible-playbook down.yml"}
- name: Nothing
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Leave it out
      ansible.builtin.command: "true"
      when: false
- name: Nodes
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Look for what is known already
      ansible.builtin.command: "true"
      when: false
    - name: Wait for the agents
      ansible.builtin.wait_for: {path: "{{ playbook_dir }}/come", timeout: 20, sleep: 1}
    - name: Load
      ansible.builtin.shell: |
        echo "loading 1,200,000 of 5,000,000 triples" > $FEDERATION_PROGRESS_FILE
        for each in $(seq 300); do test -e {{ playbook_dir }}/loaded && break; sleep 0.1; done
    - name: Try until it works
      ansible.builtin.command: "test -e {{ playbook_dir }}/works"
      register: tried
      until: tried is succeeded
      retries: 20
      delay: 1
      changed_when: false
    - name: End
      ansible.builtin.set_stats:
        data: {federation_report: {summary: {next: ansible-playbook query.yml}, closing: "up: ready"}}
"""
FAILING = """
- name: Nodes
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Guard
      block:
        - name: Wait for the agents
          ansible.builtin.fail: {msg: Member 1 is late after 5 s.}
      rescue:
        - name: Clean up
          ansible.builtin.command: "true"
        - name: End with the error that led here
          ansible.builtin.fail: {msg: It was cleaned up.}
"""
LANES = """
- name: Lanes
  hosts: [localhost, beside]
  strategy: ansible.builtin.free
  gather_facts: false
  tasks:
    - name: Make the slow thing
      ansible.builtin.wait_for: {path: "{{ playbook_dir }}/go", timeout: 20, sleep: 1}
      when: inventory_hostname == 'localhost'
    - name: Make a quick thing
      ansible.builtin.command: sleep 0.2
      loop: "{{ range(8) | list }}"
      when: inventory_hostname == 'beside'
    - name: Say that it is time
      ansible.builtin.copy: {content: "", dest: "{{ playbook_dir }}/go", mode: "0600"}
      when: inventory_hostname == 'beside'
"""


class Terminal:
    """A terminal in which a playbook runs; what is seen in it can be answered."""

    def __init__(self, folder: Path, playbook: str, *arguments: str, columns: int = 100, verb: str = "up") -> None:
        local = f"{{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}"
        (folder / "inventory.yml").write_text(f"all: {{hosts: {{localhost: , beside: }}, vars: {local}}}\n")
        (folder / f"{verb}.yml").write_text(f"---{playbook}")
        self.folder = folder
        self.seen = ""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_", "COLUMNS"))
        }
        self.process = subprocess.Popen(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                *("-i", str(folder / "inventory.yml"), str(folder / f"{verb}.yml"), *arguments),
            ],
            cwd=ROOT,
            env={
                **{**kept, "TERM": "xterm", "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_NOCOLOR": "1"},
                # A pace of its own: nothing that was measured is said of it.
                "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            },
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def until(self, pattern: str) -> None:
        """Read until something is seen."""
        while not re.search(pattern, self.seen):
            assert self._read(), f"{pattern} was not seen in:\n{self.seen}"

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read():
            pass
        os.close(self._ours)
        return self.process.wait()

    def touch(self, name: str) -> None:
        """Let go on what waits for a file."""
        (self.folder / name).touch()

    @property
    def stays(self) -> list[str]:
        """What is there in the end, without times."""
        lines = [line.rpartition(ERASE)[2] for line in self.seen.replace("\r\n", "\n").split("\n")]
        return [re.sub(r"  \d+:\d\d$", "", line) for line in lines]

    @property
    def drawn(self) -> list[str]:
        """Each line that lived, in order."""
        return [re.split(r"\r\n|\r", each)[0] for each in self.seen.split(ERASE)[1:]]

    def _read(self) -> bool:
        try:
            chunk = os.read(self._ours, 4096)
        except OSError:  # The terminal's other end is closed.
            return False
        self.seen += chunk.decode()
        return bool(chunk)


def test_each_phase_has_a_line_that_lives_and_one_that_stays(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, PHASES)
    terminal.until(r"Nodes  Wait for the agents  0:\d\d\r")
    terminal.until(r"Nodes  Wait for the agents  0:0[1-9]")
    terminal.touch("come")
    terminal.until(r"Nodes  loading 1,200,000 of 5,000,000 triples  0:\d\d")
    terminal.touch("loaded")
    terminal.until(r"Nodes  Try until it works: attempt \d+ of 21  0:\d\d")
    terminal.touch("works")
    assert terminal.end() == 0, terminal.seen
    inventory = f"-i {tmp_path}/inventory.yml"
    assert terminal.stays == [
        "Cloud",
        f"  It says this, for ansible-playbook down.yml {inventory}",
        "Cloud  1 changed",
        "Nodes  1 changed",
        "Total  2 changed",
        f"  next  ansible-playbook query.yml {inventory}",
        "up: ready",
        "",
    ]


def test_the_next_run_knows_how_long_it_takes(tmp_path: Path) -> None:
    for name in ("come", "loaded", "works"):
        (tmp_path / name).touch()
    assert Terminal(tmp_path, PHASES).end() == 0
    kept = json.loads((tmp_path / "home/durations.json").read_text())
    assert [each["kind"]["verb"] for each in kept] == ["up"]
    assert list(kept[0]["phases"]) == ["Cloud", "Nothing", "Nodes"]
    kept[0]["phases"]["Nodes"] = 75.0
    (tmp_path / "home/durations.json").write_text(json.dumps(kept))
    (tmp_path / "come").unlink()
    terminal = Terminal(tmp_path, PHASES)
    terminal.until("Nodes  Wait for the agents  0:0\\d of about 1:15")
    terminal.touch("come")
    assert terminal.end() == 0


def test_a_narrow_window_has_a_narrow_line(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, PHASES, columns=24)
    terminal.until(r"Nodes  Wait for…  0:0\d")
    for name in ("come", "loaded", "works"):
        terminal.touch(name)
    assert terminal.end() == 0, terminal.seen
    assert max(len(each) for each in terminal.drawn if each.startswith("Nodes")) < 24


def test_an_error_is_said_where_it_comes_up_and_at_the_end(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, FAILING, verb="query")
    assert terminal.end() == 2, terminal.seen
    assert terminal.stays == [
        "Nodes",
        "  Wait for the agents: failed",
        "    Member 1 is late after 5 s.",
        "Nodes  failed",
        "ERROR: Member 1 is late after 5 s.",
        "",
    ]
    assert not (tmp_path / "home/durations.json").exists()


def test_two_lanes_share_the_line_without_flicker(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, LANES)
    assert terminal.end() == 0, terminal.seen
    titles = [found[1] for each in terminal.drawn if (found := re.match(r"Lanes  (\D+)  0:\d\d$", each))]
    assert "Make the slow thing" in titles
    # Once the other one is seen, what began first is over.
    in_order = [title for title, before in zip(titles, [None, *titles[:-1]], strict=True) if title != before]
    assert len(in_order) == len(set(in_order)), titles
    assert terminal.stays == ["Lanes  2 changed", ""]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_ends_with_a_sentence(tmp_path: Path, number: signal.Signals) -> None:
    terminal = Terminal(tmp_path, PHASES, verb="query")
    terminal.until("Nodes  Wait for the agents")
    terminal.process.send_signal(number)
    assert terminal.end() != 0
    assert terminal.stays[-2:] == ["ERROR: query was interrupted.", ""], terminal.seen
    assert terminal.stays[:2] == ["Cloud", f"  It says this, for ansible-playbook down.yml -i {tmp_path}/inventory.yml"]
    assert not (tmp_path / "home/durations.json").exists()


def test_what_is_only_tried_is_shown_step_by_step(tmp_path: Path) -> None:
    write = """
- name: Cloud
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Write
      ansible.builtin.copy: {content: x, dest: /nonexistent-file, mode: "0600"}
"""
    terminal = Terminal(tmp_path, write, "--check")
    assert terminal.end() == 0, terminal.seen
    assert terminal.stays[:3] == ["check mode: nothing is going to be changed", "Cloud", "  Write: would change"]
    assert terminal.stays[3].startswith("done: ok=1 changed=1 ")


def test_with_v_nothing_lives(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, HEAD, "-v")
    assert terminal.end() == 0, terminal.seen
    assert ERASE not in terminal.seen
    assert "PLAY RECAP" in terminal.seen
