"""A federation's members: repositories of this server, and repositories of others that are fetched over HTTP."""

import base64
import contextlib
import http.client
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote, urlencode, urlsplit

from sandbox.allegrograph import json_elements
from sandbox.allegrograph.refusal import RefusedError
from sandbox.allegrograph.store import Repository
from sandbox.allegrograph.views import Filters, Pattern, Row

CONNECT_TIMEOUT = 10.0
"""Seconds until a member that does not even answer the connection is given up."""
ANSWER_TIMEOUT = 300.0
"""Seconds of silence in an answer until a member is given up."""
FOR_QUERY = "X-Federated-Query"
"""The header that tells a member that a federation reads it for a query; a real server does not mind."""
_BLOCK = 1 << 17


class Sink(Protocol):
    """Something to write bytes to."""

    def write(self, data: bytes, /) -> object:
        """Take what comes next."""


class Member(Protocol):
    """One repository of a federation, maybe only some of its graphs."""

    @property
    def label(self) -> str:
        """How errors call it."""

    @property
    def graphs(self) -> Sequence[str]:
        """The graphs it is narrowed to; none means all."""

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from other members."""

    def version(self, for_query: bool = False) -> str:
        """Another text after each change."""

    def size(self, graphs: Sequence[str]) -> int:
        """How many triples these graphs hold; none given means all."""

    def contexts(self) -> list[str]:
        """The named graphs that hold something."""

    def rows(self, pattern: Pattern, limit: int | None) -> Iterator[Row]:
        """The quads that match."""

    def blocks(self, pattern: Pattern, limit: int | None, *, graphs: bool) -> Iterator[str]:
        """The same as whole lines of N-Quads, or without their graphs of N-Triples."""

    def default_triples(self, spool: Sink) -> None:
        """Write the default graph's triples as N-Triples."""

    def duplicates(self) -> Iterator[Row]:
        """Each quad that is there already."""


@dataclass(frozen=True)
class LocalMember:
    """A repository of this very server."""

    repository: Repository
    graphs: Sequence[str] = ()
    filters: Filters = field(default_factory=Filters)

    @property
    def label(self) -> str:
        """How errors call it."""
        return f"{self.repository.catalog}:{self.repository.name}" if self.repository.catalog else self.repository.name

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from other members."""
        return (self.repository.identity, tuple(self.graphs), self.filters)

    def version(self, for_query: bool = False) -> str:
        """Another text after each commit."""
        with self.repository.reading() as view:
            return f"{self.repository.identity}-{view.generation}"

    def size(self, graphs: Sequence[str]) -> int:
        """How many triples these graphs hold."""
        with self.repository.reading(self.filters) as view:
            return view.size(graphs)

    def contexts(self) -> list[str]:
        """The named graphs that hold something."""
        with self.repository.reading(self.filters) as view:
            return view.contexts()

    def rows(self, pattern: Pattern, limit: int | None) -> Iterator[Row]:
        """The quads that match."""
        with self.repository.reading(self.filters) as view:
            yield from view.rows(pattern, limit)

    def blocks(self, pattern: Pattern, limit: int | None, *, graphs: bool) -> Iterator[str]:
        """The same as whole lines of N-Quads, or without their graphs of N-Triples."""
        with self.repository.reading(self.filters) as view:
            yield from view.blocks(pattern, limit, graphs=graphs)

    def default_triples(self, spool: Sink) -> None:
        """Write the default graph's triples as N-Triples."""
        with self.repository.reading(self.filters) as view:
            for block in view.blocks(Pattern(graphs=("",))):
                spool.write(block.encode())

    def duplicates(self) -> Iterator[Row]:
        """Each quad that is there already."""
        with self.repository.reading(self.filters) as view:
            yield from view.duplicates("spog")


