"""Data on its way from a presigned URL through this process to somewhere else, a piece at a time.

It runs on the nodes: Python 3.9 and its standard library.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PIECE = 1 << 18
# What is fetched is taken up where it broke off, so often without a byte in between; seconds between two tries.
TRIES = 5
PAUSE = 1.0
SILENCE = 60.0
# Seconds between two reports, and how long one may take.
REPORT_INTERVAL = 2.0
REPORT_TIMEOUT = 5.0
PARTIAL = 206
FORBIDDEN, NOT_FOUND, PRECONDITION_FAILED, NOT_SATISFIABLE, LOWEST_OF_SERVER = 403, 404, 412, 416, 500


class SourceError(Exception):
    """Why data cannot be had whole, in words without the URL, which is signed."""


class Source:
    """One object behind a URL, opened: its length is known, and its pieces can be had once."""

    def __init__(self, url: str, expected: int | None, deadline: float, pause: float = PAUSE) -> None:
        """Ask for it; raises SourceError, also where it does not have the expected number of bytes."""
        self._url = url
        self._deadline = deadline
        self._pause = pause
        self._response = self._opened(0, "")
        self._tag = self._response.headers.get("ETag") or ""
        stated = self._response.headers.get("Content-Length")
        if stated is None or not stated.isdigit():
            raise SourceError("its server does not say how long it is")
        self.length = int(stated)
        if expected is not None and self.length != expected:
            self._response.close()
            raise SourceError(f"it has {self.length} bytes, and {expected} were expected: it was changed meanwhile")

    def pieces(self) -> Iterator[bytes]:
        """Yield all of it; raises SourceError rather than ending early."""
        done, tries = 0, TRIES
        while done < self.length:
            before = done
            said = "the connection was closed"
            try:
                while piece := self._response.read(PIECE):
                    done += len(piece)
                    yield piece
                    if time.monotonic() > self._deadline:
                        raise SourceError("the time of this load is over")
            except (OSError, http.client.HTTPException) as error:
                said = _said(error)
            if done == self.length:
                break
            tries = TRIES if done > before else tries - 1
            if not tries or time.monotonic() > self._deadline:
                raise SourceError(f"it broke off after {done} of {self.length} bytes: {said}")
            time.sleep(self._pause)
            self._response = self._opened(done, self._tag)
        self._response.close()

    def _opened(self, start: int, tag: str) -> Any:
        """Ask for what follows `start`, of the same object as before."""
        request = urllib.request.Request(self._url)
        if start:
            request.add_header("Range", f"bytes={start}-")
            if tag:
                request.add_header("If-Match", tag)
        for tries_left in reversed(range(TRIES)):
            try:
                response = urllib.request.urlopen(request, timeout=SILENCE)
                if start and response.status != PARTIAL:
                    raise SourceError("its server does not go on in the middle")
                return response
            except urllib.error.HTTPError as error:
                if reason := _reason(error.code):
                    raise SourceError(reason) from None
                said = f"its server answers {error.code} {error.reason}"
            except (OSError, http.client.HTTPException) as error:
                said = _said(error)
            if not tries_left or time.monotonic() > self._deadline:
                raise SourceError(said)
            time.sleep(self._pause)
        raise AssertionError("the last try either returns or raises")


@dataclass
class Progress:
    """How far a load is, and a thread that says so now and then, to whoever looks at the URL's object."""

    url: str
    """A presigned URL to PUT to; empty for nobody."""
    parts: int = 0
    part: int = 0
    fetched: int = 0
    """In bytes."""
    statements: int = 0
    state: str = "loading"
    _ended: threading.Event = field(default_factory=threading.Event)

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pass pieces on, and count their bytes."""
        for piece in pieces:
            yield piece
            self.fetched += len(piece)

    def __enter__(self) -> Progress:
        self._thread = threading.Thread(target=self._run, daemon=True)
        if self.url:
            self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.state = "failed" if error else "done"
        self._ended.set()
        if self.url:
            self._thread.join(REPORT_TIMEOUT)

    def _run(self) -> None:
        while True:
            ended = self._ended.is_set()
            self._report()
            if ended:
                return
            self._ended.wait(REPORT_INTERVAL)

    def _report(self) -> None:
        said = {name: getattr(self, name) for name in ("parts", "part", "statements", "state")}
        said["bytes"] = self.fetched
        request = urllib.request.Request(self.url, data=json.dumps(said).encode(), method="PUT")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=REPORT_TIMEOUT):
                return
        except (OSError, http.client.HTTPException):
            # Nothing depends on it.
            return


@contextmanager
def awake(interval: float = 60.0) -> Iterator[None]:
    """Write an empty line every so many seconds: AWS ends a session in which nothing is said for twenty minutes.

    Ansible skips them when it looks for what a module answers.
    """
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(interval):
            sys.stdout.write("\n")
            sys.stdout.flush()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _reason(status: int) -> str:
    """Say what a status means that another try does not change; nothing for the others."""
    return {
        FORBIDDEN: "its URL is not good any more (403): the credentials that signed it have ended, or its time is over",
        NOT_FOUND: "it is not there any more (404)",
        PRECONDITION_FAILED: "it was changed while it was fetched",
        NOT_SATISFIABLE: "it was changed while it was fetched",
    }.get(status, f"its server answers {status}" if status < LOWEST_OF_SERVER else "")


def _said(error: BaseException) -> str:
    """Say in a few words why a connection ended."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, (socket.timeout, TimeoutError)):
        return f"nothing came for {SILENCE:.0f} s"
    return str(getattr(cause, "strerror", None) or type(cause).__name__)
