"""The agent of a node: goes out to the gateway, holds sessions and runs commands.

python -m sandbox.session_manager.agent [--settings FILE]; the settings are JSON:

    gateway       host:port of the session gateway
    region        the region that it registers in
    online_delay  seconds from the node's boot until it registers for the first time, however often it is started anew
    retry_delay   seconds until it tries again after a failure; doubled each time, up to ten times as long
    metadata      address of the metadata service, when it is not the usual one
    agent_version the version that it is of, when not the usual one; an old one forwards one connection at a time
    session_user  the account whose shell a session gets, when it is not the agent's own
    state         a directory that is empty after a boot
    orchestration a directory for the scripts of Run Command
    log           a directory for the agent's own logs
    environment   what shells and scripts find in their environment besides the usual
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import logging.handlers
import platform
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from sandbox.session_manager.channel import AGENT_PATH, control, pack, unpack
from sandbox.session_manager.conversation import AGENT_VERSION, Conversation, SessionRequest
from sandbox.session_manager.metadata import METADATA_ADDRESS, Identity, NoIdentityError, read_identity
from sandbox.session_manager.ports import Ports
from sandbox.session_manager.runner import Result, Runner
from sandbox.session_manager.shell import Shell

SETTINGS: Final = Path("/etc/amazon/ssm/sandbox.json")
_LONGEST_RETRY: Final = 10  # times the first delay
# A hundred nodes of one machine connect all at once, which a hundred machines do in no time.
_OPEN_TIMEOUT: Final = 20.0
LOGGER: Final = logging.getLogger("amazon-ssm-agent")
_LOG_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Settings:
    """What the node's image tells the agent."""

    gateway: str
    region: str = "us-west-2"
    online_delay: float = 0.0
    retry_delay: float = 0.3
    metadata: str = METADATA_ADDRESS
    agent_version: str = AGENT_VERSION
    session_user: str | None = None
    state: str = "/run/amazon-ssm-agent"
    orchestration: str = "/var/lib/amazon/ssm"
    log: str = "/var/log/amazon/ssm"
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Settings:
        """From the settings file; what the agent does not know is somebody else's."""
        content = json.loads(path.read_text())
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})


class RefusedError(Exception):
    """The gateway does not take this node."""


