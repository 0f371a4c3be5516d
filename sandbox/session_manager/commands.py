"""Run Command: the commands that were sent, and how each went on each instance."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.session_manager.agents import Agents
from sandbox.session_manager.channel import control

FINAL: Final = ("Success", "Failed", "TimedOut", "Cancelled")
_DETAILS: Final = {"TimedOut": "ExecutionTimedOut"}


@dataclass(frozen=True)
class Order:
    """What SendCommand asked for."""

    document: str
    parameters: dict[str, list[str]]
    script: str
    directory: str
    execution_timeout: float
    delivery_timeout: float
    region: str
    plugin: str = "aws:runShellScript"
    comment: str = ""
    targets: list[dict[str, Any]] = field(default_factory=list)
    maximum_concurrency: str = "50"
    maximum_errors: str = "0"


@dataclass
class Invocation:
    """A command on one instance."""

    command_id: str
    instance_id: str
    instance_name: str
    status: str = "Pending"
    details: str = "Pending"
    response_code: int = -1
    standard_output: str = ""
    standard_error: str = ""
    started: float | None = None
    ended: float | None = None
    delivered: bool = False


@dataclass
class Command:
    """One SendCommand."""

    id: str
    order: Order
    requested: float
    invocations: dict[str, Invocation]
    cancelled: bool = False

    @property
    def expires(self) -> float:
        """What has not begun by then, times out."""
        return self.requested + self.order.delivery_timeout

    def count(self, *statuses: str) -> int:
        """How many invocations are in one of these states."""
        return sum(each.status in statuses for each in self.invocations.values())

    @property
    def status(self) -> str:
        """All invocations taken together, in AWS's words."""
        statuses = {each.status for each in self.invocations.values()}
        if statuses == {"Pending"}:
            return "Pending"
        if not statuses <= set(FINAL):
            return "Cancelling" if self.cancelled else "InProgress"
        for worst in ("Cancelled", "Failed", "TimedOut"):
            if worst in statuses:
                return worst
        return "Success"

    @property
    def details(self) -> str:
        """As `status`, with its reason."""
        if self.status == "TimedOut":
            return next(each.details for each in self.invocations.values() if each.status == "TimedOut")
        return self.status


class Commands:
    """All commands that were sent."""

    def __init__(self, agents: Agents, lock: threading.RLock) -> None:
        self._agents = agents
        self._lock = lock
        self._commands: dict[str, Command] = {}

    def send(self, order: Order, instances: dict[str, str]) -> Command:
        """Send a command to instances, given with their names; those not connected get it when they are back."""
        with self._lock:
            command_id = str(uuid.uuid4())
            invocations = {each: Invocation(command_id, each, name) for each, name in instances.items()}
            command = Command(command_id, order, time.time(), invocations)
            self._commands[command.id] = command
            for invocation in command.invocations.values():
                self._deliver(command, invocation)
            return command

    def get(self, command_id: str) -> Command | None:
        """The command of this id, with its state as it is now."""
        with self._lock:
            command = self._commands.get(command_id)
            if command is not None:
                self._expire(command)
            return command

    def invocation(self, command_id: str, instance_id: str) -> Invocation | None:
        """How the command goes on this instance."""
        command = self.get(command_id)
        return command.invocations.get(instance_id) if command is not None else None

    def all(self, region: str) -> list[Command]:
        """All commands of a region, the latest first."""
        with self._lock:
            chosen = [each for each in reversed(self._commands.values()) if each.order.region == region]
            for command in chosen:
                self._expire(command)
            return chosen

    def cancel(self, command: Command, instance_ids: list[str]) -> None:
        """Cancel what has not ended yet, everywhere or on some instances."""
        with self._lock:
            command.cancelled = True
            for invocation in command.invocations.values():
                if invocation.status in FINAL or (instance_ids and invocation.instance_id not in instance_ids):
                    continue
                peer = self._agents.peer(invocation.instance_id)
                if invocation.delivered and peer is not None:
                    peer.send(control("cancel", command_id=command.id))
                else:
                    invocation.status = invocation.details = "Cancelled"

    def agent_is_back(self, instance_id: str, known: set[str]) -> None:
        """An agent has connected and names the commands that it has had; the others are sent, or are lost."""
        with self._lock:
            for command in self._commands.values():
                invocation = command.invocations.get(instance_id)
                if invocation is None or invocation.status in FINAL:
                    continue
                if not invocation.delivered:
                    self._deliver(command, invocation)
                elif command.id not in known:
                    invocation.status = invocation.details = "Failed"
                    invocation.standard_error = "The agent was restarted while the command ran."
                    invocation.ended = time.time()

    def instance_is_gone(self, instance_id: str) -> None:
        """The instance is gone for good, and what ran there with it."""
        self.agent_is_back(instance_id, set())

    def finish(self, instance_id: str, result: dict[str, Any]) -> None:
        """An agent tells how a command went."""
        with self._lock:
            invocation = self.invocation(result["command_id"], instance_id)
            if invocation is None or invocation.status in FINAL:
                return
            invocation.status = result["status"]
            invocation.details = _DETAILS.get(invocation.status, invocation.status)
            invocation.response_code = result["response_code"]
            invocation.standard_output = result["standard_output"]
            invocation.standard_error = result["standard_error"]
            invocation.started = result["started"]
            invocation.ended = result["ended"]

    def _deliver(self, command: Command, invocation: Invocation) -> None:
        peer = self._agents.peer(invocation.instance_id)
        self._expire(command)
        if peer is None or invocation.status != "Pending":
            return
        order = {
            "id": command.id,
            "script": command.order.script,
            "directory": command.order.directory,
            "execution_timeout": command.order.execution_timeout,
        }
        peer.send(control("command", command=order))
        invocation.delivered = True
        invocation.status = invocation.details = "InProgress"
        invocation.started = time.time()

    def _expire(self, command: Command) -> None:
        if time.time() < command.expires:
            return
        for invocation in command.invocations.values():
            if invocation.status == "Pending":
                invocation.status, invocation.details = "TimedOut", "DeliveryTimedOut"
