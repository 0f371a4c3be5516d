"""What a person sees, and what a script can rely on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recorded_aws import ROOT, Command

from plugins.plugin_utils.failures import with_next_command

TABLE = "-------\n| avg |\n=======\n| 0.5 |\n-------\n"
ENDING = """
    - name: End
      ansible.builtin.set_stats:
        data:
          federation_report:
            summary: {members: 2, next: ansible-playbook query.yml}
            table: "-------\\n| avg |\\n=======\\n| 0.5 |\\n-------"
    - name: End more
      ansible.builtin.set_stats:
        data:
          federation_report:
            closing: "up: ready federation=agraph manager=198.51.100.7 members=2"
"""
RESCUE = """
    - name: Guard
      block:
        - name: Go through an include
          ansible.builtin.include_tasks: inner.yml
      rescue:
        - name: Clean up
          ansible.builtin.command: "true"
        - name: Clean up more
          ansible.builtin.command: "false"
          ignore_errors: true
        - name: Say again
          ansible.builtin.fail:
            msg: something failed
"""
INNER = """
- name: sub | Refuse
  ansible.builtin.fail:
    msg: |
      Member 1 is late after 5 s.
      Look at it.
"""


def play(folder: Path, tasks: str, hosts: str = "localhost", name: str = "A phase") -> str:
    (folder / "inventory.yml").write_text(
        "all:\n  hosts:\n    localhost:\n      ansible_connection: local\n"
        f"      ansible_python_interpreter: {sys.executable}\n"
        "    i-0ab:\n      ansible_connection: ssh\n      ansible_host: 127.0.0.1\n      ansible_port: 9\n"
        "      federation_role: member\n      federation_index: 1\n      private_ip_address: 10.0.1.5\n"
    )
    (folder / "inner.yml").write_text(INNER)
    file = folder / "play.yml"
    file.write_text(f"- name: {name}\n  hosts: {hosts}\n  tasks:\n{tasks}\n")
    return str(file)


def printed(command: Command, folder: Path, tasks: str, *arguments: str, hosts: str = "localhost") -> tuple[int, str]:
    file = play(folder, tasks, hosts)
    done = command("ansible-playbook", "-i", str(folder / "inventory.yml"), file, *arguments)
    # What took its time on a busy machine is shown with it.
    text = re.sub(r"^  .*: ok \(\d+ s\)\n", "", done.stdout + done.stderr, flags=re.MULTILINE)
    return done.returncode, re.sub(r" \(\d+ s\)$", "", text, flags=re.MULTILINE)


def standing(folder: Path) -> str:
    return f"  members  2\n  next     ansible-playbook query.yml -i {folder}/inventory.yml\n"


def test_a_good_run_is_short_and_ends_with_table_what_stands_and_closing_line(command: Command, tmp_path: Path) -> None:
    tasks = """
    - name: present | Make something
      ansible.builtin.command: "true"
    - name: Look at something
      ansible.builtin.command: "true"
      changed_when: false
    - name: Leave something out
      ansible.builtin.command: "true"
      when: false
    - name: Make several
      ansible.builtin.command: "echo {{ item }}"
      loop: [1, 2]
    - name: Say what
      ansible.builtin.debug:
        msg: [removed one, removed two]
    - name: Decide
      ansible.builtin.set_fact:
        decided: true
"""
    code, text = printed(command, tmp_path, tasks + ENDING)
    head, _, rest = text.partition("done: ")
    assert code == 0
    assert head == "A phase\n  Make something: changed\n  Make several: changed\n  removed one\n  removed two\n"
    recap, _, rest = rest.partition("\n")
    assert recap.startswith("ok=7 changed=2 unreachable=0 failed=0 rescued=0 in ")
    assert rest == TABLE + standing(tmp_path) + "up: ready federation=agraph manager=198.51.100.7 members=2\n"


def test_the_original_error_is_the_last_line(command: Command, tmp_path: Path) -> None:
    code, text = printed(command, tmp_path, RESCUE + ENDING)
    assert code == 2
    assert text.splitlines()[-1] == "ERROR: Member 1 is late after 5 s. Look at it."
    assert "| avg |" not in text
    assert "members" not in text
    assert "up: ready" not in text
    assert text.count("something failed") == 0


def test_a_rescue_that_helped_is_no_error(command: Command, tmp_path: Path) -> None:
    tasks = """
    - name: Guard
      block:
        - name: Fail at first
          ansible.builtin.command: "false"
      rescue:
        - name: Help
          ansible.builtin.command: "true"
