"""Adding, finding and removing triples over HTTP."""

import gzip
import itertools
from collections.abc import Iterator, Sequence

from sandbox.allegrograph import formats, json_ld, terms
from sandbox.allegrograph.calls import STORE, Call, entity_tag, graphs_of, json_response, nothing
from sandbox.allegrograph.members import FOR_QUERY
from sandbox.allegrograph.refusal import RefusedError, malformed_data
from sandbox.allegrograph.views import COLUMNS, EVERYTHING, Pattern, Quad, Range, Row
from sandbox.allegrograph.web import Response


def pattern_of(call: Call) -> Pattern:
    """The pattern that the parameters describe."""
    chosen: dict[str, list[str]] = {}
    ranges: list[Range] = []
    for name in ("subj", "pred", "obj"):
        values = [terms.canonical(each, call.namespaces) for each in call.request.values(name)]
        end = call.request.value(name + "End")
        if end is not None and values:
            ranges.append(Range(COLUMNS[name], values[0], terms.canonical(end, call.namespaces)))
            values = []
        chosen[name] = values
    return Pattern(chosen["subj"], chosen["pred"], chosen["obj"], graphs_of(call), ranges)


def written(call: Call, rows: Iterator[Row], accept: str | None = None) -> Response:
    """Statements in the format that the client accepts."""
    wanted = (call.request.accept if accept is None else accept) or "application/x-extended-nquads"
    if wanted == "text/integer":
        return Response(str(sum(1 for _ in rows)), content_type=wanted)
    return Response(iter(formats.serialised(rows, wanted, call.namespaces)), content_type=wanted)


@STORE.route("GET", "size", "read")
def size(call: Call) -> Response:
    """How many triples there are."""
    with call.target.reading(call.filters) as view:
        return Response(str(view.size(graphs_of(call))), content_type="text/integer")


@STORE.route("GET", "generation", "read")
def generation(call: Call) -> Response:
    """A number that grows with each commit, and an entity tag that tells two histories apart."""
    number = call.target.version.rpartition("-")[2]
    for_query = call.request.headers.get(FOR_QUERY) is not None
    return Response(
        number if number.isdigit() else "0",
        content_type="application/json",
        headers=entity_tag(call.target),
        is_last=for_query and bool(call.service.faults.ask("query")),
    )


@STORE.route("GET", "contexts", "read")
def contexts(call: Call) -> Response:
    """The named graphs that hold something."""
    with call.target.reading(call.filters) as view:
        return json_response([{"contextID": each} for each in view.contexts()])


@STORE.route("GET", "statements", "read")
def statements(call: Call) -> Response:
    """The triples that match."""
    pattern = pattern_of(call)
    limit, offset = call.request.number("limit"), call.request.number("offset") or 0
    if call.request.accept == "text/integer" and limit is None and not offset and pattern == EVERYTHING:
        return size(call)
    accept = call.request.accept or "application/x-extended-nquads"
    if accept in formats.TRIPLE_LINES | formats.QUAD_LINES:
        blocks = _read_blocks(call, pattern, limit, offset, graphs=accept in formats.QUAD_LINES)
        return Response(blocks, content_type=accept)
    return written(call, _read(call, pattern, limit, offset))


def _read_blocks(call: Call, pattern: Pattern, limit: int | None, offset: int, *, graphs: bool) -> Iterator[str]:
    with call.target.reading(call.filters) as view:
        yield from view.blocks(pattern, limit, offset, graphs=graphs)


def _read(call: Call, pattern: Pattern, limit: int | None = None, offset: int = 0) -> Iterator[Row]:
    with call.target.reading(call.filters) as view:
        yield from view.rows(pattern, limit, offset)


@STORE.route("GET", "statements/id", "read")
def statements_by_id(call: Call) -> Response:
    """The triples with these ids."""
    accept = call.request.accept or "application/x-quints+json"
    return written(call, _read(call, Pattern(ids=_ids(call.request.values("id")))), accept)


def _ids(values: Sequence[object]) -> list[int]:
    try:
        return [int(str(each)) for each in values]
    except ValueError as error:
        raise RefusedError(400, f"A triple's id is a whole number: {error}", "MALFORMED PARAMETER") from error


@STORE.route("GET", "statements/duplicates", "read")
def duplicates(call: Call) -> Response:
    """The triples that say again what an earlier one said."""

    def rows() -> Iterator[Row]:
        with call.target.reading(call.filters) as view:
            yield from view.duplicates(call.request.value("mode") or "spog")

    return written(call, rows())


@STORE.route("DELETE", "statements/duplicates", "write")
def delete_duplicates(call: Call) -> Response:
    """Keep one triple of each kind."""
    with call.target.writing() as place:
        return json_response(place.change.remove_duplicates(call.request.value("mode") or "spog"))


