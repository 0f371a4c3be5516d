"""A request on its way to its handler: who asks, about what, and which handler answers."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.allegrograph import namespaces, terms
from sandbox.allegrograph.federation import FederationTarget
from sandbox.allegrograph.refusal import RefusedError, missing
from sandbox.allegrograph.service import Service
from sandbox.allegrograph.sessions import Session
from sandbox.allegrograph.targets import RepositoryTarget, SessionTarget
from sandbox.allegrograph.views import Filters
from sandbox.allegrograph.web import Request, Response

AnyTarget = RepositoryTarget | SessionTarget | FederationTarget


@dataclass
class Call:
    """A request with everything that was found out about it before its handler runs."""

    service: Service
    request: Request
    user: str
    arguments: dict[str, str] = field(default_factory=dict)
    target_or_none: AnyTarget | None = None
    session: Session | None = None
    catalog: str = ""
    repository_name: str = ""

    @property
    def target(self) -> AnyTarget:
        """The repository, session or federation that the request is about."""
        if self.target_or_none is None:
            self.target_or_none = RepositoryTarget(self.service.catalogs.repository(self.catalog, self.repository_name))
        return self.target_or_none

    @property
    def filters(self) -> Filters:
        """What the user may see."""
        return self.service.directory.filters(self.user)

    @property
    def namespaces(self) -> dict[str, str]:
        """The namespaces that hold for the user in this repository."""
        return namespaces.of_user(self.target.settings, self.user)


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Route:
    """A method and a path with places for names, the right it takes, and who answers."""

    method: str
    path: tuple[str, ...]
    access: str
    handler: Handler

    def matches(self, method: str, path: Sequence[str]) -> dict[str, str] | None:
        """The names in the path, or nothing when this is another route."""
        if method != self.method or len(path) != len(self.path):
            return None
        names = {}
        for pattern, segment in zip(self.path, path, strict=True):
            if pattern.startswith("{"):
                names[pattern[1:-1]] = segment
            elif pattern != segment:
                return None
        return names


class Routes:
    """A table of routes; handlers enter themselves with a decorator."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def route(self, method: str, path: str, access: str = "") -> Callable[[Handler], Handler]:
        """Enter a handler; `access` is "read" or "write" for a repository, or a permission such as "super"."""

        def enter(handler: Handler) -> Handler:
            segments = tuple(each for each in path.split("/") if each)
            self._routes.append(Route(method, segments, access, handler))
            return handler

        return enter

    def find(self, method: str, path: Sequence[str]) -> tuple[Route, dict[str, str]]:
        """The route of a request."""
        method = "GET" if method == "HEAD" else method
        for route in self._routes:
            names = route.matches(method, path)
            if names is not None:
                return route, names
        allowed = sorted({each.method for each in self._routes if each.matches(each.method, path) is not None})
        shown = "/".join(path)
        if allowed:
            raise RefusedError(405, f"{method} is not possible on /{shown}; use {' or '.join(allowed)}.")
        raise missing(f"There is nothing at /{shown} on this server.")


SERVER = Routes()
"""What concerns the server: users, catalogs, scripts."""
STORE = Routes()
"""What concerns triples: below a repository's or session's URL."""


def json_response(value: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(json.dumps(value, ensure_ascii=False), status, "application/json")


def nothing() -> Response:
    """An answer without content."""
    return Response(status=204)


def entity_tag(target: AnyTarget) -> dict[str, str]:
    """A header that changes when the triples change."""
    return {"ETag": f'"{hashlib.sha1(target.version.encode(), usedforsecurity=False).hexdigest()}"'}


def graphs_of(call: Call, name: str = "context") -> list[str]:
    """The graphs that a parameter names; "null" is the default graph."""
    values = [each for each in call.request.values(name) if each]
    return ["" if each == "null" else terms.canonical(each, call.namespaces) for each in values]
