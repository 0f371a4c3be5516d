"""systemd on a node: process 1 and the ``systemctl`` command, from docker-systemctl-replacement, with shorter waits."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import systemctl2.systemctl3 as replacement

from sandbox.hosts import mounts

YIELD = 0.02
"""Seconds between two looks at a process that starts or stops; the package's own is half a second."""
INIT_ROUND = 1
"""Seconds between two looks of process 1 at what has died."""

UNITS = Path("/etc/systemd/system")


class _Systemctl(replacement.Systemctl):
    """systemd, which looks after services that were installed since the boot, too, and limits a service's files."""

    _known: tuple[float, ...] = ()

    def restart_failed_units(self, units: list[str], maximum: int | None = None) -> list[str]:
        """Start again what has failed; those that were enabled since the boot join ``units``."""
        places = (UNITS, UNITS / "multi-user.target.wants")
        now = tuple(each.stat().st_mtime for each in places if each.is_dir())
        if now != self._known:
            self._known = now
            self.unitfiles.scan_unit_files(reload=True)
            self.unitfiles._loaded_unit_conf.clear()
            units += [each for each in self.target_default_services() if each not in units]
        return list(super().restart_failed_units(units, maximum))

    def execve_from(self, conf: Any, cmd: list[str], env: dict[str, str]) -> NoReturn:
        """Become a service's command."""
        with contextlib.suppress(ValueError, OSError):  # infinity, or more than the machine lets this process have
            wanted = int(conf.get("Service", "LimitNOFILE", ""))
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        super().execve_from(conf, cmd, env)
        raise AssertionError("a process that became another one goes on")


class _ShorterTime:
    """The module ``time`` as the command sees it: it polls with sleeps of a second, we with shorter ones."""

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(min(seconds, YIELD))


def main() -> int:
    """Run as process 1, or carry out one command."""
    vars(replacement)["Systemctl"] = _Systemctl
    replacement.MinimumYield = YIELD
    replacement.InitLoopSleep = INIT_ROUND
    if os.getpid() == 1:
        time.sleep(float(os.environ.pop("SANDBOX_BOOT_DELAY", "0")))
        mounts.mount_all()
        end = replacement.ignore_signals_and_raise_keyboard_interrupt

        def end_quickly(signal_name: str) -> None:
            _shorten_waits()
            end(signal_name)

        vars(replacement)["ignore_signals_and_raise_keyboard_interrupt"] = end_quickly
    else:
        _shorten_waits()
    return int(replacement.main() or 0)


def _shorten_waits() -> None:
    vars(replacement)["time"] = _ShorterTime()


if __name__ == "__main__":
    sys.exit(main())
