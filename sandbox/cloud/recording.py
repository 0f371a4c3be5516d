"""A world in which nothing runs: it remembers what it was asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping

from sandbox.world import Ended, Fault, Machine, Metadata, Network, unharmed


class RecordingWorld:
    """Stands in for the hosts in tests of the cloud alone."""

    def __init__(self) -> None:
        self.networks: Mapping[str, Network] = {}
        self.machines: dict[str, Machine] = {}
        self.metadata: dict[str, Metadata] = {}
        self.ended: dict[str, Ended] = {}
        self.faults: dict[str, Fault] = {}
        self.events: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def arrange(self, networks: Mapping[str, Network]) -> None:
        """Remember the network."""
        self.networks = dict(networks)

    def boot(self, machine: Machine, metadata: Metadata, fault: Fault = unharmed, ended: Ended = lambda: None) -> None:
        """Remember a machine that runs."""
        with self._lock:
            self.machines[machine.instance_id] = machine
            self.metadata[machine.instance_id] = metadata
            self.ended[machine.instance_id] = ended
            self.faults[machine.instance_id] = fault
            self.events.append(("boot", machine.instance_id))

    def halt(self, instance_id: str) -> None:
        """Remember that it does not run any more."""
        with self._lock:
            self.machines.pop(instance_id, None)
            self.events.append(("halt", instance_id))

    def discard(self, instance_id: str) -> None:
        """Forget the machine."""
        with self._lock:
            self.machines.pop(instance_id, None)
            self.events.append(("discard", instance_id))

    def listen(self, port: int) -> socket.socket:
        """There is no internet in this world."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to end."""
