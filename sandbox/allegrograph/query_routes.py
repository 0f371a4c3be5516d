"""SPARQL over HTTP."""

import itertools
import time

from sandbox.allegrograph import results, sparql, terms, updates
from sandbox.allegrograph.calls import STORE, Call, graphs_of, json_response
from sandbox.allegrograph.federation import FederationTarget
from sandbox.allegrograph.queries import Answer, Query, Solutions, evaluate
from sandbox.allegrograph.refusal import RefusedError
from sandbox.allegrograph.web import Response

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
    with call.target.querying(call.filters) as mirror:
        answer = _paged(evaluate(mirror, asked), request.number("limit"), request.number("offset") or 0)
        accept = request.accept or "application/json"
        content_type, pieces = results.serialised(answer, accept, call.namespaces, started)
    return Response(pieces, content_type=content_type, is_last=bool(call.service.faults.ask("query")))


def _paged(answer: Answer, limit: int | None, offset: int) -> Answer:
    if not isinstance(answer, Solutions) or (limit is None and not offset):
        return answer
    stop = None if limit is None else offset + limit
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
