"""Opening, keeping and closing sessions."""

from urllib.parse import quote

from sandbox.allegrograph.calls import SERVER, STORE, Call, json_response, nothing
from sandbox.allegrograph.federation import (
    AnyMember,
    FederationTarget,
    references,
    remote_member,
)
from sandbox.allegrograph.members import LocalMember
from sandbox.allegrograph.refusal import RefusedError
from sandbox.allegrograph.targets import SessionTarget
from sandbox.allegrograph.web import Response


@SERVER.route("POST", "session", "session")
def open_on_specification(call: Call) -> Response:
    """A session on what `store` describes: one repository, or several federated."""
    found = references(call.request.needed("store"))
    only = found[0]
    if len(found) == 1 and not only.is_remote and not only.graphs:
        call.catalog, call.repository_name = only.catalog_and_name
        return open_on_repository(call)
    members: list[AnyMember] = []
    for reference in found:
        if reference.is_remote:
            members.append(remote_member(reference))
        else:
            catalog, name = reference.catalog_and_name
            repository = call.service.repository(catalog, name, call.user, "read")
            members.append(LocalMember(repository, reference.graphs, call.filters))
    target = FederationTarget(tuple(members), call.service.federations)
    target.check()
    return _opened(call, target)


@STORE.route("POST", "session", "session")
def open_on_repository(call: Call) -> Response:
    """A session on one repository."""
    repository = call.service.repository(call.catalog, call.repository_name, call.user, "read")
    return _opened(call, SessionTarget(repository, call.request.flag("autoCommit")))


def _opened(call: Call, target: SessionTarget | FederationTarget) -> Response:
    """The session's URL as a JSON string: the host as the client called it, and the session's own port."""
    session = call.service.sessions.open(target, call.user, call.request.number("lifetime"))
    called = call.request.headers.get("Host") or "localhost"
    host = called.rsplit(":", 1)[0] if ":" in called.rsplit("]", 1)[-1] else called
    return json_response(f"http://{host}:{session.port or call.service.port}/sessions/{quote(session.identity)}")


@STORE.route("POST", "session/close")
def close(call: Call) -> Response:
    """End a session; outside one there is nothing to end."""
    if call.session:
        call.service.sessions.close(call.session)
    return nothing()


@STORE.route("GET", "session/ping")
def ping(call: Call) -> Response:
    """Keep a session alive."""
    return json_response("pong")


@STORE.route("GET", "session/isActive")
def is_active(call: Call) -> Response:
    """Whether the request came to a session."""
    return json_response(call.session is not None)


@STORE.route("GET", "session/autoCommit")
def autocommit(call: Call) -> Response:
    """Whether each request is a transaction of its own."""
    target = call.target
    return json_response(target.autocommit if isinstance(target, SessionTarget) else True)


@STORE.route("POST", "session/autoCommit", "read")
def set_autocommit(call: Call) -> Response:
    """Make each request a transaction of its own, or not."""
    target = call.target
    if call.session is None:
        raise RefusedError(400, "Only a session has a commit mode; open one first.", "PRECONDITION FAILED")
    if isinstance(target, SessionTarget):
        target.set_autocommit(call.request.flag("on"))
    return nothing()


@STORE.route("POST", "commit", "write")
def commit(call: Call) -> Response:
    """Make a session's changes everybody's."""
    call.target.commit()
    return nothing()


@STORE.route("POST", "rollback", "write")
def rollback(call: Call) -> Response:
    """Forget a session's changes."""
    call.target.rollback()
    return nothing()
