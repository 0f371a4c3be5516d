"""What the command line asks of a session."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    session_id: str
    token: str
    stream_url: str
    region: str
    profile: str
    endpoint: str
