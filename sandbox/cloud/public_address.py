"""What https://checkip.amazonaws.com is on AWS: it answers with the caller's public address, on a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

PATH = "/.address"
"""Under the endpoint; no bucket's name can begin with a dot."""
MACHINE = "127.0.0.1"
"""Where a caller on the person's own machine comes from; to the sandbox's internet it has another address."""


def is_asked(environ: dict[str, Any]) -> bool:
    """Tell whether a request is for this service, and for nothing of AWS's API."""
    return environ.get("PATH_INFO") == PATH and environ.get("REQUEST_METHOD") == "GET"


def of_caller(environ: dict[str, Any], operator: str) -> str:
    """Return the caller's public address, which is ``operator`` for all of the person's machine."""
    caller = str(environ.get("REMOTE_ADDR", ""))
    return operator if caller == MACHINE else caller


def answer(environ: dict[str, Any], start_response: Callable[..., Any], operator: str) -> Iterable[bytes]:
    """Answer with the caller's address."""
    body = f"{of_caller(environ, operator)}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
