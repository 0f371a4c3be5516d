"""A port of an instance as a port of this machine: a session of SSM, held by the session-manager-plugin."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCUMENT = "AWS-StartPortForwardingSession"
LOCALHOST = "127.0.0.1"
PORTS = range(1, 65536)
# What the plugin says, AWS's own and the project's alike.
OPENED = re.compile(r"Port (\d+) opened for sessionId ")
REFUSED = re.compile(r"Connection to destination port failed|Unable to connect to specified port")
TAKEN = re.compile(r"address already in use", re.IGNORECASE)
# What it says that is no reason for anything.
CHATTER = re.compile(
    r"Starting session with SessionId|Exiting session|Waiting for connections|Connection accepted|^Port "
)
# Seconds that each attempt to end a session may take, and that the plugin has to leave afterwards.
FAREWELL = 3.0
LOOK = 0.1
LONGEST_OUTPUT = 1 << 16


class ForwardingError(Exception):
    """Why a port cannot be forwarded; its text is a sentence for a person."""


@dataclass(frozen=True)
class Instance:
    """An instance with an SSM agent, and how it is reached."""

    id: str
    title: str
    """What a person calls it, such as `the manager`."""
    plugin: str
    """The session-manager-plugin."""
    region: str | None = None


def taken(port: int) -> bool:
    """Say whether somebody listens on this port of this machine already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return True
    return False


def temporary_file() -> int:
    """Open a file without a name; closing it is its end."""
    descriptor, name = tempfile.mkstemp()
    Path(name).unlink()
    return descriptor


