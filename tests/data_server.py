"""Parts of data, and a server that hands them out as S3 does, or cuts them short and refuses them."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agraph_bench import Client

TERMS = {"subject": "<ex://instance0>", "predicate": "<ex://id>", "object": '"0"'}
"""A demonstration's statement."""


@dataclass
class Files:
    """What is served, by path."""

    port: int = 0
    content: dict[str, bytes] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    """Paths that are refused."""
    cuts: list[int] = field(default_factory=list)
    """After how many bytes each of the next answers ends."""
    later: dict[str, bytes] = field(default_factory=dict)
    """What a path is after its first answer."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Method and path, and the range that was asked for."""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@contextmanager
def serving() -> Iterator[Files]:
    """Serve files on a port of their own."""
    files = Files()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted, name = self.headers.get("Range"), self.path.strip("/")
            files.asked.append((f"GET {name}", wanted))
            content = files.content.get(name, b"")
            tag = f'"{hashlib.sha256(content).hexdigest()}"'
            status = files.status.get(name) or (200 if name in files.content else 404)
            if status == 200 and self.headers.get("If-Match", tag) != tag:
                status = 412
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and status == 200 else 0
            self.send_response(206 if start else status)
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("ETag", tag)
            self.end_headers()
            files.content |= {name: files.later.pop(name)} if name in files.later else {}
            if status == 200:
                self.wfile.write(content[start : start + files.cuts.pop(0)] if files.cuts else content[start:])

        def do_PUT(self) -> None:
            name = self.path.strip("/")
            files.asked.append((f"PUT {name}", None))
            files.content[name] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    files.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()


def held(client: Client, repository: str = "r") -> Counter[str]:
    """Every statement of a repository, by its N-Quads, with how often it is there."""
    text = client.call("GET", f"/repositories/{repository}/statements", accept="application/n-quads").text
    return Counter(line.removesuffix(" .") for line in text.splitlines())


def part(files: Files, name: str, content: bytes, **more: Any) -> dict[str, Any]:
    files.content[name] = gzip.compress(content) if more.get("compression") == "gzip" else content
    known = {"statements": content.count(b"\n"), "bytes": len(files.content[name]), "source": name, "id": name}
    return {**known, "url": files.url(name), "content_type": "application/n-triples", **more}


def triples(name: str, count: int) -> bytes:
    return b"".join(f"<ex://{name}{each}> <ex://p> <ex://o> .\n".encode() for each in range(count))
