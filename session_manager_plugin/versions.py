"""Which versions of AWS's agent and plugin can do what, as each finds out about the other."""

from __future__ import annotations

from typing import Final

_MULTIPLEXING_AGENT: Final = "3.0.196.0"
_MULTIPLEXING_CLIENT: Final = "1.1.70"
_SILENT_CLIENT: Final = "1.2.331.0"


def agent_multiplexes(agent: str) -> bool:
    """Whether an agent of this version carries many connections through a port session, rather than one at a time."""
    return _numbers(agent) > _numbers(_MULTIPLEXING_AGENT)


def client_multiplexes(client: str) -> bool:
    """The same of a client."""
    return _numbers(client) >= _numbers(_MULTIPLEXING_CLIENT)


def client_is_silent(client: str) -> bool:
    """Whether a client of this version sends no signs of life, which keep an idle session from its end."""
    return _numbers(client) > _numbers(_SILENT_CLIENT)


def _numbers(version: str) -> tuple[int, ...]:
    """The parts of a version; a version that is none is older than any."""
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        return ()
