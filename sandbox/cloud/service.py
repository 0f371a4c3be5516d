"""The cloud: moto's dispatcher behind our journal and our credentials, over backends that act as AWS does."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from botocore.model import OperationNotFoundError

from sandbox.cloud import calls, context, environment, public_address
from sandbox.cloud.arguments import arguments_of
from sandbox.cloud.authorisation import checks
from sandbox.cloud.authorisation.conditions import UnknownOperatorError
from sandbox.cloud.bodies import buffer, drain
from sandbox.cloud.calls import RefusedError
from sandbox.cloud.journal import Journal, is_changing
from sandbox.cloud.throttling import Throttle
from sandbox.faults.book import Book
from sandbox.faults.striking import Striking
from sandbox.latency import Latency
from sandbox.world import Network, World

LOG = logging.getLogger(__name__)
OWN_LOCKS = ("s3", "ssm")
"""Services whose state is not EC2's and may be used by many threads at once."""
WITH_BUCKETS = ("s3", "resourcegroupstaggingapi")


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
        throttling: bool = False,
        faults: Book | None = None,
        operator_address: str = public_address.MACHINE,
    ) -> None:
        environment.prepare()
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        from sandbox.cloud import backend, parameters
        from sandbox.cloud.credentials import Credentials
        from sandbox.cloud.regions import REGIONS

        self.endpoint = endpoint
        self.gateway = gateway
        self._operator_address = operator_address
        self.journal = Journal(journal_path)
        self.context = context.Context(
            world=world,
            latency=latency,
            region=region,
            address=endpoint.split("//")[1].split(":")[0],
            operator=access_key_id,
            operator_address=operator_address,
            faults=faults or Book(),
        )
        self._striking = Striking(self.context.faults, self.journal)
        self.context.settle = self.settle
        context.enter(self.context)
        _forget_everything()
        backend.install()
        parameters.install()
        self._credentials = Credentials(access_key_id, secret_access_key, REGIONS)

        def create(service: Any) -> Any:
            _prepare(service)
            application = create_backend_app(service)
            application.config["PROPAGATE_EXCEPTIONS"] = True  # we put them into words ourselves
            return application

        self._moto = DomainDispatcherApplication(create)
        self.throttle = Throttle() if throttling else None
        self._arranging = threading.Lock()
        self._arranged: dict[str, Network] = {}

    def application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request, unless a fault is to strike it."""
        if public_address.is_asked(environ):
            return public_address.answer(environ, start_response, self._operator_address)
        return self._striking.answer(calls.identify(environ), environ, start_response, self._work)

    def _work(self, call: calls.Call, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Check a request and do what it asks for."""
        caller = call.access_key_id
        try:
            caller = self._credentials.check(environ, call)
            self._allow(environ, call, caller)
        except RefusedError as refused:
            drain(environ)
            return self._refuse(call, refused, caller, start_response)
        return self._answer(call, caller, environ, start_response)

    def _allow(self, environ: dict[str, Any], call: calls.Call, caller: str) -> None:
        """Raise `RefusedError` for a request that is one too many, or that its caller may not make."""
        # Of the account itself only the policies of buckets speak.
        is_checked = call.service == "s3" or not self._credentials.is_operator(call.access_key_id)
        if self.throttle is None and not is_checked:
            return
        try:
            with self.context.lock:
                if self.throttle is not None:
                    self.throttle.check(call, arguments_of(environ, call) if call.service == "ec2" else {})
                if is_checked:
                    _prepare(call.service)
                    checks.check(environ, call, caller)
        except (OperationNotFoundError, NotImplementedError) as problem:
            raise RefusedError("unsupported", f"{type(problem).__name__}: {problem}") from problem
        except UnknownOperatorError as problem:
            raise RefusedError("unsupported", str(problem)) from problem
        except RefusedError:
            raise
        except Exception as problem:
            LOG.exception("%s of %s could not be authorised", call.operation, call.service)
            raise RefusedError("broken", f"{type(problem).__name__}: {problem}") from problem

    def _answer(
        self, call: calls.Call, caller: str, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        answer: dict[str, int] = {}

        def note(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            answer["status"] = int(status.split()[0])
            return start_response(status, headers, *rest)

        try:
            if call.service in OWN_LOCKS:
                body = list(self._moto(environ, note))
            else:
                buffer(environ)
                with self.context.lock:
                    body = list(self._moto(environ, note))
                if is_changing(call.operation):
                    self.settle()
        except Exception as problem:
            LOG.exception("%s of %s failed", call.operation, call.service)
            reason = "unsupported" if isinstance(problem, NotImplementedError) else "broken"
            return self._refuse(
                call, RefusedError(reason, f"{type(problem).__name__}: {problem}"), caller, start_response
            )
        status = answer.get("status", 500)
        error = calls.error_code(b"".join(body)) if status >= 400 else None
        self.journal.write(call, caller, status, error)
        return body

    def _refuse(
        self, call: calls.Call, refused: RefusedError, caller: str, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer with an error in the call's protocol."""
        from sandbox.cloud.protocols import refuse

        answer = refuse(call, refused)
        self.journal.write(call, caller, answer.status, answer.code)
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        start_response(f"{answer.status} Refused", headers)
        return [answer.body]

    def settle(self) -> None:
        """Make the world's network what it should be now."""
        from moto.ec2.models import ec2_backends

        from sandbox.cloud.network import networks

        with self._arranging:
            with self.context.lock:
                wanted = networks(backend for _, _, backend in ec2_backends.iter_backends())
            if wanted == self._arranged:
                return
            try:
                self.context.world.arrange(wanted)
            except Exception:
                LOG.exception("the world could not arrange its network")
            else:
                self._arranged = wanted

    def authorise(self, instance_id: str, access_key_id: str) -> str | None:
        """Return why an instance's agent may not register, or None where it may."""
        from sandbox.cloud.managed import refusal_of

        with self.context.lock:
            return refusal_of(instance_id, access_key_id)

    def name_of(self, instance_id: str) -> str:
        """Return the tag Name of an instance."""
        from sandbox.cloud.managed import name_of

        with self.context.lock:
            return name_of(instance_id)

    def close(self) -> None:
        """Stop what runs by itself."""
        self.context.close()
        self.journal.close()


def _prepare(service: str) -> None:
    """Put our own S3 in moto's place, before anything looks for a bucket."""
    if service in WITH_BUCKETS:
        from sandbox.cloud import buckets  # a second of imports that only S3's users wait for

        buckets.install()


def _forget_everything() -> None:
    """Empty moto's backends of what an earlier cloud in this process had in them."""
    from moto.core.base_backend import BackendDict

    for backends in list(BackendDict._instances):
        backends.clear()
    BackendDict._instances.clear()
    if "moto.s3.models" in sys.modules:
        sys.modules["moto.s3.models"].s3_backends.bucket_accounts.clear()
