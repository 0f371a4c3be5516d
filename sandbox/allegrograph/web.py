"""HTTP/1.1 over plain sockets: one thread accepts on all ports, each connection has a thread of its own."""

import contextlib
import http.server
import json
import os
import selectors
import signal
import socket
import ssl
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from sandbox.allegrograph.bodies import Body, Headers, Readable, Unpacked
from sandbox.allegrograph.refusal import RefusedError

_FORM = "application/x-www-form-urlencoded"
_WHOLE = 1 << 16
"""An answer up to this many bytes is sent with its length, a longer one in chunks."""
_IDLE = 600.0
_HANDSHAKE = 10.0
_DRAIN = 1 << 26


@dataclass
class Request:
    """What a client asks."""

    method: str
    path: list[str]
    url_parameters: dict[str, list[str]]
    headers: Headers
    body: Body
    user: str = ""
    _form: dict[str, list[str]] | None = None

    @property
    def content_type(self) -> str:
        """The body's type without its parameters."""
        return (self.headers.get("Content-Type") or "").split(";")[0].strip().lower()

    @property
    def accept(self) -> str:
        """The first type that the client would like."""
        wanted = (self.headers.get("Accept") or "").split(",")[0].split(";")[0].strip().lower()
        return "" if wanted == "*/*" else wanted

    @property
    def data(self) -> Readable:
        """The body, unpacked where it came compressed."""
        packed = "gzip" in (self.headers.get("Content-Encoding") or "")
        return Unpacked(self.body) if packed else self.body

    def text(self) -> str:
        """The whole body as text."""
        try:
            return self.data.read().decode()
        except UnicodeDecodeError as error:
            raise RefusedError(400, f"The body is not text in UTF-8: {error}") from error

    def json(self) -> Any:
        """The whole body as JSON."""
        try:
            return json.loads(self.text())
        except ValueError as error:
            raise RefusedError(400, f"The body is not JSON: {error}", "MALFORMED DATA") from error

    def values(self, name: str) -> list[str]:
        """All values of a parameter, in the URL or in a form."""
        if self._form is None:
            form = self.content_type == _FORM and not self.body.finished
            self._form = parameters(self.text()) if form else {}
        return self.url_parameters.get(name, []) + self._form.get(name, [])

    def value(self, name: str) -> str | None:
        """The value of a parameter, or nothing."""
        return next(iter(self.values(name)), None)

    def needed(self, name: str) -> str:
        """The value of a parameter that must be there."""
        value = self.value(name)
        if value is None:
            raise RefusedError(400, f"The parameter {name!r} is missing.", "MALFORMED PARAMETER")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """A parameter that is true or false."""
        value = self.value(name)
        return default if value is None else value.lower() in ("true", "yes", "1", "on")

    def number(self, name: str) -> int | None:
        """A parameter that is a whole number, or nothing."""
        value = self.value(name)
        if value in (None, ""):
            return None
        try:
            return int(value or "")
        except ValueError as error:
            raise RefusedError(400, f"{name}={value!r} is not a whole number.", "MALFORMED PARAMETER") from error

    def prefixed(self, prefix: str) -> dict[str, str]:
        """All parameters whose name begins with a prefix, without it."""
        self.values("")
        every = {**self.url_parameters, **(self._form or {})}
        return {name.removeprefix(prefix): values[0] for name, values in every.items() if name.startswith(prefix)}


@dataclass
class Response:
    """What the server answers; the content may still be in the making."""

    content: str | bytes | Iterator[str | bytes] = b""
    status: int = 200
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)
    is_last: bool = False
    """Whether a fault ends the process in the middle of it."""


def parameters(query: str) -> dict[str, list[str]]:
    """The parameters of a query string or form."""
    result: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        result.setdefault(name, []).append(value)
    return result


Application = Callable[[Request], Response]


