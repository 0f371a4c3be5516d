"""The application behind the HTTP server: who asks is found out, what is asked is found, and its handler answers."""

import time
from collections.abc import Sequence

# Handlers enter their routes when their module is loaded.
from sandbox.allegrograph import (  # noqa: F401
    administration,
    query_routes,
    session_routes,
    statement_routes,
    store_routes,
)
from sandbox.allegrograph.calls import SERVER, STORE, Call, json_response
from sandbox.allegrograph.federation import FederationTarget
from sandbox.allegrograph.refusal import RefusedError, failure
from sandbox.allegrograph.service import Service
from sandbox.allegrograph.targets import SessionTarget
from sandbox.allegrograph.web import Request, Response


class Application:
    """A service that answers requests."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if fault := self.service.faults.ask("request"):
            raise failure(fault)
        if request.path == ["version"]:
            return json_response(self.service.version)
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
            self.service.directory.require(call.user, route.access)
        return route.handler(call)

    def _call(self, request: Request) -> Call:
        user = self.service.directory.authenticated(request.headers.get("Authorization"))
        other = request.headers.get("x-masquerade-as-user")
        if other:
            self.service.directory.require(user, "super")
            self.service.directory.user(other)
            user = other
        request.user = user
        return Call(self.service, request, user)

    def _in_session(self, call: Call) -> Response:
        path = call.request.path
        session = self.service.sessions.find(path[1] if len(path) > 1 else "")
        owner = self.service.directory.authenticated(call.request.headers.get("Authorization"))
        if owner != session.user and not self.service.directory.is_super(owner):
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
                self.service.directory.require_access(call.user, route.access, call.catalog, call.repository_name)
        elif route.access:
            self.service.directory.require(call.user, route.access)
        return route.handler(call)
