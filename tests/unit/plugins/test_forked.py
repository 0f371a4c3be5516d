"""Modules that run in forks of Ansible's process, as in an interpreter of their own but for what it has ready."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from recorded_aws import Command

MODULE = """
import os, signal, sys
ready = sorted(name for name in ("boto3", "ansible.constants", "ansible.plugins.loader") if name in sys.modules)
from ansible.module_utils import basic
from ansible.module_utils._internal import is_controller
import ansible_collections.amazon.aws.plugins.module_utils.core as core

module = basic.AnsibleModule({"do": {"default": "tell"}}, supports_check_mode=True)
do = module.params["do"]
if do == "crash":
    raise RuntimeError("It has crashed.")
if do == "sleep":
    open(os.path.join(os.path.dirname(os.path.dirname(module.tmpdir)), "sleeper"), "w").write(str(os.getpid()))
    signal.pause()
if do == "die":
    os.kill(os.getpid(), signal.SIGKILL)
module.warn("This is a warning.")
module.exit_json(
    ready=ready,
    utils=[os.path.basename(each.__file__.partition(".zip/")[0]) for each in (basic, core)],
    is_controller=is_controller,
    read=sys.stdin.read(),
    folder=os.getcwd(),
    process=os.getpid(),
    tmp=os.path.isdir(module.tmpdir) and module.tmpdir,
    handlers=[signal.getsignal(number) == signal.SIG_DFL for number in (signal.SIGTERM, signal.SIGALRM)],
    variable=os.environ.get("FORKED_TEST"),
    long="x" * (3_000_000 if do == "much" else 3),
    files=sorted(os.listdir("/proc/self/fd")),
)
"""


@pytest.fixture
def told(command: Command, tmp_path: Path) -> Any:
    """Run a module over a connection and return what comes back, as the last task's JSON."""

    def run(connection: str, do: str = "tell", **keywords: Any) -> dict[str, Any]:
        for folder in ("library", "remote"):
            (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / "library/telling.py").write_text(MODULE)
        tasks = [
            {"name": "Tell", "telling": {"do": do}, "register": "told", "ignore_errors": True, **keywords},
            {
                "name": "Write",
                "ansible.builtin.copy": {"content": "{{ told | to_json }}", "dest": f"{tmp_path}/told", "mode": "0600"},
            },
        ]
        (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "here", "gather_facts": False, "tasks": tasks}]))
        here = {
            "ansible_connection": connection,
            "ansible_python_interpreter": sys.executable,
            "ansible_pipelining": True,
            "ansible_remote_tmp": f"{tmp_path}/remote",
        }
        (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"here": here}}}))
        done = command("ansible-playbook", "-i", f"{tmp_path}/hosts.yml", f"{tmp_path}/play.yml")
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads((tmp_path / "told").read_text()))

    return run


def test_a_module_is_as_it_would_be_in_an_interpreter_of_its_own(told: Any) -> None:
    forked, alone = told("forked"), told("local")
    assert (forked.pop("ready"), alone.pop("ready")) == (["boto3"], [])
    assert forked["utils"] == ["ansible_telling_payload"] * 2
    assert not Path(forked["tmp"]).exists()
    assert forked["warnings"] == ["This is a warning."]
    assert forked["process"] != alone["process"]
    of_its_own = ("process", "tmp")
    assert {name: it for name, it in forked.items() if name not in of_its_own} == {
        name: it for name, it in alone.items() if name not in of_its_own
    }


def test_one_that_crashes_or_dies_fails_and_says_how(told: Any) -> None:
    for connection in ("forked", "local"):
        crashed, died = told(connection, "crash"), told(connection, "die")
        assert crashed["failed"]
        assert "It has crashed." in crashed["msg"], crashed
        assert died["failed"]
        assert died["rc"] == (-9 if connection == "forked" else 137), died


def test_much_is_handed_over_and_an_environment_of_its_own_is_kept(told: Any) -> None:
    assert len(told("forked", "much")["long"]) == 3_000_000
    with_variable = told("forked", environment={"FORKED_TEST": "set"})
    assert (with_variable["variable"], with_variable["ready"]) == ("set", [])


def test_one_whose_time_is_over_ends(told: Any, tmp_path: Path) -> None:
    assert "imed out" in told("forked", "sleep", timeout=10)["msg"]
    assert not Path(f"/proc/{(tmp_path / 'sleeper').read_text()}").exists()
