"""An HTTP client of AllegroGraph for the standard library of Python 3.9 and nothing else.

The modules that use it run on the nodes, where neither agraph-python nor requests is installed. Every call is bounded
in time, and every failure is one sentence without credentials.
"""

from __future__ import annotations

import base64
import copy
import http.client
import json
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DEFAULT_PORT = 10035
DEFAULT_TIMEOUT = 30.0
SERVER_CODE = re.compile(r"^([A-Z][A-Z ]+): (.*)$", re.DOTALL)
LONGEST_QUOTATION = 600
# How often a request that only reads is made when its connection breaks.
READING_TRIES = 3
LOWEST_REFUSAL = 400
# A connection that stood, and ended before the whole answer was there. RemoteDisconnected is one of the first.
BROKEN = (ConnectionResetError, BrokenPipeError, http.client.IncompleteRead, http.client.BadStatusLine)


class AgraphError(Exception):
    """Anything that keeps AllegroGraph from doing what it was asked; its text is a sentence for a person."""


class UnreachableError(AgraphError):
    """No answer came: refused, no route, or too late."""

    def __init__(self, sentence: str, refused: bool = False) -> None:
        super().__init__(sentence)
        self.refused = refused
        """Whether nobody listens there, which is certain; all else may be late."""


class RefusedError(AgraphError):
    """The server answered, and it answered no."""

    def __init__(self, sentence: str, status: int, code: str | None, words: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.words = words


class Server:
    """One AllegroGraph server under one address."""

    def __init__(
        self,
        host: str,
        port: int = DEFAULT_PORT,
        user: str | None = None,
        password: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        through_proxy: bool = False,
    ) -> None:
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self.timeout = timeout
        self._user = user
        self._password = password
        # A node talks to itself: a proxy of its environment would only be in the way.
        proxies = urllib.request.ProxyHandler() if through_proxy else urllib.request.ProxyHandler({})
        self._opener = urllib.request.build_opener(proxies)

    def version(self) -> str:
        """Return the server's version; this is the one call that needs no password."""
        return str(self.json("GET", "/version"))

    def asked_by(self, user: str, password: str) -> Server:
        """Return the same server, asked by this user."""
        other = copy.copy(self)
        other._user, other._password = user, password
        return other

    def change_password(self, user: str, password: str) -> None:
        """Give a user a password: in the body, since what stands in a URL stands in logs."""
        # The type that AllegroGraph's own client sends with it.
        headers = {**self._headers("application/json", True), "Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self.url}/users/{urllib.parse.quote(user, safe='')}/password"
        self._send(urllib.request.Request(url, data=password.encode(), method="POST", headers=headers))

    def json(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        body: Any = None,
        accept: str = "application/json",
    ) -> Any:
        """Make a request, send body as JSON, and return what its answer holds; None for an empty answer."""
        url = (path if path.startswith("http:") else self.url + path) + _query(parameters)
        data = None if body is None else json.dumps(body).encode()
        if data is None and method in ("POST", "PUT"):
            data = b""
        request = urllib.request.Request(url, data=data, method=method, headers=self._headers(accept, body is not None))
        answer = self._send(request)
        if method == "GET" and not answer.strip():
            # Headers that end in the middle look whole to http.client, and what follows them is nothing.
            raise UnreachableError(f"{_bare(url)} did not answer: the connection was closed.")
        try:
            return json.loads(answer) if answer.strip() else None
        except ValueError:
            raise RefusedError(
                f"{_bare(url)} answered with something that is not JSON; is this AllegroGraph?",
                200,
                None,
                answer[:LONGEST_QUOTATION].decode(errors="replace"),
            ) from None

    def stream(
        self, path: str, parameters: Mapping[str, str], content: Iterable[bytes], headers: Mapping[str, str]
    ) -> Any:
        """POST content as it comes, never twice, and return what the answer holds as JSON.

        The headers say its length and type. What the content itself raises goes through.
        """
        url = (path if path.startswith("http:") else self.url + path) + _query(parameters)
        address, parts = _bare(url), urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=self.timeout)
        deadline = time.monotonic() + self.timeout
        try:
            try:
                target = urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
                sent = {**self._headers("application/json", False), **headers}
                connection.request("POST", target, body=content, headers=sent)
            except (BrokenPipeError, ConnectionResetError):
                # Who stops reading in the middle may have said why.
                pass
            response = connection.getresponse()
            if response.status >= LOWEST_REFUSAL:
                said = urllib.error.HTTPError(url, response.status, response.reason, response.headers, response)
                raise _refusal(address, said, self._user)
            answer = _read(response, deadline)
            return json.loads(answer) if answer.strip() else None
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(address, error, self.timeout) from None
        except ValueError:
            raise UnreachableError(f"{address} answered with something that is not JSON.") from None
        finally:
            connection.close()

    def _headers(self, accept: str, has_body: bool) -> dict[str, str]:
        headers = {"Accept": accept, "Content-Type": "application/json" if has_body else "text/plain"}
        if self._user is not None and self._password is not None:
            pair = f"{self._user}:{self._password}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        return headers

    def _send(self, request: urllib.request.Request) -> bytes:
        address = _bare(request.full_url)
        deadline = time.monotonic() + self.timeout
        # What only reads is asked again when the connection breaks. A change is not: the server may have made it.
        for tries_left in reversed(range(READING_TRIES if request.get_method() == "GET" else 1)):
            try:
                with self._opener.open(request, timeout=self.timeout) as response:
                    return _read(response, deadline)
            except urllib.error.HTTPError as error:
                raise _refusal(address, error, self._user) from None
            except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
                if tries_left and _is_broken(error) and time.monotonic() < deadline:
                    continue
                raise _unreachable(address, error, self.timeout) from None
        raise AssertionError("the last try either returns or raises")


class Repository:
    """One repository of a server, by name and catalog."""

    def __init__(self, server: Server, name: str, catalog: str | None = None) -> None:
        self.server = server
        self.name = name
        self._folder = repositories_path(catalog)
        self._path = f"{self._folder}/{urllib.parse.quote(name, safe='')}"

    @property
    def path(self) -> str:
        """Where it is on its server."""
        return self._path

    def exists(self) -> bool:
        """Say whether the catalog lists the repository."""
        listed = self.server.json("GET", self._folder) or []
        return any(each.get("id") == self.name for each in listed)

    def create(self) -> None:
        """Make the repository; one that is there already stays as it is."""
        # override=false makes a repeated PUT refuse instead of emptying what an earlier one had made.
        try:
            self.server.json("PUT", self._path, {"override": "false"})
        except RefusedError:
            if not self.exists():
                raise

    def delete(self) -> None:
        """Delete the repository; one that is gone already is fine."""
        try:
            self.server.json("DELETE", self._path)
        except RefusedError as refusal:
            if refusal.status != 404:
                raise

    def size(self) -> int:
        """Return how many statements it holds, every copy counted."""
        return int(self.server.json("GET", self._path + "/size", accept="text/integer"))

    def statement_ids(self, terms: Mapping[str, str]) -> list[int]:
        """Return the ids of all statements with these subj, pred, obj and context, lowest first."""
        found = self.server.json("GET", self._path + "/statements", terms, accept="application/x-quints+json") or []
        return sorted(int(each[0]) for each in found)

    def add_statement(self, terms: Mapping[str, str]) -> None:
        """Add one statement; AllegroGraph keeps a second copy of it when it is there already."""
        self.server.json("PUT", self._path + "/statement", terms)

    def delete_statements(self, ids: Sequence[int]) -> None:
        """Delete the statements with these ids, and no other copy of them."""
        self.server.json("POST", self._path + "/statements/delete", {"ids": "true"}, list(ids))


def repositories_path(catalog: str | None = None) -> str:
    """Return the path under which a catalog, without a name the root one, has its repositories."""
    return f"/catalogs/{urllib.parse.quote(catalog, safe='')}/repositories" if catalog else "/repositories"


def wait_for_version(server: Server, timeout: float, interval: float = 1.0) -> str:
    """Return the version as soon as the server answers, or raise what the last attempt said after timeout seconds."""
    deadline = time.monotonic() + timeout
    while True:
        server.timeout = max(0.5, min(10.0, deadline - time.monotonic()))
        try:
            return server.version()
        except AgraphError:
            if time.monotonic() + interval >= deadline:
                raise
        time.sleep(interval)


def reason(error: BaseException, timeout: float) -> str:
    """Say in a few words why a connection failed."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, (socket.timeout, TimeoutError)):
        return f"no answer within {timeout:g} s"
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    if isinstance(cause, socket.gaierror):
        return "the name is unknown"
    if isinstance(cause, BROKEN):
        return "the connection was closed"
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return str(text).lower() if len(str(text)) < 80 else str(text)


def _read(response: Any, deadline: float) -> bytes:
    """Read an answer whole; a server that sends a byte a second does not outlive the deadline."""
    parts: list[bytes] = []
    while True:
        part = response.read1(65536)
        if not part:
            # read1, unlike read, takes the end of the connection for the end of the answer.
            if response.length:
                raise http.client.IncompleteRead(b"".join(parts), response.length)
            return b"".join(parts)
        parts.append(part)
        if time.monotonic() > deadline:
            raise TimeoutError


def _unreachable(address: str, error: BaseException, timeout: float) -> UnreachableError:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    said = f"{address} did not answer: {reason(error, timeout)}."
    return UnreachableError(said, isinstance(cause, ConnectionRefusedError))


def _is_broken(error: BaseException) -> bool:
    """Tell whether a connection that stood has ended early."""
    return isinstance(error.reason if isinstance(error, urllib.error.URLError) else error, BROKEN)


def _refusal(address: str, error: urllib.error.HTTPError, user: str | None) -> RefusedError:
    try:
        words = error.read(LONGEST_QUOTATION).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException):
        words = ""
    code = None
    match = SERVER_CODE.match(words)
    if match:
        code, words = match.group(1), match.group(2)
    if error.code == 401:
        settings = "federation_agraph_user and federation_agraph_password"
        sentence = f"{address} refuses the user {user} or the password: check {settings}."
    else:
        said = (words or str(error.reason)).rstrip(".")
        sentence = f"{address} answered {error.code}: {said}."
    return RefusedError(sentence, error.code, code, words)


def _query(parameters: Mapping[str, str] | None) -> str:
    return "?" + urllib.parse.urlencode(parameters, quote_via=urllib.parse.quote) if parameters else ""


def _bare(url: str) -> str:
    """Cut what may hold a secret off a URL: the query string and the credentials."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
