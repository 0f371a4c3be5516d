"""The agents that the gateway knows: who is connected, who was, and when each was last heard of."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.latency import Latency


class Peer(Protocol):
    """The other end of a WebSocket; any thread may send."""

    def send(self, message: str | bytes) -> None:
        """Send soon, in order."""

    def close(self, reason: str = "") -> None:
        """Send what is waiting, then close."""

    def cut(self) -> None:
        """Send what is waiting, then let go of the connection without a word."""


@dataclass
class Agent:
    """One node as Systems Manager sees it."""

    instance_id: str
    region: str
    access_key_id: str
    agent_version: str
    platform_name: str
    platform_version: str
    ip_address: str
    computer_name: str
    registered: float
    last_ping: float
    peer: Peer | None


class Agents:
    """All agents that have registered, by instance id."""

    def __init__(self, latency: Latency, lock: threading.RLock) -> None:
        self._latency = latency
        self._lock = lock
        self._agents: dict[str, Agent] = {}

    def register(self, hello: dict[str, Any], peer: Peer) -> Agent:
        """An agent has introduced itself; one that was connected before is replaced."""
        now = time.time()
        with self._lock:
            before = self._agents.get(hello["instance_id"])
            if before is not None and before.peer is not None:
                before.peer.close("the agent has connected again")
            agent = Agent(
                instance_id=hello["instance_id"],
                region=hello["region"],
                access_key_id=hello["access_key_id"],
                agent_version=hello["agent_version"],
                platform_name=hello["platform_name"],
                platform_version=hello["platform_version"],
                ip_address=hello["ip_address"],
                computer_name=hello["computer_name"],
                registered=before.registered if before is not None else now,
                last_ping=now,
                peer=peer,
            )
            self._agents[agent.instance_id] = agent
            return agent

    def disconnect(self, instance_id: str, peer: Peer) -> None:
        """The connection is gone, unless a newer one has taken its place."""
        with self._lock:
            agent = self._agents.get(instance_id)
            if agent is not None and agent.peer is peer:
                agent.peer = None

    def forget(self, instance_id: str) -> None:
        """The instance is gone for good."""
        with self._lock:
            agent = self._agents.pop(instance_id, None)
            if agent is not None and agent.peer is not None:
                agent.peer.close("the instance is no longer known")

    def drop(self, instance_id: str) -> None:
        """The instance's agent loses its connection, and may come back."""
        with self._lock:
            agent = self._agents.get(instance_id)
            if agent is not None and agent.peer is not None:
                agent.peer.cut()
                agent.peer = None

    def connected(self) -> set[str]:
        """The instances whose agents are connected."""
        with self._lock:
            return {each.instance_id for each in self._agents.values() if each.peer is not None}

    def get(self, instance_id: str) -> Agent | None:
        """The agent of this instance, if it ever registered."""
        with self._lock:
            return self._agents.get(instance_id)

    def peer(self, instance_id: str) -> Peer | None:
        """The connection to the agent of this instance, if there is one."""
        agent = self.get(instance_id)
        return agent.peer if agent is not None else None

    def all(self, region: str) -> list[Agent]:
        """All agents of a region, in the order of their registration."""
        with self._lock:
            return [agent for agent in self._agents.values() if agent.region == region]

    def ping_status(self, agent: Agent) -> str:
        """Online or ConnectionLost."""
        if agent.peer is not None or time.time() - agent.last_ping < self._latency.agent_connection_lost:
            return "Online"
        return "ConnectionLost"
