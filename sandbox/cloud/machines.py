"""Makes the world's machines what the instances' states say, a few at a time and each in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sandbox.world import Ended, Fault, Machine, Metadata, World

LOG = logging.getLogger(__name__)
AT_ONCE = 4
Act = Callable[[], None]


@dataclass
class _Line:
    """The orders for one machine that are still to be carried out."""

    orders: list[Act]
    busy: bool = False


class Machines:
    """Orders to the world; those for one machine are carried out in the order in which they were given."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="machines")
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Condition()
        self._closed = False

    def boot(
        self, machine: Machine, metadata: Metadata, fault: Fault, failed: Callable[[str], None], ended: Ended
    ) -> None:
        """Have a machine started; where the world cannot, `failed` is told why, and `ended` of an end by itself."""

        def start() -> None:
            try:
                self._world.boot(machine, metadata, fault, ended)
            except Exception as reason:
                failed(str(reason))
                raise

        self._give(machine.instance_id, start)

    def halt(self, instance_id: str) -> None:
        """Have a machine stopped; its disk is kept."""
        self._give(instance_id, lambda: self._world.halt(instance_id))

    def discard(self, instance_id: str) -> None:
        """Have a machine removed."""
        self._give(instance_id, lambda: self._world.discard(instance_id))

    def then(self, instance_id: str, action: Act) -> None:
        """Have something done when all that was ordered for a machine so far is carried out."""
        self._give(instance_id, action)

    def wait(self, timeout: float) -> bool:
        """Wait until every order is carried out."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._lines, timeout)

    def close(self) -> None:
        """Take no more orders; those not begun are dropped, those under way end with the world."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _give(self, instance_id: str, order: Act) -> None:
        with self._lock:
            if self._closed:
                return
            line = self._lines.setdefault(instance_id, _Line([]))
            line.orders.append(order)
            if not line.busy:
                line.busy = True
                self._pool.submit(self._work, instance_id)

    def _work(self, instance_id: str) -> None:
        while True:
            with self._lock:
                line = self._lines[instance_id]
                if not line.orders or self._closed:
                    del self._lines[instance_id]
                    self._lock.notify_all()
                    return
                order = line.orders.pop(0)
            try:
                order()
            except Exception:
                LOG.exception("the world could not do what was asked for %s", instance_id)
