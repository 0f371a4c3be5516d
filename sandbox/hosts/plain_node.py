"""The supervisor of a node without namespaces: starts its services, again when they end, and ends all in the end.

It ends when its standard input does, which the main process holds, or with SIGTERM. Whatever runs on the node descends
from it, and comes back to it when its own parent ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sandbox.hosts import kernel
from sandbox.hosts.processes import descendants, kill_descendants

GRACE = 1.5
"""Seconds that services have to end by themselves."""
RESTART_DELAY = 1.0
STARTING, STOPPING = ("start", "restart", "reload-or-restart", "try-restart"), ("stop", "restart", "reload-or-restart")


class Service:
    """A service: its command, and the process that runs it now."""

    def __init__(self, name: str, command: list[str], directory: Path, environment: dict[str, str]) -> None:
        self.folder = directory / "services" / name
        self.folder.mkdir(exist_ok=True)
        (self.folder / "wanted").unlink(missing_ok=True)
        self._command = command
        self._environment = environment
        self._log = directory / "var/log" / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._again: float | None = None
        self._note()

    def start(self) -> None:
        """Start it, unless it runs."""
        self._again = None
        if self._process is None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    cwd="/",
                    start_new_session=True,
                )
        self._note()

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        self._again = None
        if self._process is not None:
            self._process.terminate()

    def end(self, grace: float = GRACE) -> None:
        """See it ended."""
        self.ask_to_end()
        if self._process is not None:
            try:
                self._process.wait(max(grace, 0.0))
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._note()

    def look(self) -> None:
        """Start it again, a while after it ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            self._process = None
            self._again = time.monotonic() + RESTART_DELAY
            self._note()
        if self._again is not None and time.monotonic() >= self._again:
            self.start()

    def obey(self) -> None:
        """Do what ``systemctl`` was asked for."""
        with contextlib.suppress(FileNotFoundError):
            verb = (self.folder / "wanted").read_text().strip()
            if verb in STOPPING or (verb == "try-restart" and self._process is not None):
                self.end()
            if verb in STARTING:
                self.start()
            (self.folder / "wanted").unlink()

    @property
    def process(self) -> int | None:
        """Return the process that this waits for by itself."""
        return self._process.pid if self._process else None

    def _note(self) -> None:
        (self.folder / "process").write_text(f"{self._process.pid}\n" if self._process else "")


class Supervisor:
    """All of a node."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._directory = Path(settings["directory"])
        environment = settings["environment"]
        self._once = Service("cloud-init", settings["once"], self._directory, environment)
        self._services = [
            Service(name, command, self._directory, environment) for name, command in settings["services"].items()
        ]
        self._delay = float(settings["boot_delay"])

    def run(self) -> None:
        """Supervise until the end."""
        reading, writing = os.pipe()
        for end in (reading, writing):
            os.set_blocking(end, False)
        for number in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        (self._directory / "run/supervisor").write_text(f"{os.getpid()}\n")
        if select.select([0], [], [], self._delay)[0]:
            return
        for service in (self._once, *self._services):
            service.start()
        while True:
            ready = select.select([0, reading], [], [], 1.0)[0]
            if 0 in ready or (reading in ready and signal.SIGTERM in os.read(reading, 4096)):
                return
            for service in self._services:
                service.look()
                service.obey()
            self._reap()

    def end(self) -> None:
        """End everything that began on this node."""
        for service in self._services:
            service.ask_to_end()
        end = time.monotonic() + GRACE
        for service in (*self._services, self._once):
            service.end(end - time.monotonic())
        while descendants(os.getpid()):
            kill_descendants(os.getpid())
            time.sleep(0.01)

    def _reap(self) -> None:
        """Take note of the ends of processes that came back to this one."""
        own = {service.process for service in self._services}
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if ended.si_pid in own:
                    return  # for its service to see
                os.waitpid(ended.si_pid, os.WNOHANG)


def main() -> None:
    """Run a node until its end."""
    kernel.adopt_orphans()
    supervisor = Supervisor(json.loads(Path(sys.argv[1]).read_text()))
    try:
        supervisor.run()
    finally:
        supervisor.end()


if __name__ == "__main__":
    main()