class _Connection(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "AllegroServe/1.3"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = _IDLE
    server: "Server"  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer_request
        raise AttributeError(name)

    def _answer_request(self) -> None:
        body = None
        response = Response()
        try:
            try:
                body = Body(self.rfile, self.headers)
                path, _, query = self.path.partition("?")
                segments = [unquote(each) for each in path.strip("/").split("/")] if path.strip("/") else []
                request = Request(self.command, segments, parameters(query), self.headers, body)
                response = self.server.application(request)
                self._send(response)
            except RefusedError as refusal:
                self._send(_refused(refusal))
            except ConnectionError:
                self.close_connection = True
            except Exception as error:  # noqa: BLE001 - the server must go on, and say what happened
                print(traceback.format_exc(), file=sys.stderr, flush=True)
                self._send(Response(f"The server failed: {type(error).__name__}: {error}", 500))
        finally:
            if not isinstance(response.content, str | bytes):
                close = getattr(response.content, "close", None)
                if close:
                    close()
        self._drain(body)

    def _drain(self, body: Body | None) -> None:
        """Read what the client still sends, so that it sees the answer and not a reset."""
        left = _DRAIN
        try:
            while body and not body.finished and left > 0:
                left -= len(body.read(1 << 16))
        except (ConnectionError, OSError):
            left = 0
        if left <= 0 or body is None:
            self.close_connection = True

    def _send(self, response: Response) -> None:
        pieces = _pieces(response.content)
        start = b""
        complete = False
        for piece in pieces:
            start += piece
            if len(start) > _WHOLE:
                break
        else:
            complete = True
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type + _charset(response.content_type))
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status == 204:
            self.end_headers()
        elif complete:
            self.send_header("Content-Length", str(len(start)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(start[: len(start) // 2] if response.is_last else start)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if response.is_last:
                self._chunk(start)
            else:
                self._send_chunks(start, pieces)
        self.wfile.flush()
        if response.is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    def _send_chunks(self, start: bytes, pieces: Iterator[bytes]) -> None:
        try:
            self._chunk(start)
            for piece in pieces:
                self._chunk(piece)
            self.wfile.write(b"0\r\n\r\n")
        except RefusedError as refusal:
            # The status is long gone; breaking off is the only way left to say that this is not all.
            print(refusal.body, file=sys.stderr, flush=True)
            self.close_connection = True

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def handle_expect_100(self) -> bool:
        """Tell the client at once that it may send; the answer's stream is buffered."""
        result = super().handle_expect_100()
        self.wfile.flush()
        return result

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged for each request."""


def _charset(content_type: str) -> str:
    return "" if "charset" in content_type else "; charset=utf-8"


def _refused(refusal: RefusedError) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="AllegroGraph"'} if refusal.status == 401 else {}
    return Response(refusal.body, refusal.status, headers=headers)


def _pieces(content: str | bytes | Iterator[str | bytes]) -> Iterator[bytes]:
    """The content in pieces that are worth a packet."""
    if isinstance(content, str | bytes):
        yield content.encode() if isinstance(content, str) else content
        return
    gathered: list[bytes] = []
    length = 0
    for piece in content:
        data = piece.encode() if isinstance(piece, str) else piece
        gathered.append(data)
        length += len(data)
        if length > _WHOLE:
            yield b"".join(gathered)
            gathered, length = [], 0
    yield b"".join(gathered)


class Server:
    """Accepts connections and hands their requests to an application."""

    def __init__(self, application: Application, housekeeping: Callable[[], None], interval: float = 1.0) -> None:
        self.application = application
        self._housekeeping = housekeeping
        self._interval = interval
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._stopping = False

    def add_listener(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on one more socket, with TLS or without."""
        listener.setblocking(False)
        with self._lock:
            self._selector.register(listener, selectors.EVENT_READ, tls)
        self._wake()

    def remove_listener(self, listener: socket.socket) -> None:
        """Stop doing so, and close it."""
        with self._lock, contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(listener)
        listener.close()

    def stop(self) -> None:
        """Make `run` return; safe in a signal handler."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_writer.send(b".")

    def run(self) -> None:
        """Serve until `stop`."""
        while not self._stopping:
            for key, _ in self._selector.select(self._interval):
                if key.fileobj is self._wake_reader:
                    self._wake_reader.recv(1000)
                elif isinstance(key.fileobj, socket.socket):
                    self._accept(key.fileobj, key.data)
            self._housekeeping()

    def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        try:
            connection, address = listener.accept()
        except OSError:
            return
        connection.setblocking(True)
        threading.Thread(target=self._converse, args=(connection, address, tls), daemon=True).start()

    def _converse(self, connection: socket.socket, address: Any, tls: ssl.SSLContext | None) -> None:
        # A client may go away whenever it likes.
        with contextlib.suppress(OSError, ValueError), connection:
            if tls is None:
                _Connection(connection, address, self)  # type: ignore[arg-type]
                return
            connection.settimeout(_HANDSHAKE)
            with tls.wrap_socket(connection, server_side=True) as protected:
                _Connection(protected, address, self)  # type: ignore[arg-type]
