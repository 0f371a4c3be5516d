"""SPARQL over HTTP."""

import itertools
import time

from sandbox.allegrograph import reasoning, results, sparql, terms, updates
from sandbox.allegrograph.calls import STORE, Call, graphs_of, json_response
from sandbox.allegrograph.federation import FederationTarget
from sandbox.allegrograph.queries import Answer, Query, Solutions, Triples, evaluate
from sandbox.allegrograph.refusal import RefusedError
from sandbox.allegrograph.web import Request, Response

_ANALYSIS = """desired indices: spogi posgi
actual indices: spogi
The stand-in has one index and does not plan with others.
"""


@STORE.route("GET", "", "read")
def query(call: Call) -> Response:
    """Answer a query."""
    return _answered(call, call.request.needed("query"))


@STORE.route("POST", "", "read")
def query_or_update(call: Call) -> Response:
    """Answer a query or carry out an update."""
    request = call.request
    if request.content_type in ("application/sparql-query", "application/sparql-update"):
        text = request.text()
    else:
        text = request.value("update") or request.needed("query")
    _check_language(call)
    if sparql.form(sparql.tokens(text)) != "UPDATE":
        return _answered(call, text)
    return _updated(call, text)


def _check_language(call: Call) -> None:
    language = call.request.value("queryLn") or "sparql"
    if language.lower() != "sparql":
        raise RefusedError(
            400, f"Queries in {language} are not available on this server.", "UNSUPPORTED QUERY LANGUAGE"
        )


def _updated(call: Call, text: str) -> Response:
    if not isinstance(call.target_or_none, FederationTarget):
        call.service.directory.require_access(call.user, "write", call.catalog, call.repository_name)
    with call.target.writing() as place:
        updates.execute(place, text, call.namespaces)
    return json_response(True)


def _answered(call: Call, text: str) -> Response:
    request = call.request
    _check_language(call)
    started = time.monotonic()
    if request.flag("analyzeIndicesUsed"):
        return Response(_ANALYSIS)
    asked = Query(
        text,
        call.namespaces,
        graphs_of(call),
        graphs_of(call, "namedContext"),
        {name: terms.canonical(value, call.namespaces) for name, value in request.prefixed("$").items()},
        _timeout(call),
    )
    infers = _infers(request.value("infer") or "false")
    with call.target.querying(call.filters) as plain:
        mirror = reasoning.inferred(plain) if infers else plain
        answer = _paged(evaluate(mirror, asked), request.number("limit"), request.number("offset") or 0)
        content_type, pieces = results.serialised(answer, _accepted(request), call.namespaces, started)
    return Response(pieces, content_type=content_type, is_last=bool(call.service.faults.ask("query")))


def _accepted(request: Request) -> list[str]:
    wishes = (request.headers.get("Accept") or "").split(",")
    return [each.split(";")[0].strip().lower() for each in wishes if each.strip()]


def _infers(kind: str) -> bool:
    """Whether to reason by RDFS++, which is the one way of reasoning that there is here."""
    if kind.lower() in ("false", "true", "rdfs++"):
        return kind.lower() != "false"
    if kind.lower() in ("restriction", "hasvalue"):
        raise RefusedError(400, f"Reasoning by {kind} is not available on this server.", "NOT IMPLEMENTED")
    raise RefusedError(400, f"infer={kind!r} is no way of reasoning.", "INVALID PARAMETERS")


def _paged(answer: Answer, limit: int | None, offset: int) -> Answer:
    if isinstance(answer, bool) or (limit is None and not offset):
        return answer
    stop = None if limit is None else offset + limit
    if isinstance(answer, Triples):
        return Triples(itertools.islice(answer.rows, offset, stop))
    return Solutions(answer.names, itertools.islice(answer.rows, offset, stop))


def _timeout(call: Call) -> float | None:
    value = call.request.value("timeout")
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError as error:
        raise RefusedError(400, f"timeout={value!r} is not a number of seconds.", "MALFORMED PARAMETER") from error
    return seconds if seconds > 0 else None
