"""The documents that StartSession takes, and what each has the agent do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

RUN_SHELL: Final = "SSM-SessionManagerRunShell"
_COMMANDS: Final = {
    "AWS-StartInteractiveCommand": "InteractiveCommands",
    "AWS-StartNonInteractiveCommand": "NonInteractiveCommands",
}
_PORT_FORWARDING: Final = "AWS-StartPortForwardingSession"
_PORT: Final = "([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_PORT_PARAMETERS: Final = {
    "portNumber": ("80", f"^{_PORT}$"),
    "localPortNumber": ("0", f"^(0|{_PORT})$"),
}
"""Of each parameter the default, and the pattern that a value has to match."""


class UnknownDocumentError(Exception):
    """No such session document."""


class InvalidParametersError(Exception):
    """The parameters do not fit the session document."""


def request_of(document: str, parameters: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What the agent is asked for: the session's type, and a command or properties."""
    if document == RUN_SHELL:
        return {"session_type": "Standard_Stream"}
    if document in _COMMANDS:
        command = parameters.get("command")
        if not command:
            raise InvalidParametersError(f"The document {document} needs the parameter command.")
        return {"session_type": _COMMANDS[document], "command": command[0]}
    if document == _PORT_FORWARDING:
        return {"session_type": "Port", "properties": _ports(parameters)}
    raise UnknownDocumentError(f"Document with name {document} does not exist.")


def _ports(parameters: Mapping[str, Sequence[str]]) -> dict[str, str]:
    for name in parameters:
        if name not in _PORT_PARAMETERS:
            raise InvalidParametersError(f"Parameter name {name} is not defined in the document.")
    values = {}
    for name, (default, pattern) in _PORT_PARAMETERS.items():
        value = (parameters.get(name) or [default])[0]
        if not re.fullmatch(pattern, value):
            raise InvalidParametersError(f"Parameter {name} has the value {value}, which does not match {pattern}.")
        values[name] = value
    number, local = values["portNumber"], values["localPortNumber"]
    return {"portNumber": number, "type": "LocalPortForwarding", "localPortNumber": local}
