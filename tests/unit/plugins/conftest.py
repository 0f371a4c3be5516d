"""What the plugins' tests share: Ansible's commands with the project's configuration, and recorders of AWS's calls."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from recorded_aws import ROOT, Command, Recorder


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run one of Ansible's commands in a folder, with an environment that has nothing of the tester's AWS."""

    def run(name: str, *arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ANSIBLE_", "SANDBOX_"))}
        return subprocess.run(
            [str(Path(sys.executable).parent / name), *arguments],
            cwd=folder,
            env={
                **kept,
                "HOME": str(tmp_path),
                "ANSIBLE_HOME": str(tmp_path / "ansible"),
                "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
                "AWS_EC2_METADATA_DISABLED": "true",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


@pytest.fixture
def recorders() -> Iterator[Callable[[], Recorder]]:
    """Make recorders that answer AWS's calls as an empty account would, and write down what they were asked."""
    servers: list[ThreadingHTTPServer] = []

    def make() -> Recorder:
        recorder = Recorder()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                action = dict(urllib.parse.parse_qsl(body)).get("Action", self.path)
                recorder.asked.append((action, body, self.headers.get("Authorization", "")))
                status, text = recorder.answer(action)
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            # A proxy would be asked with CONNECT or GET.
            do_GET = do_PUT = do_HEAD = do_CONNECT = do_POST  # noqa: N815

            def log_message(self, *arguments: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        recorder.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
        return recorder

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()
