"""What https://checkip.amazonaws.com is on AWS: it answers with the caller's address, on a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

PATH = "/.address"
"""Under the endpoint; no bucket's name can begin with a dot."""


def is_asked(environ: dict[str, Any]) -> bool:
    """Tell whether a request is for this service, and for nothing of AWS's API."""
    return environ.get("PATH_INFO") == PATH and environ.get("REQUEST_METHOD") == "GET"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the caller's address."""
    body = f"{environ['REMOTE_ADDR']}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
