"""`agraph-control`: starts the server that a configuration describes as a daemon, and ends it."""

from __future__ import annotations

import argparse
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

from sandbox.allegrograph.configuration import Configuration, ConfigurationError, parse

PATIENCE = 30.0
"""Seconds for a start or an end."""
STEP = 0.02
READY = "allegrograph: ready"


class ControlError(Exception):
    """Why it does not work, in one sentence."""


def main(arguments: list[str]) -> int:
    """Carry out one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="agraph-control")
    parser.add_argument("--config", required=True, type=Path)
    parser.add_argument("--version-number", required=True, help=argparse.SUPPRESS)
    parser.add_argument("command", choices=["start", "stop", "force-stop", "reload"])
    options = parser.parse_args(arguments)
    try:
        configuration = parse(options.config.read_text())
        if options.command == "start":
            _start(options.config, configuration, options.version_number)
        elif options.command == "reload":
            _signal(configuration, signal.SIGHUP)
        else:
            _stop(configuration, signal.SIGTERM if options.command == "stop" else signal.SIGKILL)
    except (ConfigurationError, ControlError, OSError) as error:
        print(f"agraph-control: {error}", file=sys.stderr)
        return 1
    return 0


def _start(file: Path, configuration: Configuration, version: str) -> None:
    if (running := _running(configuration)) is not None:
        raise ControlError(f"The server runs already, as process {running}.")
    user = configuration.directives.get("runas", "root")
    try:
        person = pwd.getpwnam(user)
    except KeyError:
        raise ControlError(f"There is no user {user}, whom RunAs names.") from None
    is_other = person.pw_uid != os.geteuid()
    log = configuration.path("logdir") / "agraph.log"
    for directory in (log.parent, configuration.path("settingsdirectory"), configuration.path("main")):
        directory.mkdir(parents=True, exist_ok=True)
        if is_other:
            os.chown(directory, person.pw_uid, person.pw_gid)
    print(f"AllegroGraph Server Edition {version}\nDaemonizing...")
    with log.open("ab") as output:
        said = log.stat().st_size
        if is_other:
            os.chown(log, person.pw_uid, person.pw_gid)
        server = subprocess.Popen(
            ["/usr/lib/sandbox/run", "sandbox.allegrograph", "--config", str(file), "--version-number", version],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            user=person.pw_uid if is_other else None,
            group=person.pw_gid if is_other else None,
            extra_groups=[] if is_other else None,
        )
    pid_file = configuration.path("pidfile")
    deadline = time.monotonic() + PATIENCE
    while READY not in (news := log.read_bytes()[said:].decode(errors="replace")):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise ControlError(f"The server did not start: {news.strip() or 'it said nothing'}")
        time.sleep(STEP)
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    pid_file.write_text(f"{server.pid}\n")
    print("Server started normally: Running with free license of 5,000,000 triples; no-expiration.")


def _stop(configuration: Configuration, number: int) -> None:
    process = _signal(configuration, number)
    deadline = time.monotonic() + PATIENCE
    while _lives(process):
        if time.monotonic() > deadline:
            raise ControlError(f"The server, process {process}, did not end within {PATIENCE:.0f} s.")
        time.sleep(STEP)
    configuration.path("pidfile").unlink(missing_ok=True)


def _signal(configuration: Configuration, number: int) -> int:
    process = _running(configuration)
    if process is None:
        raise ControlError("The server does not run.")
    os.kill(process, number)
    return process


def _running(configuration: Configuration) -> int | None:
    try:
        process = int(configuration.path("pidfile").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return process if _lives(process) else None


def _lives(process: int) -> bool:
    """Tell whether a process is there and has not ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
