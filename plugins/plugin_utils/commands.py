"""The commands inside a sentence, as they have to be typed to mean the same federation as this run does."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COMMAND = re.compile(r"\bansible-playbook \w+\.yml((?: -e [\w.=-]+)*)")
GIVEN = re.compile(r" -e (\w+)=")
# What belongs to one run and not to the federation, and what must not be shown.
OF_ONE_RUN = {"federation_on_failure", "federation_take_over", "federation_discard_data", "federation_result_file"}
OF_ONE_VERB = ("federation_query", "federation_output", "federation_tunnel")
PLAIN = re.compile(r"[\w./:-]+")


def options(inventories: Sequence[str], settings: Mapping[str, Any], here: Path) -> dict[str, str]:
    """Return what a next command has to repeat of this one: the inventories, and settings by their names."""
    repeated = {f"-i {each}": f"-i {shlex.quote(_near(each, here))}" for each in inventories}
    for name, value in settings.items():
        of_one_verb = name.startswith(OF_ONE_VERB)
        if name.startswith("federation_") and not (name in OF_ONE_RUN or of_one_verb or "password" in name):
            repeated[name] = f"-e {_assignment(name, value)}"
    return repeated


def completed(text: str, options: Mapping[str, str]) -> str:
    """Return a text in which each command has these options, unless it says that setting itself."""

    def complete(match: re.Match[str]) -> str:
        said = set(GIVEN.findall(match[1]))
        return " ".join([match[0], *(option for name, option in options.items() if name not in said)])

    return COMMAND.sub(complete, text)


def _near(inventory: str, here: Path) -> str:
    path = Path(inventory)
    return str(path.relative_to(here)) if path.is_relative_to(here) else inventory


def _assignment(name: str, value: Any) -> str:
    """Return what follows -e: Ansible cuts a text at its spaces, and reads JSON as it is."""
    if isinstance(value, str | int | float) and not isinstance(value, bool) and PLAIN.fullmatch(str(value)):
        return f"{name}={value}"
    return shlex.quote(json.dumps({name: value}))
