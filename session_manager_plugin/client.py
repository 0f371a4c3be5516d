"""One session seen from the client's side: standard input goes out, the terminal's output comes in.

A port session has connections instead, which `forwarding` carries.

The main thread reads the WebSocket, a second one standard input. A cut connection is made anew with ResumeSession and
goes on where it was: both directions are numbered, and what is not acknowledged is sent again.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import threading
import time
import uuid
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from session_manager_plugin import VERSION, frames, terminal
from session_manager_plugin.delivery import Inbox, Outbox
from session_manager_plugin.frames import Frame, FrameError, compact
from session_manager_plugin.request import Request

if TYPE_CHECKING:
    from session_manager_plugin.forwarding import Forwarding

_SHELLS: Final = ("Standard_Stream", "InteractiveCommands", "NonInteractiveCommands")
_PORT, _FORWARDING = "Port", "LocalPortForwarding"
_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_TICK: Final = 0.1
_FAREWELL: Final = 0.2
"""Seconds that a session may still take to end of its own accord once standard input has ended."""
_RESUME_FOR: Final = 300.0
_LONGEST_PAUSE: Final = 5.0


class SessionOverError(Exception):
    """The session has ended; the text is for the person."""


class DismissedError(Exception):
    """This process was told to end."""


def _proxy(url: str) -> Literal[True] | None:
    """Whether the environment's proxy may be asked for: never for an address of this machine."""
    host = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        return None if ipaddress.ip_address(host).is_loopback else True
    return None if host == "localhost" else True