class ForwardedPort:
    """One port of an instance, as port `local_port` of this machine, from `with` to its end."""

    def __init__(self, instance: Instance, port: int, deadline: float, local_port: int = 0) -> None:
        """Take what is to be forwarded; deadline is when it must be open, by time.monotonic, and 0 any free port."""
        self.local_port = local_port
        self._instance = instance
        self._port = port
        self._deadline = deadline
        self._session: dict[str, Any] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        # A file takes what the plugin says at any time: nobody has to stand by and read.
        self._output = temporary_file()

    def __enter__(self) -> ForwardedPort:
        """Open it, or raise ForwardingError."""
        try:
            self._session = self._start_session()
            self._start_plugin(self._session)
            self._wait()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def is_open(self) -> bool:
        """Say whether the session still goes on."""
        return self._process is not None and self._process.poll() is None

    @property
    def trouble(self) -> str | None:
        """Say why connections to the port do not work, where the plugin has said so."""
        where = f"port {self._port} of {self._title}"
        if any(REFUSED.search(line) for line in self._said):
            return f"Nothing listens on {where}. Does AllegroGraph run there?"
        if not self.is_open:
            return (
                f"The session that leads to {where} has ended{self._reason()}: the instance or its SSM agent is gone, "
                "or nothing happened in it for too long, which is 20 minutes unless the account says otherwise."
            )
        return None

    def explained(self, patience: float = 1.0) -> str | None:
        """Say why a connection to the port has just failed; the plugin may take a moment to say so."""
        end = time.monotonic() + patience
        while self.trouble is None and time.monotonic() < end:
            time.sleep(LOOK)
        return self.trouble

    def close(self) -> None:
        """End the session, and the plugin with it, whatever has become of them."""
        if self._session is not None:
            from botocore.exceptions import BotoCoreError, ClientError

            # A session that is over is no error, and one that cannot be ended now ends after an idle while.
            with contextlib.suppress(BotoCoreError, ClientError):
                self._client(FAREWELL, attempts=2).terminate_session(SessionId=self._session["SessionId"])
            self._session = None
        if self._process is not None:
            try:
                self._process.wait(FAREWELL)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._output >= 0:
            os.close(self._output)
            self._output = -1

    @property
    def _title(self) -> str:
        return f"{self._instance.title} ({self._instance.id})"

    def _client(self, seconds: float, attempts: int) -> Any:
        import boto3
        from botocore.config import Config

        patience = Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": attempts})
        return boto3.client("ssm", region_name=self._instance.region, config=patience)

    def _start_session(self) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        attempts = 3
        seconds = max(1.0, (self._deadline - time.monotonic()) / attempts)
        try:
            client = self._client(min(10.0, seconds), attempts)
            answer = client.start_session(**self._request)
        except ClientError as error:
            raise ForwardingError(refusal(self._title, self._instance.id, error)) from None
        except BotoCoreError as error:
            said = " ".join(str(error).split()).rstrip(".")
            raise ForwardingError(f"No session to {self._title} could be asked for: {said}.") from None
        self._endpoint, self._region = client.meta.endpoint_url, client.meta.region_name
        return {key: answer[key] for key in ("SessionId", "TokenValue", "StreamUrl")}

    @property
    def _request(self) -> dict[str, Any]:
        ports = {"portNumber": [str(self._port)], "localPortNumber": [str(self.local_port)]}
        return {"Target": self._instance.id, "DocumentName": DOCUMENT, "Parameters": ports}

    def _start_plugin(self, session: dict[str, Any]) -> None:
        profile = os.environ.get("AWS_PROFILE", "")
        given = [json.dumps(session), self._region, "StartSession", profile, json.dumps(self._request), self._endpoint]
        try:
            self._process = subprocess.Popen(
                [self._instance.plugin, *given],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise ForwardingError(
                f"The session-manager-plugin {self._instance.plugin} cannot run: {error.strerror}. Install AWS's own, "
                "or set ansible_aws_ssm_plugin to one that runs."
            ) from None

    @property
    def _said(self) -> list[str]:
        # The plugin writes where this descriptor, too, stands: it must not be moved.
        text = os.pread(self._output, LONGEST_OUTPUT, 0).decode(errors="replace")
        return [line.strip() for line in text.splitlines()]

    def _wait(self) -> None:
        """Return when the plugin listens."""
        while True:
            is_open = self.is_open
            if opened := next(filter(None, map(OPENED.search, self._said)), None):
                self.local_port = int(opened[1])
                return
            if not is_open:
                raise ForwardingError(self._why_not())
            if time.monotonic() > self._deadline:
                raise ForwardingError(f"No session to {self._title} was open in time. Is its SSM agent well?")
            time.sleep(LOOK)

    def _why_not(self) -> str:
        if any(TAKEN.search(line) for line in self._said):
            return port_is_taken(self.local_port)
        if any(REFUSED.search(line) for line in self._said):
            return str(self.trouble)
        return f"The session-manager-plugin could not open a session to {self._title}{self._reason()}."

    def _reason(self) -> str:
        said = [line for line in self._said if line and not CHATTER.search(line)]
        return f" ({said[-1].rstrip('.')})" if said else ""


def port_is_taken(port: int) -> str:
    """Say what to do about a port of this machine on which somebody listens already."""
    return (
        f"Port {port} of this machine is taken, by another tunnel or a server of your own: end that, or choose another "
        f"port with -e federation_tunnel_port={port + 1 if port + 1 in PORTS else port - 1}"
    )


def refusal(title: str, instance_id: str, error: Any) -> str:
    """Say why AWS does not start a session."""
    code, words = error.response["Error"]["Code"], str(error.response["Error"]["Message"]).rstrip(".")
    if code == "TargetNotConnected":
        return (
            f"{title[:1].upper()}{title[1:]} is not connected to Systems Manager, so no session leads there. Does it "
            "run, and is its SSM agent online? Look with: "
            f"aws ssm describe-instance-information --filters Key=InstanceIds,Values={instance_id}"
        )
    if code.startswith("AccessDenied"):
        return (
            f"The credentials may not start a session to {title} ({code}): have ssm:StartSession allowed on the "
            f"instance and on the document {DOCUMENT}."
        )
    return f"No session to {title} could be started: {code}: {words}."
