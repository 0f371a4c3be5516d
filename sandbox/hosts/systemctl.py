"""systemd on a node: process 1 and the ``systemctl`` command, from docker-systemctl-replacement, with shorter waits."""

from __future__ import annotations

import os
import sys
import time

import systemctl2.systemctl3 as replacement

YIELD = 0.02
"""Seconds between two looks at a process that starts or stops; the package's own is half a second."""
INIT_ROUND = 1
"""Seconds between two looks of process 1 at what has died."""


class _ShorterTime:
    """The module ``time`` as the command sees it: it polls with sleeps of a second, we with shorter ones."""

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(min(seconds, YIELD))


def main() -> int:
    """Run as process 1, or carry out one command."""
    replacement.MinimumYield = YIELD
    replacement.InitLoopSleep = INIT_ROUND
    if os.getpid() == 1:
        time.sleep(float(os.environ.pop("SANDBOX_BOOT_DELAY", "0")))
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
