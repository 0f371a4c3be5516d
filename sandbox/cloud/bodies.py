"""Reading the body of a request, whoever needs it."""

from __future__ import annotations

import contextlib
import io
from typing import Any


def buffer(environ: dict[str, Any]) -> None:
    """Read a body at once, for whoever needs it later: a slow client must not hold up what follows."""
    if length := int(environ.get("CONTENT_LENGTH") or 0):
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))


def drain(environ: dict[str, Any]) -> None:
    """Read what a refused client sends, so that it can read the answer."""
    with contextlib.suppress(OSError, ValueError):
        left = int(environ.get("CONTENT_LENGTH") or 0)
        while left > 0 and (chunk := environ["wsgi.input"].read(min(left, 1 << 16))):
            left -= len(chunk)
