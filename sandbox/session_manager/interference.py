"""What goes wrong on purpose between a node's agent and a session's client, as the rules in force say."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable

from sandbox.faults.book import Book
from sandbox.faults.rules import Rule
from sandbox.session_manager.agents import Agents, Peer
from sandbox.session_manager.sessions import Session, Sessions


class Interference:
    """Loses agents and cuts sessions. A name is never asked for with the lock held."""

    def __init__(
        self,
        faults: Book,
        name_of: Callable[[str], str],
        agents: Agents,
        sessions: Sessions,
        lock: threading.RLock,
    ) -> None:
        self._faults = faults
        self._name_of = name_of
        self._agents = agents
        self._sessions = sessions
        self._lock = lock
        self._lost: set[str] = set()
        faults.changed.append(self._look_for_lost)

    def refusal_of(self, instance_id: str) -> str | None:
        """Why an agent may not connect, or None where it may."""
        return f"a fault keeps the agent of {instance_id} from connecting" if instance_id in self._lost else None

    def forget(self, instance_id: str) -> None:
        """The instance is gone for good."""
        self._lost.discard(instance_id)

    def pass_on(self, session: Session, client: Peer, frame: bytes) -> None:
        """Send a frame of a session to its client, unless the connection is to break before it; or break it after."""
        new = session.count(frame)
        rule = None
        if new:
            name = functools.partial(self._name_of, session.instance_id)
            rule = self._faults.strike("session", ("cut", "interrupted"), name, lambda rule: _limit(rule) in new)
        if rule is None or rule.values.get("bytes"):
            client.send(frame)
        if rule is not None:
            self._sessions.cut(session, for_good=rule.action == "cut")

    def _look_for_lost(self) -> None:
        """Take their connections from the agents that are to lose them, and let the others come back."""
        with self._lock:
            known = self._agents.connected() | self._lost
        lost = {
            each for each in known if self._faults.holds("agent", "lost", each, functools.partial(self._name_of, each))
        }
        with self._lock:
            self._lost = lost
            for each in lost:
                self._sessions.instance_is_lost(each)
                self._agents.drop(each)


def _limit(rule: Rule) -> int:
    """Return the number of the byte that completes what may pass, from 0; where nothing may, the first."""
    return max(int(rule.values.get("bytes", 0)) - 1, 0)
