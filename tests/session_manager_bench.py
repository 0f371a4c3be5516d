"""A gateway, agents as plain processes and a metadata service on loopback: Session Manager without namespaces."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.faults.book import Book
from sandbox.latency import Latency
from sandbox.session_manager.gateway import Gateway

LATENCY = Latency(agent_ping=0.5, agent_connection_lost=0.5)
ROOT = Path(__file__).parents[1]


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The condition's value, once it is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "the condition did not become true in time"
        time.sleep(0.02)
    return value


def listen(address: str = "127.0.0.1", port: int = 0) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address, port))
    listening.listen(64)
    return listening


class _Metadata(http.server.BaseHTTPRequestHandler):
    """Instance metadata of version 2 for one node."""

    def do_PUT(self) -> None:
        self._answer("the-token" if self.path == "/latest/api/token" else None)

    def do_GET(self) -> None:
        if self.headers.get("X-aws-ec2-metadata-token") != "the-token":
            self.send_error(401)
            return
        role = "/latest/meta-data/iam/security-credentials/"
        self._answer(
            {
                "/latest/meta-data/instance-id": self.server.instance_id,  # type: ignore[attr-defined]
                role: "the-role",
                role + "the-role": json.dumps({"AccessKeyId": "ASIATHEROLESKEY00000"}),
            }.get(self.path)
        )

    def _answer(self, content: str | None) -> None:
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class Node:
    """An agent's process and its metadata service."""

    instance_id: str
    settings: Path
    metadata: http.server.ThreadingHTTPServer
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.session_manager.agent", "--settings", str(self.settings)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
        )

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(10)
        self.process = None
        return code

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.metadata.shutdown()
        self.metadata.server_close()


@dataclass
class Bench:
    """A gateway and its nodes."""

    directory: Path
    gateway: Gateway
    faults: Book
    nodes: dict[str, Node] = field(default_factory=dict)

    def node(self, instance_id: str, *, start: bool = True, online: bool = True, **settings: Any) -> Node:
        metadata = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Metadata)
        metadata.instance_id = instance_id  # type: ignore[attr-defined]
        threading.Thread(target=metadata.serve_forever, args=(0.02,), daemon=True).start()
        place = self.directory / instance_id
        place.mkdir()
        path = place / "sandbox.json"
        content = {
            "gateway": self.gateway.address,
            "endpoint": "http://127.0.0.1:1",
            "retry_delay": 0.1,
            "metadata": f"127.0.0.1:{metadata.server_address[1]}",
            "state": str(place / "run"),
            "orchestration": str(place / "orchestration"),
            "log": str(place / "log"),
        }
        path.write_text(json.dumps(content | settings))
        node = self.nodes[instance_id] = Node(instance_id, path, metadata)
        if start:
            node.start()
            if online:
                wait_for(lambda: self.gateway.agents.peer(instance_id))
        return node


@contextlib.contextmanager
def bench(
    directory: Path, authorise: Callable[[str, str], str | None] = lambda instance_id, access_key_id: None
) -> Iterator[Bench]:
    with listen() as listening:
        faults = Book()
        gateway = Gateway(listening, None, LATENCY, authorise, faults, lambda instance_id: f"node-{instance_id[-1]}")
        gateway.start()
        made = Bench(directory, gateway, faults)
        try:
            yield made
        finally:
            for node in made.nodes.values():
                node.close()
            gateway.close()


@contextlib.contextmanager
def api(gateway: Gateway) -> Iterator[str]:
    """The URL of a moto server whose Systems Manager is this gateway's."""
    from moto.server import ThreadedMotoServer

    from sandbox.session_manager import responses

    responses.install(gateway)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def aws_environment(endpoint: str) -> dict[str, str]:
    """The environment that aims an AWS client at `endpoint`, and nothing of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_REGION": "us-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