class Client:
    """A session, from the first connection to the farewell."""

    def __init__(self, request: Request, standard_input: int, standard_output: int) -> None:
        self._request = request
        self._input = standard_input
        self._output = standard_output
        self._client_id = str(uuid.uuid4())
        self._inbox = Inbox()
        self._outbox = Outbox(frames.INPUT_STREAM)
        self._lock = threading.Lock()
        self._connection: ClientConnection | None = None
        self._connections = contextlib.ExitStack()
        self._shell_started = threading.Event()
        self._leave_at: float | None = None
        self._size = (0, 0)
        self._agent_version = ""
        self._ports: dict[str, Any] | None = None
        """What a port session is to forward; None in any other session."""
        self._forwarding: Forwarding | None = None
        self._failure: str | None = None

    def run(self) -> int:
        """Hold the session until it ends; the answer is the exit code."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)
        threading.Thread(target=self._read_input, daemon=True).start()
        code = 0
        with self._connections:
            try:
                self._connect(self._request.stream_url, self._request.token)
                while True:
                    self._step()
            except SessionOverError as ended:
                self._show(str(ended).encode())
            except DismissedError:
                # The far shell ends too, instead of waiting for somebody who does not come back.
                self._send(frames.FLAG, frames.terminate_flag())
                if self._forwarding is not None:
                    ending = f"\n\nExiting session with sessionId: {self._request.session_id}.\n\n"
                    self._show(f"Terminate signal received, exiting.\n{ending}".encode())
            except (OSError, WebSocketException) as error:
                self._show(f"Cannot perform start session: {error}\r\n".encode())
                code = 1
            if self._forwarding is not None:
                self._forwarding.close()
        return code

    def _connect(self, url: str, token: str) -> None:
        context = None
        if url.startswith("wss:") and os.environ.get("AWS_CA_BUNDLE"):
            import ssl

            context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
        connection = self._connections.enter_context(
            connect(
                url, compression=None, max_size=None, close_timeout=1, proxy=_proxy(url), ssl=context, open_timeout=30
            )
        )
        opening = {
            "MessageSchemaVersion": "1.0",
            "RequestId": str(uuid.uuid4()),
            "TokenValue": token,
            "ClientId": self._client_id,
            "ClientVersion": VERSION,
        }
        with self._lock:
            self._connection = connection
            connection.send(compact(opening).decode())
            for message in self._outbox.repeat(time.monotonic()):
                connection.send(message)

    def _step(self) -> None:
        assert self._connection is not None
        try:
            message = self._connection.recv(timeout=_TICK)
            if isinstance(message, bytes):
                self._handle(message)
        except TimeoutError:
            pass
        except ConnectionClosed:
            self._resume()
        now = time.monotonic()
        if self._failure is not None:
            raise OSError(self._failure)
        if self._leave_at is not None and now >= self._leave_at:
            raise SessionOverError("Cannot perform start session: EOF\r\n")
        with self._lock:
            due = self._outbox.due(now)
        for each in due:
            self._transmit(each)
        if self._shell_started.is_set():
            self._tell_size()

    def _handle(self, message: bytes) -> None:
        try:
            frame = Frame.decode(message)
            if frame.message_type == frames.ACKNOWLEDGE:
                with self._lock:
                    self._outbox.acknowledge(frames.acknowledged_sequence(frame))
                if self._forwarding is not None:
                    self._forwarding.acknowledged()
            elif frame.message_type == frames.OUTPUT_STREAM:
                if self._forwarding is not None and not self._forwarding.accepts:
                    return
                self._transmit(frames.acknowledgement(frame).encode())
                for ready in self._inbox.receive(frame):
                    self._handle_output(ready)
            elif frame.message_type == frames.CHANNEL_CLOSED:
                session, output = self._request.session_id, frame.json().get("Output")
                raise SessionOverError(
                    f"\r\n\r\nSessionId: {session} : {output}\r\n\r\n"
                    if output
                    else f"\r\n\r\nExiting session with sessionId: {session}.\r\n\r\n"
                )
        except FrameError:
            # The other side sends it again when it was worth something.
            return

    def _handle_output(self, frame: Frame) -> None:
        if frame.payload_type == frames.HANDSHAKE_REQUEST:
            self._answer_handshake(frame.json())
        elif frame.payload_type == frames.HANDSHAKE_COMPLETE:
            message = frame.json().get("CustomerMessage")
            if message:
                self._show(f"{message}\r\n".encode())
            if self._ports is None:
                self._start_shell()
            else:
                self._start_forwarding(self._ports)
        elif self._forwarding is not None:
            self._forwarding.receive(frame.payload_type, frame.payload)
        elif frame.payload_type == frames.OUTPUT:
            # An agent that is too old for the handshake begins with output.
            self._start_shell()
            self._show(frame.payload)

    def _start_shell(self) -> None:
        if not self._shell_started.is_set():
            self._connections.enter_context(terminal.raw(self._input))
            self._shell_started.set()

    def _start_forwarding(self, properties: dict[str, Any]) -> None:
        # Only here: what it imports would slow every shell's start.
        from session_manager_plugin.forwarding import Channel, forwarding

        channel = Channel(self._request.session_id, self._send, self._unacknowledged, self._show, self._fail)
        self._forwarding = forwarding(channel, properties, self._agent_version)
        self._forwarding.start()

    def _unacknowledged(self) -> int:
        return len(self._outbox)

    def _fail(self, reason: str) -> None:
        self._failure = reason

    def _answer_handshake(self, request: dict[str, Any]) -> None:
        processed: list[dict[str, Any]] = []
        errors: list[str] = []
        self._agent_version = str(request.get("AgentVersion") or "")
        for action in request.get("RequestedClientActions") or []:
            kind = action.get("ActionType")
            parameters = action.get("ActionParameters") or {}
            session_type, properties = parameters.get("SessionType"), parameters.get("Properties") or {}
            known = kind == "SessionType" and session_type in _SHELLS
            if kind == "SessionType" and session_type == _PORT and properties.get("type") == _FORWARDING:
                known, self._ports = True, properties
            error = "" if known else f"{kind} {session_type or ''} is not supported by this plugin".replace("  ", " ")
            processed.append(
                {"ActionType": kind, "ActionStatus": 1 if known else 3, "ActionResult": None, "Error": error}
            )
            if error:
                errors.append(error)
        response = {"ClientVersion": VERSION, "ProcessedClientActions": processed, "Errors": errors or None}
        self._send(frames.HANDSHAKE_RESPONSE, compact(response))

    def _send(self, payload_type: int, payload: bytes) -> None:
        with self._lock:
            message = self._outbox.add(payload_type, payload, time.monotonic())
            # Sent under the lock, so that two threads cannot change the order.
            if self._connection is not None:
                with contextlib.suppress(ConnectionClosed):
                    self._connection.send(message)

    def _transmit(self, message: bytes) -> None:
        with self._lock, contextlib.suppress(ConnectionClosed):
            assert self._connection is not None
            self._connection.send(message)

    def _tell_size(self) -> None:
        now = terminal.size(self._output)
        if now != self._size:
            self._size = now
            self._send(frames.SIZE, compact({"cols": now[0], "rows": now[1]}))

    def _show(self, output: bytes) -> None:
        while output:
            try:
                output = output[os.write(self._output, output) :]
            except OSError:
                # Nobody reads any more: whoever started the session is gone.
                self._leave_at = 0.0
                return

    def _read_input(self) -> None:
        self._shell_started.wait()
        while True:
            try:
                data = os.read(self._input, frames.MAXIMUM_PAYLOAD)
            except OSError:
                data = b""
            if not data:
                break
            self._send(frames.OUTPUT, data)
        self._leave_at = time.monotonic() + _FAREWELL
        # The main thread may be stuck in a write that nobody reads; the caller waits for this process to end.
        time.sleep(_FAREWELL + 0.5)
        os._exit(0)

    def _resume(self) -> None:
        """The connection is cut: ask for a new one until the session is found again, or found to be over."""
        import boto3  # half a second, and only needed here
        from botocore.exceptions import BotoCoreError, ClientError

        give_up = time.monotonic() + _RESUME_FOR
        pause = _TICK
        while time.monotonic() < give_up:
            if self._leave_at is not None and time.monotonic() >= self._leave_at:
                raise SessionOverError("")
            try:
                session = boto3.Session(profile_name=self._request.profile or None)
                client = session.client(
                    "ssm", region_name=self._request.region, endpoint_url=self._request.endpoint or None
                )
                answer = client.resume_session(SessionId=self._request.session_id)
                if not answer.get("TokenValue"):
                    raise SessionOverError(f"\r\nSession: {self._request.session_id} timed out.\r\n")
                self._connect(answer.get("StreamUrl") or self._request.stream_url, answer["TokenValue"])
                return
            except ClientError as error:
                if error.response["Error"]["Code"] == "DoesNotExistException":
                    raise SessionOverError(f"\r\nSession: {self._request.session_id} timed out.\r\n") from None
            except (BotoCoreError, WebSocketException, OSError):
                pass
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise SessionOverError(f"\r\nSession: {self._request.session_id} could not be resumed.\r\n")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # The main thread may be inside the WebSocket's own locks: nothing is sent from here.
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise DismissedError
