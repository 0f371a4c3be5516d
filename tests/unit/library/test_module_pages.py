"""Each module's page renders, and says about the options what the module does."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pretended_agraph import ROOT

MODULES = sorted(path.stem for path in (ROOT / "library").glob("*.py"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    command = [str(Path(sys.executable).parent / "ansible-doc"), "-t", "module", "-M", "library", "--json", *MODULES]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path_factory.mktemp("home"))}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("name", MODULES)
def test_the_page_renders(pages: dict[str, Any], name: str) -> None:
    page = pages[name]
    assert page["doc"]["short_description"]
    assert page["examples"]
    assert page["return"]


class Captured(Exception):  # noqa: N818  # not an error
    """Carries a module's arguments out of its main."""


def arguments_of(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the module declares to Ansible, or what runs in its place on the controller."""
    if (ROOT / "plugins" / "action" / f"{name}.py").exists():
        instead: dict[str, Any] = importlib.import_module(f"plugins.action.{name}").ARGUMENTS
        return instead
    module = importlib.import_module(f"library.{name}")

    def capture(argument_spec: dict[str, Any], **_: Any) -> None:
        raise Captured(argument_spec)

    for each in ("AnsibleModule", "AnsibleAWSModule"):
        if hasattr(module, each):
            monkeypatch.setattr(module, each, capture)
    with pytest.raises(Captured) as caught:
        module.main()
    arguments: dict[str, Any] = caught.value.args[0]
    return arguments


@pytest.mark.parametrize("name", MODULES)
def test_the_page_agrees_with_the_arguments(pages: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(arguments_of(name, monkeypatch), pages[name]["doc"]["options"])


def compare(arguments: dict[str, Any], options: dict[str, Any]) -> None:
    # Modules for AWS have the options that all of amazon.aws has, besides their own.
    assert set(arguments) <= set(options)
    assert "region" in options or set(arguments) == set(options)
    facts = {"type": "str", "default": None, "required": False, "choices": None, "elements": None}
    for name, argument in arguments.items():
        for fact, fallback in facts.items():
            assert argument.get(fact, fallback) == options[name].get(fact, fallback), (name, fact)
        if "options" in argument:
            compare(argument["options"], options[name]["suboptions"])


@pytest.mark.parametrize("name", MODULES)
def test_passwords_are_kept_out_of_logs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = arguments_of(name, monkeypatch)
    assert all(argument.get("no_log") for key, argument in arguments.items() if "password" in key)
