"""A pretended AllegroGraph that does as it is told, and a way to import and run modules outside of Ansible."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ansible.module_utils

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# Ansible finds them by its configuration when it packs a module; here Python has to.
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

Run = Callable[..., dict[str, Any]]


@dataclass
class Agraph:
    """The state of a pretended AllegroGraph, and what it was asked."""

    port: int = 0
    user: str = "test"
    password: str = "xyzzy"
    repositories: dict[str, list[tuple[int, tuple[str, ...]]]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    next_id: int = 1

    def asked(self, method: str, path: str) -> list[str]:
        """Return the requests of a method whose path ends so."""
        return [each for verb, each in self.requests if verb == method and each.split("?")[0].endswith(path)]

    def add(self, repository: str, *terms: str) -> None:
        """Add a statement, once more."""
        self.repositories[repository].append((self.next_id, terms))
        self.next_id += 1

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, str]:
        """Return status and body for a request."""
        parts = path.strip("/").split("/")
        if parts[0] == "version":
            return 200, '"8.5.2"'
        if path == "/session":
            return 200, json.dumps(f"http://127.0.0.1:{self.port}/session-one")
        if path == "/catalogs":
            return 200, '[{"id": "/"}]'
        if parts[0] != "repositories":
            return 200, "null"
        if len(parts) == 1:
            return 200, json.dumps([{"id": each} for each in self.repositories])
        name, what = parts[1], "/".join(parts[2:])
        if what == "" and method == "PUT":
            self.repositories[name] = []
        elif name not in self.repositories:
            return 404, f"There is no repository {name}"
        elif what == "" and method == "DELETE":
            del self.repositories[name]
        elif what == "size":
            return 200, str(len(self.repositories[name]))
        elif what == "statement":
            self.add(name, query["subj"], query["pred"], query["obj"])
        elif what == "statements":
            wanted = (query["subj"], query["pred"], query["obj"])
            found = [[number, *terms] for number, terms in self.repositories[name] if terms == wanted]
            return 200, json.dumps(found)
        elif what == "statements/delete":
            gone = set(json.loads(body))
            self.repositories[name] = [each for each in self.repositories[name] if each[0] not in gone]
        return 204, ""


def served() -> Iterator[Agraph]:
    """Yield a pretended AllegroGraph that listens on a port of its own."""
    state = Agraph()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            parts = urllib.parse.urlsplit(self.path)
            state.requests.append((self.command, self.path))
            time.sleep(state.delays.get(parts.path, 0))
            expected = "Basic " + base64.b64encode(f"{state.user}:{state.password}".encode()).decode()
            if parts.path in state.answers:
                status, text = state.answers[parts.path]
            elif parts.path != "/version" and self.headers.get("Authorization") != expected:
                status, text = 401, "Unauthorized"
            else:
                query = dict(urllib.parse.parse_qsl(parts.query))
                status, text = state.answer(self.command, parts.path, query, body)
            data = text.encode()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if status != 204:
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = do  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
