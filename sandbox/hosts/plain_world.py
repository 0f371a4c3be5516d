"""Nodes without namespaces: not made yet."""

from __future__ import annotations

from sandbox.hosts.errors import Unavailable


class PlainWorld:
    """Nodes as processes of the machine."""

    def __init__(self, **_: object) -> None:
        raise Unavailable("This machine lets the sandbox make no namespaces; run it as root or with sudo.")
