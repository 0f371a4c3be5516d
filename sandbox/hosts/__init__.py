"""Instances as namespaces: nodes, VPC routers and the sandbox's internet, under one process that takes all with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.hosts.errors import HostsError, Unavailable

if TYPE_CHECKING:
    from sandbox.hosts.namespace_world import NamespaceWorld

__all__ = ["HostsError", "NamespaceWorld", "Unavailable"]


def __getattr__(name: str) -> object:
    # Loaded when asked for, since each node's process 1 imports this package and needs nothing of it.
    if name == "NamespaceWorld":
        from sandbox.hosts.namespace_world import NamespaceWorld

        return NamespaceWorld
    raise AttributeError(name)
