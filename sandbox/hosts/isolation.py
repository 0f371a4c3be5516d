"""How far a sandbox's nodes are apart from the machine: as far as the machine lets them be, or as somebody asked."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from sandbox.hosts.errors import Unavailable
from sandbox.latency import Latency
from sandbox.world import Authority

if TYPE_CHECKING:
    from sandbox.world import World

Isolation = Literal["root", "user", "none"]
"""``root``: namespaces that root makes. ``user``: those that an ordinary user may make inside a user namespace, where
there is one user only. ``none``: processes of the machine, on loopback addresses."""
CHOICES: tuple[Isolation, ...] = get_args(Isolation)


@dataclass(frozen=True)
class Place:
    """What a world needs to know about the sandbox that it belongs to."""

    internet: int
    """N, in the sandbox's addresses 127.N.0.0/16."""
    directory: Path
    endpoint: str
    gateway: str
    region: str
    latency: Latency
    authority: Authority | None = None
    """Whom the nodes trust."""


@dataclass(frozen=True)
class Opened:
    """A world, how far it is apart, and what a person should know about that, in one sentence or none."""

    world: World
    isolation: Isolation
    remark: str = ""


def open_world(place: Place, wanted: Isolation | None) -> Opened:
    """Open a world as wanted, or the one that is farthest apart of those that this machine lets us have."""
    reasons: list[str] = []
    for isolation in (wanted,) if wanted else possible():
        try:
            return _open(place, isolation, reasons[-1] if reasons else "")
        except Unavailable as reason:
            shutil.rmtree(place.directory, ignore_errors=True)
            reasons.append(str(reason))
    raise Unavailable(reasons[-1])


def possible() -> tuple[Isolation, ...]:
    """Return what may be tried, the best first."""
    return CHOICES if os.geteuid() == 0 else CHOICES[1:]


def _open(place: Place, isolation: Isolation, reason: str) -> Opened:
    fields = {name: getattr(place, name) for name in place.__dataclass_fields__}
    if isolation != "none":
        from sandbox.hosts.namespace_world import NamespaceWorld

        return Opened(NamespaceWorld(**fields, isolation=isolation), isolation)
    from sandbox.hosts.plain_world import PlainWorld

    remark = (
        f"nodes are processes of this machine on addresses 127.{place.internet}.2.1 and up, and nothing keeps them "
        "apart: routes and security groups are not enforced, and what runs on a node runs here as you."
    )
    return Opened(PlainWorld(**fields), isolation, f"{reason} So {remark}" if reason else remark.capitalize())
