"""Stand-ins for AllegroGraph in threads of the test's own process, and a client that takes every answer."""

import base64
import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from sandbox.allegrograph.command_line import parser, prepared

Parameters = dict[str, str] | list[tuple[str, str]]


@dataclass
class Answer:
    """What came back."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Client:
    """Asks one server."""

    port: int
    user: str | None = "test"
    password: str = "xyzzy"
    patience: float = 30

    def call(
        self,
        method: str,
        path: str,
        parameters: Parameters | None = None,
        body: str | bytes | None = None,
        content_type: str | None = None,
        accept: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Ask, whatever the answer; `path` may be a session's URL."""
        parts = urlsplit(path)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or self.port, timeout=self.patience)
        sent = {"Accept": accept, **(headers or {})}
        if self.user is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if content_type:
            sent["Content-Type"] = content_type
        target = parts.path + ("?" + urlencode(parameters) if parameters else "")
        data = body.encode() if isinstance(body, str) else body
        with contextlib.closing(connection):
            connection.request(method, target, data, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), dict(answer.headers))

    def load(self, repository: str, triples: str, content_type: str = "application/n-quads") -> Answer:
        return self.call("POST", f"/repositories/{repository}/statements", None, triples, content_type)

    def select(self, where: str, query: str, accept: str = "application/json", **parameters: str) -> Answer:
        path = where if where.startswith("http") else f"/repositories/{where}"
        return self.call("GET", path, {"query": query, **parameters}, accept=accept)

    def values(self, where: str, query: str) -> Any:
        return self.select(where, query).json["values"]

    def session(self, where: str | None = None, **parameters: str) -> str:
        path = f"/repositories/{where}/session" if where else "/session"
        answer = self.call("POST", path, parameters)
        assert answer.status == 200, answer.text
        return str(answer.json)


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Client]:
    options = parser().parse_args(["--host", "127.0.0.1", "--port", "0", *arguments])
    with prepared(options) as (server, service):
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield Client(service.port)
        finally:
            server.stop()
            thread.join(5)
