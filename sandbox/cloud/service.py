"""The cloud: moto's dispatcher between our journal and our credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sandbox.cloud import calls, environment
from sandbox.cloud.journal import Journal
from sandbox.latency import Latency
from sandbox.world import World


class Cloud:
    """AWS's API over a world of hosts; `application` is what a WSGI server serves."""

    def __init__(
        self,
        world: World,
        latency: Latency,
        region: str,
        endpoint: str,
        gateway: str,
        access_key_id: str,
        secret_access_key: str,
        journal_path: Path | None,
    ) -> None:
        environment.prepare()
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.world = world
        self.latency = latency
        self.region = region
        self.endpoint = endpoint
        self.gateway = gateway
        self.journal = Journal(journal_path)
        self._moto = DomainDispatcherApplication(create_backend_app)

    def application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        call = calls.identify(environ)
        answer: dict[str, Any] = {}

        def note(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            answer["status"] = int(status.split()[0])
            return start_response(status, headers, *rest)

        body = list(self._moto(environ, note))
        status = answer.get("status", 500)
        error = calls.error_code(b"".join(body)) if status >= 400 else None
        self.journal.write(call.service, call.operation, call.access_key_id, status, error)
        return body

    def close(self) -> None:
        """Stop what runs by itself."""
        self.journal.close()
