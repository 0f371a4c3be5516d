"""What every role and playbook promises to a reader."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import ROOT

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
WITH_SETTINGS = [role for role in ROLES if (ROOT / "roles" / role / "defaults/main.yml").exists()]
TWO_WAYS = [role for role in WITH_SETTINGS if (ROOT / "roles" / role / "tasks" / "absent.yml").exists()]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("role", WITH_SETTINGS)
def test_defaults_and_argument_specs_agree(role: str) -> None:
    defaults = read(ROOT / "roles" / role / "defaults/main.yml")
    options = read(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert list(defaults) == list(options)
    for name, option in options.items():
        assert option["description"], name
        assert str(option["default"]).strip() == str(defaults[name]).strip(), name


@pytest.mark.parametrize("role", WITH_SETTINGS)
def test_public_names_begin_with_the_role(role: str) -> None:
    assert all(name.startswith(f"{role}_") for name in read(ROOT / "roles" / role / "defaults/main.yml"))


@pytest.mark.parametrize("role", TWO_WAYS)
def test_present_and_absent_stand_side_by_side(role: str) -> None:
    options = read(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert options[f"{role}_state"]["choices"] == ["present", "absent"]
    assert (ROOT / "roles" / role / "tasks/present.yml").exists()


def test_down_removes_all_that_can_be_absent() -> None:
    order = read(ROOT / "roles/removal/vars/main.yml")["__removal_order"]
    assert sorted(order) == TWO_WAYS


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_a_playbook_is_short_and_says_what_it_costs_and_deletes(playbook: Path) -> None:
    lines = playbook.read_text().splitlines()
    assert len(lines) <= 30
    header = " ".join(line for line in lines[1:6] if line.startswith("#"))
    assert re.search("costs", header, re.IGNORECASE)
    assert re.search("deletes", header, re.IGNORECASE)


def test_the_verbs_stand_at_the_root() -> None:
    for playbook in PLAYBOOKS:
        (play,) = read(ROOT / playbook.name)
        assert play["ansible.builtin.import_playbook"] == f"playbooks/{playbook.name}"


@pytest.mark.parametrize("role", ROLES)
def test_no_role_knows_the_sandbox(role: str) -> None:
    for path in (ROOT / "roles" / role).rglob("*"):
        if path.is_file():
            assert "sandbox" not in path.read_text().lower(), path


def test_names_are_spelled_out_in_one_place() -> None:
    spelled = re.compile(r"federation_name\s*}}-|federation_name\s*~\s*'-")
    for path in (ROOT / "roles").rglob("*.yml"):
        if "roles/names/" not in str(path):
            assert not spelled.search(path.read_text()), path