@dataclass(frozen=True)
class RemoteMember:
    """A repository of another server, fetched with the credentials in its URL."""

    url: str
    graphs: Sequence[str] = ()

    @property
    def label(self) -> str:
        """How errors call it: without the credentials."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from other members."""
        return (self.url, tuple(self.graphs))

    @contextlib.contextmanager
    def _answer(
        self, path: str, accept: str, parameters: Sequence[tuple[str, str]] = (), for_query: bool = False
    ) -> Iterator[http.client.HTTPResponse]:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        default_port = 10036 if parts.scheme == "https" else 10035
        connection = kind(parts.hostname or "", parts.port or default_port, timeout=CONNECT_TIMEOUT)
        headers = {"Accept": accept} | ({FOR_QUERY: "yes"} if for_query else {})
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        try:
            connection.connect()
            connection.sock.settimeout(ANSWER_TIMEOUT)
            query = "?" + urlencode(list(parameters)) if parameters else ""
            connection.request("GET", parts.path + path + query, headers=headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise self._refused(answer)
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise RefusedError(
                500, f"The federation's member {self.label} does not answer: {_reason(error)}."
            ) from error
        finally:
            connection.close()

    def _refused(self, answer: http.client.HTTPResponse) -> RefusedError:
        words = answer.read(2000).decode(errors="replace").strip()
        user = unquote(urlsplit(self.url).username or "")
        who = f"user {user!r}" if user else "a request without credentials"
        if answer.status == 401:
            return RefusedError(
                500, f"The federation's member {self.label} refused {who}: wrong user name or password."
            )
        if answer.status == 403:
            return RefusedError(500, f"The federation's member {self.label} refused {who}: {words}")
        return RefusedError(500, f"The federation's member {self.label} answered {answer.status}: {words}")

    def _json(self, path: str, accept: str = "application/json", parameters: Sequence[tuple[str, str]] = ()) -> object:
        with self._answer(path, accept, parameters) as answer:
            return json.loads(answer.read())

    def version(self, for_query: bool = False) -> str:
        """Another text after each change; a real server's generation, or our own entity tag."""
        with self._answer("/generation", "application/json", for_query=for_query) as answer:
            return f"{answer.headers.get('ETag', '')} {answer.read().decode(errors='replace')}"

    def size(self, graphs: Sequence[str]) -> int:
        """How many triples these graphs hold."""
        sizes = [
            self._json("/size", "text/integer", [("context", each or "null")] if graphs else [])
            for each in graphs or [""]
        ]
        return sum(size for size in sizes if isinstance(size, int))

    def contexts(self) -> list[str]:
        """The named graphs that hold something."""
        found = self._json("/contexts")
        return [each["contextID"] for each in found if each["contextID"] != "null"] if isinstance(found, list) else []

    def rows(self, pattern: Pattern, limit: int | None) -> Iterator[Row]:
        """The quads that match."""
        return self._rows("/statements", _parameters(pattern, limit))

    def blocks(self, pattern: Pattern, limit: int | None, *, graphs: bool) -> Iterator[str]:
        """The same as whole lines of N-Quads, or without their graphs of N-Triples."""
        accept = "application/n-quads" if graphs else "application/n-triples"
        rest = b""
        for chunk in self._chunks("/statements", accept, _parameters(pattern, limit)):
            end = chunk.rfind(b"\n") + 1
            if end:
                yield (rest + chunk[:end]).decode()
            rest = chunk[end:] if end else rest + chunk
        if rest:
            yield rest.decode()

    def default_triples(self, spool: Sink) -> None:
        """Write the default graph's triples as N-Triples."""
        for chunk in self._chunks("/statements", "application/n-triples", [("context", "null")]):
            spool.write(chunk)

    def duplicates(self) -> Iterator[Row]:
        """Each quad that is there already."""
        return self._rows("/statements/duplicates", [("mode", "spog")])

    def _chunks(self, path: str, accept: str, parameters: Sequence[tuple[str, str]]) -> Iterator[bytes]:
        with self._answer(path, accept, parameters) as answer:
            while chunk := answer.read(_BLOCK):
                yield chunk
            if answer.length:
                # Read in pieces, an answer that ends early looks like one that is whole.
                raise http.client.IncompleteRead(b"", answer.length)

    def _rows(self, path: str, parameters: Sequence[tuple[str, str]]) -> Iterator[Row]:
        with self._answer(path, "application/x-quints+json", parameters) as answer:
            try:
                for identity, subject, predicate, object_, *graph in json_elements.elements(answer):
                    yield int(identity), subject, predicate, object_, (graph[0] if graph else "") or ""
            except ValueError as error:
                if answer.length:
                    raise http.client.IncompleteRead(b"", answer.length) from error
                raise RefusedError(
                    500, f"The federation's member {self.label} answered what is no list of statements: {error}."
                ) from error


def _reason(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, http.client.IncompleteRead | http.client.RemoteDisconnected | ConnectionResetError):
        return "it broke off"
    return (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__


def _parameters(pattern: Pattern, limit: int | None) -> list[tuple[str, str]]:
    names = (("subj", pattern.subjects), ("pred", pattern.predicates), ("obj", pattern.objects))
    result = [(name, value) for name, values in names for value in values]
    result += [("context", graph or "null") for graph in pattern.graphs]
    for each in pattern.ranges:
        name = {"s": "subj", "p": "pred", "o": "obj"}[each.column]
        result += [(name, each.lowest), (name + "End", each.highest)]
    if limit is not None:
        result.append(("limit", str(limit)))
    return result
