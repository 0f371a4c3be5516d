"""What the extended backends share: moto's backends are singletons, so this is where they find their cloud."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.cloud.consistency import Fresh
from sandbox.cloud.machines import Machines
from sandbox.cloud.pages import Pages
from sandbox.cloud.schedule import Schedule
from sandbox.faults.book import Book
from sandbox.latency import Latency
from sandbox.world import World

LOG = logging.getLogger(__name__)


@dataclass
class Context:
    """One cloud's surroundings."""

    world: World
    latency: Latency
    region: str
    address: str
    """The endpoint's address, 127.N.0.1; public addresses come from 127.N.1.0/24."""
    operator: str = ""
    """The access key of the account itself."""
    operator_address: str = "127.0.0.1"
    """The public address of the person's machine."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held while the cloud's state is looked at or changed: moto's backends are not made for threads."""
    schedule: Schedule = field(default_factory=Schedule)
    settle: Callable[[], None] = field(default=lambda: None)
    """To be called after a change, without the lock: makes the world's network what it should be."""
    terminated: list[Callable[[str], None]] = field(default_factory=list)
    """To be called with the id of an instance that is no more."""
    session_of: Callable[[str], tuple[str, str] | None] = field(default=lambda session: None)
    """Who began a session, as an ARN, and on which instance; None where there is no such session."""
    next_public: int = 1
    """The last number of the public address to try next."""
    pages: Pages = field(default_factory=Pages)
    """What is left of answers that are given in pages."""
    fresh: Fresh = field(default_factory=Fresh)
    """What was created a moment ago, and is unknown as yet."""
    tokens: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """What was asked for and answered, by the ClientToken of the request."""
    faults: Book = field(default_factory=Book)
    """What goes wrong on purpose."""
    machines: Machines = field(init=False)

    def __post_init__(self) -> None:
        self.machines = Machines(self.world)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Change something after a while."""

        def change() -> None:
            with self.lock:
                action()
            self.settle()

        self.schedule.after(seconds, change)

    def close(self) -> None:
        """Let nothing happen any more."""
        self.schedule.close()
        self.machines.close()


_current: list[Context] = []


def enter(context: Context) -> None:
    """Make this the cloud that the backends of this process belong to."""
    _current[:] = [context]


def current() -> Context:
    """Return the cloud that the backends of this process belong to."""
    return _current[0]
