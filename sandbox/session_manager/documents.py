"""Run Command's documents: AWS-RunShellScript, and the account's own of schema 2.2 with steps of shell."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from sandbox.session_manager.errors import invalid_parameters

RUN_SHELL_SCRIPT: Final = "AWS-RunShellScript"
_LONGEST_EXECUTION: Final = 172_800
_ACTION: Final = "aws:runShellScript"
_PLACEHOLDER: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
CONTENT: Final[dict[str, Any]] = {
    "schemaVersion": "1.2",
    "description": "Run a shell script or specify the commands to run.",
    "parameters": {
        "commands": {"type": "StringList"},
        "workingDirectory": {"type": "String", "default": ""},
        "executionTimeout": {"type": "String", "default": "3600"},
    },
    "runtimeConfig": {
        _ACTION: {
            "properties": [
                {
                    "runCommand": "{{ commands }}",
                    "workingDirectory": "{{ workingDirectory }}",
                    "timeoutSeconds": "{{ executionTimeout }}",
                }
            ]
        }
    },
}


@dataclass(frozen=True)
class Script:
    """What a node is to run."""

    text: str
    directory: str
    timeout: float
    plugin: str


def read(content: str) -> dict[str, Any] | None:
    """A document's content, JSON or YAML; None when it is neither."""
    try:
        document = json.loads(content)
    except ValueError:
        try:
            document = yaml.safe_load(content)
        except yaml.YAMLError:
            return None
    return document if isinstance(document, dict) else None


def script(content: dict[str, Any] | None, parameters: dict[str, list[str]]) -> Script:
    """Put the parameters into the document (AWS-RunShellScript when None)."""
    document = CONTENT if content is None else content
    values = _values(document.get("parameters") or {}, parameters)
    plugin, inputs = _step(document)
    lines = _fill(inputs.get("runCommand", []), values)
    timeout = _one(_fill(inputs.get("timeoutSeconds", "3600"), values))
    if not timeout.isdigit() or not 1 <= int(timeout) <= _LONGEST_EXECUTION:
        raise invalid_parameters(f"The execution timeout must lie between 1 and {_LONGEST_EXECUTION} seconds.")
    return Script(
        text="\n".join(lines) + "\n",
        directory=_one(_fill(inputs.get("workingDirectory", ""), values)),
        timeout=float(timeout),
        plugin=plugin,
    )


def _values(declared: dict[str, Any], given: dict[str, list[str]]) -> dict[str, list[str]]:
    for name in given:
        if name not in declared:
            raise invalid_parameters(f"Parameter name {name} is not defined in the document.")
    values = {}
    for name, declaration in declared.items():
        if name in given:
            values[name] = [str(each) for each in given[name]]
        elif "default" in declaration:
            default = declaration["default"]
            values[name] = [str(each) for each in default] if isinstance(default, list) else [str(default)]
        else:
            raise invalid_parameters(f"Parameter name {name} is required and has no value.")
    return values


def _step(document: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    for step in document.get("mainSteps") or []:
        if step.get("action") == _ACTION:
            return str(step.get("name", _ACTION)), step.get("inputs") or {}
    properties = ((document.get("runtimeConfig") or {}).get(_ACTION) or {}).get("properties")
    if properties:
        return _ACTION, properties[0] if isinstance(properties, list) else properties
    raise invalid_parameters(f"The sandbox runs documents with a step of {_ACTION} only.")


def _fill(text: str | list[str] | int, values: dict[str, list[str]]) -> list[str]:
    """Replace the placeholders; one that stands alone may become several lines."""
    lines: list[str] = []
    for line in text if isinstance(text, list) else [str(text)]:
        alone = _PLACEHOLDER.fullmatch(line.strip())
        if alone and alone[1] in values:
            lines += values[alone[1]]
        else:
            lines.append(_PLACEHOLDER.sub(lambda found: " ".join(values.get(found[1], [found[0]])), line))
    return lines


def _one(values: list[str]) -> str:
    return values[0].strip() if values else ""