"""
    assert printed(command, tmp_path, tasks + ENDING)[0] == 0
    later = "    - name: Fail for good\n      ansible.builtin.fail:\n        msg: For another reason.\n"
    code, text = printed(command, tmp_path, tasks + later)
    assert (code, text.splitlines()[-1]) == (2, "ERROR: For another reason.")


def test_a_failed_module_is_named_with_its_task(command: Command, tmp_path: Path) -> None:
    tasks = """
    - name: Copy something
      ansible.builtin.copy:
        src: /nonexistent
        dest: /tmp/x
        mode: "0600"
    """
    last = printed(command, tmp_path, tasks)[1].splitlines()[-1]
    assert last.startswith("ERROR: Copy something: Could not find or access '/nonexistent' on the Ansible Controller.")
    assert last.endswith("Run it again with -v to see all of it.")
    assert "Traceback" not in last


def test_a_commands_last_words_are_told(command: Command, tmp_path: Path) -> None:
    tasks = "    - name: Try\n      ansible.builtin.shell: echo one; echo the reason >&2; exit 3\n"
    assert "Try: " in (last := printed(command, tmp_path, tasks)[1].splitlines()[-1])
    assert ": the reason." in last


def test_the_failed_items_of_a_loop_are_told(command: Command, tmp_path: Path) -> None:
    tasks = """
    - name: Check each
      ansible.builtin.fail:
        msg: "{{ item }} is bad."
      when: item != 'b'
      loop: [a, b, c]
    """
    assert printed(command, tmp_path, tasks)[1].splitlines()[-1] == "ERROR: a is bad. c is bad."


def test_a_node_that_cannot_be_reached_is_named(command: Command, tmp_path: Path) -> None:
    tasks = "    - name: Reach\n      ansible.builtin.raw: echo\n"
    code, text = printed(command, tmp_path, tasks, hosts="i-0ab")
    assert code == 4
    assert text.splitlines()[-1].startswith("ERROR: Member 1 (i-0ab, 10.0.1.5) cannot be reached: ")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("[Errno 5] Input/output error", "the session broke off."),
        ("EXEC command 'sudo -H sh' timeout on host: i-0ab", "a command did not end in time."),
        (
            "An error occurred (TargetNotConnected) when calling the StartSession operation: i-0ab is not connected.",
            "StartSession is refused with TargetNotConnected: i-0ab is not connected.",
        ),
        (
            "Failed to create temporary directory. In some cases, you may. Failed command was: ( umask 77 ), exited "
            "with result 1, stdout output: mkdir: cannot create directory '/tmp/a': No space left on device",
            "nothing can be written there: mkdir: cannot create directory '/tmp/a': No space left on device.",
        ),
    ],
)
def test_a_lost_connection_is_told_in_plain_words(command: Command, tmp_path: Path, said: str, told: str) -> None:
    tasks = f"    - name: Reach\n      ansible.builtin.fail:\n        msg: {json.dumps(said)}\n"
    last = printed(command, tmp_path, tasks, hosts="i-0ab")[1].splitlines()[-1]
    assert last.startswith(f"ERROR: Member 1 (i-0ab, 10.0.1.5) cannot be reached: {told} Is its SSM agent online")


def test_a_session_that_is_not_allowed_is_no_lost_connection(command: Command, tmp_path: Path) -> None:
    why = "User: olga is not authorized to perform: ssm:StartSession on resource: i-0ab"
    said = f"An error occurred (AccessDeniedException) when calling the StartSession operation: {why}"
    tasks = f"    - name: Reach\n      ansible.builtin.fail:\n        msg: {json.dumps(said)}\n"
    assert printed(command, tmp_path, tasks, hosts="i-0ab")[1].splitlines()[-1] == (
        "ERROR: Member 1 (i-0ab, 10.0.1.5) cannot be reached: StartSession is refused with AccessDeniedException: "
        f"{why}. The credentials may not do this: have it allowed, as docs/operator-policy.md says."
    )


def test_what_aws_refuses_comes_with_what_to_do(command: Command, tmp_path: Path) -> None:
    refusal = "An error occurred (UnauthorizedOperation) when calling the CreateVpc operation: You may not"
    tasks = f"    - name: Make\n      ansible.builtin.fail:\n        msg: {json.dumps(refusal)}\n"
    last = printed(command, tmp_path, tasks)[1].splitlines()[-1]
    remedy = "The credentials may not do this: have it allowed, as docs/operator-policy.md says."
    assert last == f"ERROR: {refusal}. {remedy}"


HIDING = """
import traceback
from ansible.module_utils.basic import AnsibleModule
from botocore.exceptions import ClientError
module = AnsibleModule({})
try:
    try:
        raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "You may not"}}, "CreateSecurityGroup")
    except ClientError as error:
        raise RuntimeError("Failed to create security group") from error
