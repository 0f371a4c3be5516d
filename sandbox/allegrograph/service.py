"""The server as a whole: who asks, for what, and which handler answers."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.allegrograph import namespaces
from sandbox.allegrograph.catalogs import Catalogs
from sandbox.allegrograph.federation import FederationCache, FederationTarget
from sandbox.allegrograph.refusal import RefusedError, missing
from sandbox.allegrograph.sessions import Session, Sessions
from sandbox.allegrograph.store import Repository
from sandbox.allegrograph.targets import RepositoryTarget, SessionTarget
from sandbox.allegrograph.users import Directory
from sandbox.allegrograph.views import Filters
from sandbox.allegrograph.web import Request, Response

AnyTarget = RepositoryTarget | SessionTarget | FederationTarget


@dataclass
class Call:
    """A request with everything that was found out about it before its handler runs."""

    service: "Service"
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


class Service:
    """The application behind the HTTP server."""

    def __init__(self, data: Path, user: str, password: str, catalogs: Sequence[str], version: str) -> None:
        # These enter their routes when they are loaded, and they need this module to do so.
        from sandbox.allegrograph import administration, query_routes, session_routes, statement_routes, store_routes

        self._loaded = (administration, query_routes, session_routes, statement_routes, store_routes)
        data.mkdir(parents=True, exist_ok=True)
        self.version = version
        self.directory = Directory(data / "server.json", user, password, list(catalogs))
        self.catalogs = Catalogs(data, self.directory.catalogs)
        self.federations = FederationCache()
        self.sessions: Sessions
        self.port = 0
        self.started = time.time()

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if request.path == ["version"]:
            return json_response(self.version)
        call = self._call(request)
        if request.path[:1] == ["sessions"]:
            return self._in_session(call)
        path = request.path
        if path[:1] == ["repositories"] and len(path) > 1:
            call.repository_name = path[1]
            return self._on_repository(call, path[2:])
        if len(path) > 3 and path[0] == "catalogs" and path[2] == "repositories":
            call.catalog, call.repository_name = path[1], path[3]
            return self._on_repository(call, path[4:])
        if path[:1] == ["catalogs"] and path[2:] == ["repositories"]:
            call.catalog, path = path[1], ["repositories"]
        route, call.arguments = SERVER.find(request.method, path)
        if route.access:
            self.directory.require(call.user, route.access)
        return route.handler(call)

    def _call(self, request: Request) -> Call:
        user = self.directory.authenticated(request.headers.get("Authorization"))
        other = request.headers.get("x-masquerade-as-user")
        if other:
            self.directory.require(user, "super")
            self.directory.user(other)
            user = other
        request.user = user
        return Call(self, request, user)

    def _in_session(self, call: Call) -> Response:
        path = call.request.path
        session = self.sessions.find(path[1] if len(path) > 1 else "")
        owner = self.directory.authenticated(call.request.headers.get("Authorization"))
        if owner != session.user and not self.directory.is_super(owner):
            raise RefusedError(403, f"The session belongs to user {session.user!r}, not to {owner!r}.")
        call.session, call.target_or_none = session, session.target
        if isinstance(session.target, SessionTarget):
            call.catalog, call.repository_name = session.target.repository.catalog, session.target.repository.name
        session.busy += 1
        try:
            response = self._on_repository(call, path[2:])
        finally:
            session.busy -= 1
            session.last_used = time.monotonic()
        return response

    def _on_repository(self, call: Call, path: Sequence[str]) -> Response:
        route, call.arguments = STORE.find(call.request.method, path)
        if route.access in ("read", "write"):
            if not isinstance(call.target_or_none, FederationTarget):
                self.directory.require_access(call.user, route.access, call.catalog, call.repository_name)
        elif route.access:
            self.directory.require(call.user, route.access)
        return route.handler(call)

    def repository(self, catalog: str, name: str, user: str, kind: str) -> Repository:
        """A repository that must exist and that the user may read or write."""
        self.directory.require_access(user, kind, catalog, name)
        return self.catalogs.repository(catalog, name)

    def housekeeping(self) -> None:
        """What is done about once a second."""
        self.sessions.close_expired()
        self.federations.forget_idle()

    def close(self) -> None:
        """End all sessions and let go of all files."""
        self.sessions.close_all()
        self.catalogs.close()


def json_response(value: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(json.dumps(value, ensure_ascii=False), status, "application/json")


def nothing() -> Response:
    """An answer without content."""
    return Response(status=204)


def entity_tag(target: AnyTarget) -> dict[str, str]:
    """A header that changes when the triples change."""
    return {"ETag": f'"{hashlib.sha1(target.version.encode(), usedforsecurity=False).hexdigest()}"'}