@STORE.route("PUT", "statement", "write")
def add_statement(call: Call) -> Response:
    """Add one triple, described in the URL or in a form, to each of the graphs."""
    places = [terms.canonical(call.request.needed(name), call.namespaces) for name in ("subj", "pred", "obj")]
    quads = [_checked((places[0], places[1], places[2], graph)) for graph in graphs_of(call) or [""]]
    with call.target.writing() as place:
        place.change.add(quads)
    return nothing()


def _checked(quad: Quad) -> Quad:
    if quad[0].startswith('"') or not quad[1].startswith("<") or quad[3].startswith('"'):
        raise malformed_data(f"{' '.join(quad).strip()} is not a triple: a subject is no literal, a predicate an IRI.")
    return quad


@STORE.route("DELETE", "statement", "write")
@STORE.route("DELETE", "statements", "write")
def delete_matching(call: Call) -> Response:
    """Remove all triples that match; without a pattern, all."""
    with call.target.writing() as place:
        return json_response(place.change.remove(pattern_of(call)))


@STORE.route("POST", "statements/delete", "write")
def delete_listed(call: Call) -> Response:
    """Remove the listed triples, or those with the listed ids."""
    request = call.request
    by_id = request.url_parameters.get("ids", ["false"])[0] == "true"
    listed = request.json()
    if not isinstance(listed, list):
        raise malformed_data("A list is needed.")
    with call.target.writing() as place:
        if by_id:
            return json_response(place.change.remove(Pattern(ids=_ids(listed))))
        quads = formats.quads_of_json(listed, call.namespaces)
        removed = [place.change.remove(Pattern((s,), (p,), (o,), (g,))) for s, p, o, g in quads]
        return json_response(sum(removed))


@STORE.route("POST", "statements", "write")
def add_statements(call: Call) -> Response:
    """Add the triples of a document: the request's body, or a file on the server."""
    return _add(call, replace=False)


@STORE.route("PUT", "statements", "write")
def replace_statements(call: Call) -> Response:
    """The same, in place of what is there."""
    return _add(call, replace=True)


def _add(call: Call, *, replace: bool) -> Response:
    commit_every = call.request.number("commit")
    quads = _document(call)
    if commit_every and not replace:
        return _add_in_batches(call, quads, commit_every)
    with call.target.writing() as place:
        if replace:
            place.change.remove(Pattern(graphs=graphs_of(call)))
        return json_response(place.change.add(quads))


def _add_in_batches(call: Call, quads: Iterator[Quad], size: int) -> Response:
    """Commit after every so many; what was committed stays when a later triple is wrong."""
    added = 0
    try:
        while batch := list(itertools.islice(quads, size)):
            added += _add_batch(call, batch)
    except RefusedError as error:
        words = f"{error.message} {added} triples before it are committed."
        raise RefusedError(error.status, words, error.code) from error
    return json_response(added)


def _add_batch(call: Call, batch: Sequence[Quad]) -> int:
    with call.target.writing() as place:
        return place.change.add(batch)


def _document(call: Call) -> Iterator[Quad]:
    """The quads that a request brings."""
    request = call.request
    path = request.url_parameters.get("file", [""])[0]
    kind = request.content_type
    graphs, base = _target_graphs(call), request.value("baseURI")
    if path:
        call.service.directory.require(call.user, "super")
        file = formats.open_file(path)
        if path.endswith(".gz"):
            file = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
        if kind in ("", "application/x-www-form-urlencoded"):
            kind = formats.type_of_file(path)
        return formats.parsed(file, kind, base, graphs)
    if kind == "application/json":
        return map(_checked, formats.quads_of_json(formats.json_entries(request.data), call.namespaces))
    if kind == "application/ld+json":
        options = json_ld.Options(
            context=request.value("jsonLdContext"),
            keep_source=request.flag("jsonLdStoreSource"),
            root_graph=graphs == [":root"],
        )
        return json_ld.quads(request.text(), options, base, [] if options.root_graph else graphs)
    return formats.parsed(request.data, kind, base, graphs)


def _target_graphs(call: Call) -> list[str]:
    if call.request.values("context") == [":root"]:
        return [":root"]
    return graphs_of(call)


@STORE.route("POST", "blankNodes", "read")
def blank_nodes(call: Call) -> Response:
    """Labels for new blank nodes, never given out before."""
    amount = call.request.number("amount") or 1
    settings = call.target.settings
    number = int(settings.get("blank_nodes", 0)) + 1
    settings.put("blank_nodes", number)
    run = f"b{str(settings.get('identity', '0'))[:8].upper()}x{number}x"
    return json_response([f"_:{run}{each}" for each in itertools.islice(itertools.count(1), amount)])