except RuntimeError as error:
    module.fail_json(msg=str(error), exception=traceback.format_exc())
"""


def test_what_a_module_keeps_to_itself_is_said_without_the_traceback(command: Command, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "hiding.py").write_text(HIDING)
    text = printed(command, tmp_path, "    - name: Make\n      hiding:\n")[1]
    assert text.splitlines()[-1].startswith(
        "ERROR: Failed to create security group: An error occurred (UnauthorizedOperation) when calling the "
        "CreateSecurityGroup operation: You may not. The credentials may not do this: have it allowed"
    )
    assert "Traceback" not in text


def test_words_of_the_plays_own_replace_the_error(command: Command, tmp_path: Path) -> None:
    tasks = """
    - name: Say it better
      ansible.builtin.set_stats:
        data:
          federation_report: {error: "One sentence, and what to do."}
    - name: Fail
      ansible.builtin.fail:
        msg: raw
    """
    assert printed(command, tmp_path, tasks)[1].splitlines()[-1] == "ERROR: One sentence, and what to do."


def test_check_mode_says_would(command: Command, tmp_path: Path) -> None:
    tasks = "    - name: Write\n      ansible.builtin.copy: {content: x, dest: /nonexistent-file, mode: '0600'}\n"
    text = printed(command, tmp_path, tasks, "--check", "--diff")[1]
    assert text.startswith("check mode: nothing is going to be changed\nA phase\n  Write: would change\n--- before\n")


def test_verbose_is_ansibles_own_output_with_the_same_ending(command: Command, tmp_path: Path) -> None:
    code, text = printed(command, tmp_path, ENDING, "-v")
    assert code == 0
    assert "TASK [End] ***" in text
    assert "PLAY RECAP" in text
    assert text.endswith(TABLE + standing(tmp_path) + "up: ready federation=agraph manager=198.51.100.7 members=2\n")
    assert printed(command, tmp_path, RESCUE, "-v")[1].splitlines()[-1].startswith("ERROR: Member 1 is late")


WAITING = """
    - name: Say that it waits
      ansible.builtin.debug: {msg: It waits.}
    - name: Wait
      ansible.builtin.shell: |
        touch {{ playbook_dir }}/waits
        for each in $(seq 600); do test -e $FEDERATION_STOP_FILE && break; sleep 0.1; done
      changed_when: false
    - name: End
      ansible.builtin.set_stats:
        data: {federation_report: {closing: "It is closed."}}
