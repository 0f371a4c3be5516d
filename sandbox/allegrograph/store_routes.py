"""A repository's own affairs: making and deleting it, namespaces, policies and settings."""

import itertools
import json
from typing import Any

from sandbox.allegrograph import namespaces
from sandbox.allegrograph.calls import STORE, Call, json_response, nothing
from sandbox.allegrograph.refusal import RefusedError, missing
from sandbox.allegrograph.views import duplicate_columns
from sandbox.allegrograph.web import Response

VALID_INDICES = ["".join(each) + "i" for each in itertools.permutations("spog")] + ["i"]
_USUAL_INDICES = ["gospi", "gposi", "gspoi", "i", "ospgi", "posgi", "spogi"]
_QUERY_OPTIONS = {
    "authorizationBasic": str,
    "clauseReorderer": str,
    "defaultDatasetBehavior": str,
    "engine": str,
    "infer": str,
    "logLineLength": int,
    "logQuery": str,
    "queryTimeout": int,
    "queryWarnings": str,
}


@STORE.route("PUT", "")
def create(call: Call) -> Response:
    """Make the repository."""
    service, request = call.service, call.request
    service.directory.require_access(call.user, "write", call.catalog, call.repository_name)
    supersede = request.url_parameters.get("override", ["false"])[0] in ("true", "yes")
    chosen = [each for each in request.url_parameters.get("index", []) if each]
    wrong = [each for each in chosen if each not in VALID_INDICES]
    if wrong:
        raise RefusedError(400, f"{wrong[0]!r} is not an index.", "MALFORMED PARAMETER")
    repository = service.catalogs.create(call.catalog, call.repository_name, supersede=supersede)
    if chosen:
        repository.settings.put("indices", chosen)
    return nothing()


@STORE.route("DELETE", "")
def delete(call: Call) -> Response:
    """Remove the repository; its sessions end."""
    service = call.service
    service.directory.require_access(call.user, "write", call.catalog, call.repository_name)
    repository = service.catalogs.repository(call.catalog, call.repository_name)
    service.sessions.close_those_on(repository.identity)
    service.catalogs.delete(call.catalog, call.repository_name)
    return json_response(True)


# Namespaces


def _kind(call: Call) -> str:
    return call.request.url_parameters.get("type", ["user"])[0]


@STORE.route("GET", "namespaces", "read")
def list_namespaces(call: Call) -> Response:
    """All namespaces of a kind."""
    found = namespaces.of_kind(call.target.settings, _kind(call), call.user)
    return json_response([{"prefix": prefix, "namespace": iri} for prefix, iri in sorted(found.items())])


@STORE.route("DELETE", "namespaces", "read")
def clear_namespaces(call: Call) -> Response:
    """Forget all namespaces, or go back to the standard ones."""
    namespaces.clear(call.target.settings, _kind(call), call.user, reset=call.request.flag("reset"))
    return nothing()


@STORE.route("GET", "namespaces/{prefix}", "read")
def get_namespace(call: Call) -> Response:
    """One namespace."""
    return json_response(namespaces.get(call.target.settings, _kind(call), call.user, call.arguments["prefix"]))


@STORE.route("POST", "namespaces/{prefix}", "read")
@STORE.route("PUT", "namespaces/{prefix}", "read")
def put_namespace(call: Call) -> Response:
    """Define a namespace."""
    iri = call.request.text().strip()
    namespaces.put(call.target.settings, _kind(call), call.user, call.arguments["prefix"], iri)
    return nothing()


@STORE.route("DELETE", "namespaces/{prefix}", "read")
def delete_namespace(call: Call) -> Response:
    """Forget a namespace."""
    namespaces.delete(call.target.settings, _kind(call), call.user, call.arguments["prefix"])
    return nothing()


# Duplicates


@STORE.route("GET", "suppressDuplicates", "read")
def suppression(call: Call) -> Response:
    """Which duplicates are dropped at a commit."""
    return json_response(call.target.settings.get("suppress", False))


@STORE.route("PUT", "suppressDuplicates", "write")
def set_suppression(call: Call) -> Response:
    """Choose which duplicates are dropped at a commit."""
    kind = call.request.value("type") or "false"
    if kind != "false":
        duplicate_columns(kind)
    call.target.settings.put("suppress", None if kind == "false" else kind)
    return nothing()


@STORE.route("DELETE", "suppressDuplicates", "write")
def no_suppression(call: Call) -> Response:
    """Keep duplicates."""
    call.target.settings.put("suppress", None)
    return nothing()


# Indices and the like: kept and told, without an effect on this server


@STORE.route("GET", "indices", "read")
def indices(call: Call) -> Response:
    """The indices, or those that could be made."""
    if call.request.flag("listValid"):
        return json_response(VALID_INDICES)
    return json_response(call.target.settings.get("indices", _USUAL_INDICES))


@STORE.route("POST", "indices/optimize", "write")
def optimize(call: Call) -> Response:
    """There is nothing to optimize."""
    return nothing()


@STORE.route("PUT", "indices/{index}", "write")
def add_index(call: Call) -> Response:
    """Note an index."""
    index = call.arguments["index"]
    if index not in VALID_INDICES:
        raise RefusedError(400, f"{index!r} is not an index.", "MALFORMED PARAMETER")
    present = list(call.target.settings.get("indices", _USUAL_INDICES))
    call.target.settings.put("indices", present if index in present else [*present, index])
    return nothing()