class Agent:
    """One node's agent, from start to SIGTERM."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: ClientConnection | None = None
        self._outgoing: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._sessions: dict[str, Conversation] = {}
        self._runner: Runner | None = None
        self._commands: set[str] = set()
        self._results: dict[str, Result] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        registered = Path(self._settings.state) / "registered"
        if not registered.exists():
            await asyncio.sleep(max(0.0, self._booted() + self._settings.online_delay - time.monotonic()))
        pause = self._settings.retry_delay
        try:
            while True:
                try:
                    identity = await asyncio.to_thread(read_identity, self._settings.metadata)
                    async with connect(
                        f"ws://{self._settings.gateway}{AGENT_PATH}",
                        compression=None,
                        max_size=None,
                        proxy=None,
                        open_timeout=_OPEN_TIMEOUT,
                        close_timeout=1,
                    ) as connection:
                        ping = await self._register(connection, identity)
                        registered.parent.mkdir(parents=True, exist_ok=True)
                        registered.touch()
                        pause = self._settings.retry_delay
                        await self._serve(connection, ping)
                except (NoIdentityError, RefusedError, OSError, WebSocketException, TimeoutError) as error:
                    print(f"amazon-ssm-agent: {error}; again in {pause:g} s", file=sys.stderr, flush=True)
                    LOGGER.error("%s; again in %g s", error, pause)
                for session in self._sessions.values():
                    session.detach()
                await asyncio.sleep(pause)
                pause = min(pause * 2, self._settings.retry_delay * _LONGEST_RETRY)
        finally:
            self.close()

    def _booted(self) -> float:
        """Return when the node booted, by the machine's clock: an agent is first started as part of it."""
        noted = Path(self._settings.state) / "booted"
        with contextlib.suppress(FileNotFoundError, ValueError):
            return float(noted.read_text())
        now = time.monotonic()
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(str(now))
        return now

    def close(self) -> None:
        """End every session and every command."""
        for session in list(self._sessions.values()):
            session.terminate()
        if self._runner is not None:
            self._runner.close()

    async def _register(self, connection: ClientConnection, identity: Identity) -> float:
        if self._runner is None:
            self._runner = Runner(
                Path(self._settings.orchestration),
                identity.instance_id,
                self._settings.region,
                self._settings.environment,
            )
        await connection.send(
            control(
                "hello",
                instance_id=identity.instance_id,
                access_key_id=identity.access_key_id,
                region=self._settings.region,
                agent_version=self._settings.agent_version,
                ip_address=connection.local_address[0],
                computer_name=socket.gethostname(),
                **_platform(),
                sessions=list(self._sessions),
                commands=sorted(self._commands),
            )
        )
        answer = json.loads(await asyncio.wait_for(connection.recv(), _OPEN_TIMEOUT))
        if answer["kind"] != "welcome":
            raise RefusedError(answer.get("reason", "refused"))
        LOGGER.info("[MessageService] Set up control channel of %s successfully", identity.instance_id)
        return float(answer["ping"])

    async def _serve(self, connection: ClientConnection, ping: float) -> None:
        """Until the connection breaks, or is silent for too long."""
        self._outgoing = asyncio.Queue()
        for result in self._results.values():
            self._send(control("result", **result.content()))
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._write(connection))
            pinger = group.create_task(self._ping(ping))
            try:
                while True:
                    message = await asyncio.wait_for(connection.recv(), ping * 3)
                    if isinstance(message, bytes):
                        session_id, frame = unpack(message)
                        if session_id in self._sessions:
                            self._sessions[session_id].receive(frame)
                    else:
                        self._obey(json.loads(message))
            except (ConnectionClosed, TimeoutError):
                pass
            finally:
                writer.cancel()
                pinger.cancel()

    async def _write(self, connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connection.send(await self._outgoing.get())

    async def _ping(self, interval: float) -> None:
        while True:
            self._send(control("ping"))
            await asyncio.sleep(interval)

    def _send(self, message: str | bytes) -> None:
        self._outgoing.put_nowait(message)

    def _obey(self, message: dict[str, Any]) -> None:
        match message["kind"]:
            case "attach":
                self._attach(message)
            case "detach" if message["session"] in self._sessions:
                self._sessions[message["session"]].detach()
            case "terminate" if message["session"] in self._sessions:
                self._sessions[message["session"]].terminate()
            case "command" if message["command"]["id"] not in self._commands:
                self._commands.add(message["command"]["id"])
                task = asyncio.get_running_loop().create_task(self._run_command(message["command"]))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            case "cancel" if self._runner is not None:
                self._runner.cancel(message["command_id"])
            case "received":
                self._results.pop(message["command_id"], None)

    def _attach(self, message: dict[str, Any]) -> None:
        session_id = message["session"]
        if session_id not in self._sessions:
            if message["resumed"]:
                self._send(control("closed", session=session_id, output="The session ended with the agent's restart."))
                return
            request = SessionRequest.read(message["request"], self._settings.session_user, self._settings.environment)
            kind = Ports if request.session_type == "Port" else Shell
            LOGGER.info("[MessageService] [Session] Session %s begins", session_id)
            self._sessions[session_id] = kind(
                session_id,
                request,
                self._frames(session_id),
                self._closed(session_id),
                self._settings.agent_version,
            )
        self._sessions[session_id].attach()

    def _frames(self, session_id: str) -> Callable[[bytes], None]:
        return lambda frame: self._send(pack(session_id, frame))

    def _closed(self, session_id: str) -> Callable[[str], None]:
        def closed(output: str) -> None:
            LOGGER.info("[MessageService] [Session] Session %s has ended", session_id)
            self._sessions.pop(session_id, None)
            self._send(control("closed", session=session_id, output=output))

        return closed

    async def _run_command(self, command: dict[str, Any]) -> None:
        assert self._runner is not None
        result = await self._runner.run(command)
        # Kept until the gateway has it: the connection may be gone just now.
        self._results[result.command_id] = result
        self._send(control("result", **result.content()))


def _platform() -> dict[str, str]:
    """The name and version that the node's image shows."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return {"platform_name": release.get("NAME", "Linux"), "platform_version": release.get("VERSION_ID", "")}


def keep_logs(directory: Path) -> None:
    """Write down what happens, and once more what goes wrong, as the real agent does: below 1 MB and one old file."""
    directory.mkdir(parents=True, exist_ok=True)
    form = logging.Formatter("%(asctime)s.%(msecs)04d %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")
    for name, level in (("amazon-ssm-agent.log", logging.INFO), ("errors.log", logging.ERROR)):
        handler = logging.handlers.RotatingFileHandler(directory / name, maxBytes=_LOG_BYTES, backupCount=1)
        handler.setFormatter(form)
        handler.setLevel(level)
        LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


async def serve(settings: Settings) -> None:
    """Run an agent until SIGTERM or SIGINT."""
    task = asyncio.get_running_loop().create_task(Agent(settings).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> int:
    """Run the command line; the answer is the exit code."""
    parser = argparse.ArgumentParser(prog="amazon-ssm-agent", description="The sandbox's SSM agent.")
    parser.add_argument("--settings", type=Path, default=SETTINGS, help=f"the settings file ({SETTINGS})")
    path = parser.parse_args().settings
    try:
        settings = Settings.read(path)
    except (OSError, ValueError, TypeError) as error:
        print(f"amazon-ssm-agent: the settings {path} cannot be used: {error}", file=sys.stderr)
        return 1
    keep_logs(Path(settings.log))
    LOGGER.info("amazon-ssm-agent - v%s", settings.agent_version)
    asyncio.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