"""


@pytest.mark.parametrize("verb", ["tunnel", "query"])
def test_ctrl_c_is_how_a_tunnel_ends_and_an_error_for_the_others(tmp_path: Path, verb: str) -> None:
    file = Path(play(tmp_path, WAITING)).rename(tmp_path / f"{verb}.yml")
    process = subprocess.Popen(
        # Whoever runs the tests may have Ctrl-C ignored, and what is started inherits that.
        [
            "env",
            "--default-signal=INT",
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            str(tmp_path / "inventory.yml"),
            str(file),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "It waits." in line:
                break
        # A worker that is interrupted while it hands a result over would have Ansible wait for it for ever.
        while not (tmp_path / "waits").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.stdout.read().splitlines()
        process.wait()
    finally:
        process.kill()
    if verb == "tunnel":
        assert (process.returncode, said[-1]) == (0, "It is closed.")
    else:
        assert process.returncode != 0
        assert said[-1] == "ERROR: query was interrupted."
        assert not [line for line in said if "Traceback" in line], said


LANES = """
- name: Lanes
  hosts: [localhost, beside]
  strategy: ansible.builtin.free
  gather_facts: false
  tasks:
    - name: Go on, or remember it
      block:
        - name: Make the slow thing
          ansible.builtin.command: sleep 3
          when: inventory_hostname == 'localhost'
        - name: Make the quick thing
          ansible.builtin.command: "true"
          when: inventory_hostname == 'beside'
        - name: Refuse
          ansible.builtin.fail: {msg: Of this reason.}
          when: inventory_hostname == refusing | default('')
      rescue:
        - name: Remember it
          ansible.builtin.set_fact: {lane_failed: true}
- name: After
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Guard
      block:
        - name: End with the error that led here
          ansible.builtin.fail: {msg: Something failed.}
          when: hostvars | dict2items | map(attribute='value') | selectattr('lane_failed', 'defined') | length > 0
      rescue:
        - name: Clean up
          ansible.builtin.command: "true"
        - name: End with the error that led here
          ansible.builtin.fail: {msg: It was cleaned up.}
"""


def lanes(command: Command, folder: Path, *arguments: str) -> tuple[int, str]:
    local = f"{{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}"
    (folder / "inventory.yml").write_text(f"all: {{hosts: {{localhost: , beside: }}, vars: {local}}}\n")
    (folder / "lanes.yml").write_text(LANES)
    done = command("ansible-playbook", "-i", str(folder / "inventory.yml"), str(folder / "lanes.yml"), *arguments)
    return done.returncode, done.stdout + done.stderr


def test_a_task_has_its_line_and_its_time_whatever_the_other_lane_does(command: Command, tmp_path: Path) -> None:
    code, text = lanes(command, tmp_path)
    assert code == 0, text
    head = text.partition("done: ")[0]
    quick, slow = r"  Make the quick thing: changed( \(2 s\))?", r"  Make the slow thing: changed \(([3-9]|\d\d) s\)"
    assert re.fullmatch(f"Lanes\n{quick}\n{slow}\n", head), head


@pytest.mark.parametrize("host", ["localhost", "beside"])
def test_the_error_of_a_lane_is_the_last_line_of_the_play_after_it(command: Command, tmp_path: Path, host: str) -> None:
    code, text = lanes(command, tmp_path, "-e", f"refusing={host}")
    assert (code, text.splitlines()[-1]) == (2, "ERROR: Of this reason.")
    assert "  Make the slow thing: changed" in text
    assert "  Clean up: changed" in text
    assert "Something failed" not in text


def test_what_can_be_repeated_says_how() -> None:
    said = with_next_command("Member 0 died", "up", "agraph")
    assert said == "Member 0 died. Then repeat: ansible-playbook up.yml -e federation_name=agraph"
    assert with_next_command(said, "up", "agraph") == said
    assert with_next_command("It is refused.", "query", "agraph") == "It is refused."
    held = "It is being worked on: repeat this with -e federation_take_over=true"
    assert with_next_command(held, "up", "agraph") == held