@STORE.route("DELETE", "indices/{index}", "write")
def drop_index(call: Call) -> Response:
    """Forget an index."""
    present = call.target.settings.get("indices", _USUAL_INDICES)
    call.target.settings.put("indices", [each for each in present if each != call.arguments["index"]])
    return nothing()


@STORE.route("PUT", "warmup", "read")
def warmup(call: Call) -> Response:
    """Nothing needs warming."""
    return nothing()


@STORE.route("GET", "tripleCache", "read")
def triple_cache(call: Call) -> Response:
    """The noted size of the cache."""
    return json_response(call.target.settings.get("triple_cache", 0))


@STORE.route("PUT", "tripleCache", "write")
def set_triple_cache(call: Call) -> Response:
    """Note a size for the cache."""
    call.target.settings.put("triple_cache", call.request.number("size") or 100_000)
    return nothing()


@STORE.route("DELETE", "tripleCache", "write")
def no_triple_cache(call: Call) -> Response:
    """Forget the cache."""
    call.target.settings.put("triple_cache", None)
    return nothing()


@STORE.route("GET", "bulkMode", "read")
def bulk_mode(call: Call) -> Response:
    """Whether bulk mode is noted."""
    return json_response(call.target.settings.get("bulk_mode", False))


@STORE.route("PUT", "bulkMode", "write")
def set_bulk_mode(call: Call) -> Response:
    """Note bulk mode."""
    call.target.settings.put("bulk_mode", True)
    return nothing()


@STORE.route("DELETE", "bulkMode", "write")
def no_bulk_mode(call: Call) -> Response:
    """Forget bulk mode."""
    call.target.settings.put("bulk_mode", None)
    return nothing()


def _mapping_name(call: Call) -> str:
    kind = call.arguments["kind"]
    if kind not in ("type", "predicate"):
        raise missing(f"There are no mappings by {kind}.")
    return f"mapping:{kind}"


@STORE.route("GET", "mapping/{kind}", "read")
def mappings(call: Call) -> Response:
    """The noted mappings of datatypes or predicates to encodings."""
    return json_response([list(each) for each in call.target.settings.get(_mapping_name(call), {}).items()])


@STORE.route("POST", "mapping/{kind}", "write")
def add_mapping(call: Call) -> Response:
    """Note a mapping."""
    name = _mapping_name(call)
    entry = {call.request.needed(call.arguments["kind"]): call.request.needed("encoding")}
    call.target.settings.put(name, {**call.target.settings.get(name, {}), **entry})
    return nothing()


@STORE.route("DELETE", "mapping/{kind}", "write")
def delete_mapping(call: Call) -> Response:
    """Forget a mapping."""
    name = _mapping_name(call)
    remaining = dict(call.target.settings.get(name, {}))
    remaining.pop(call.request.needed(call.arguments["kind"]), None)
    call.target.settings.put(name, remaining)
    return nothing()


# Query options


def _options(call: Call) -> dict[str, Any]:
    return dict(call.target.settings.get(f"query_options:{call.user}", {}))


@STORE.route("GET", "query-options", "read")
def query_options(call: Call) -> Response:
    """The user's query options."""
    return json_response([{"name": name, "value": value} for name, value in _options(call).items()])


@STORE.route("DELETE", "query-options", "read")
def clear_query_options(call: Call) -> Response:
    """Forget the user's query options."""
    call.target.settings.put(f"query_options:{call.user}", None)
    return nothing()


@STORE.route("GET", "query-options/{name}", "read")
def query_option(call: Call) -> Response:
    """One query option."""
    name = call.arguments["name"]
    options = _options(call)
    if name not in options:
        raise missing(f"The query option {name!r} is not set.")
    return json_response(options[name])


@STORE.route("PUT", "query-options/{name}", "read")
def set_query_option(call: Call) -> Response:
    """Set a query option that AllegroGraph knows."""
    name, text = call.arguments["name"], call.request.text()
    if name not in _QUERY_OPTIONS:
        raise RefusedError(400, f"{name!r} is not a query option.", "MALFORMED PARAMETER")
    try:
        value = _QUERY_OPTIONS[name](text)
    except ValueError as error:
        raise RefusedError(400, f"{name} cannot be {text!r}.", "MALFORMED PARAMETER") from error
    call.target.settings.put(f"query_options:{call.user}", {**_options(call), name: value})
    return nothing()


@STORE.route("DELETE", "query-options/{name}", "read")
def delete_query_option(call: Call) -> Response:
    """Forget a query option."""
    options = _options(call)
    options.pop(call.arguments["name"], None)
    call.target.settings.put(f"query_options:{call.user}", options)
    return nothing()


# What this server does not have, said so


@STORE.route("GET", "attributes/definitions", "read")
def attribute_definitions(call: Call) -> Response:
    """There are no triple attributes."""
    return json_response([])


@STORE.route("GET", "attributes/staticFilter", "read")
def attribute_filter(call: Call) -> Response:
    """There is never a filter on attributes."""
    return Response(json.dumps(None), content_type="application/json")


@STORE.route("DELETE", "attributes/staticFilter", "read")
def clear_attribute_filter(call: Call) -> Response:
    """There is nothing to clear."""
    return nothing()


@STORE.route("GET", "rdf-star", "read")
@STORE.route("GET", "vector-store-p", "read")
def absent_feature(call: Call) -> Response:
    """Neither RDF-star nor vectors."""
    return json_response(False)
