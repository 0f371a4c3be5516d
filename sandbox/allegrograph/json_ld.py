"""JSON-LD with what AllegroGraph adds to it: a context from outside, the source kept, the root as graph."""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.allegrograph import formats, terms
from sandbox.allegrograph.refusal import RefusedError, malformed_data
from sandbox.allegrograph.views import Quad

_SOURCE = "<http://franz.com/ns/allegrograph/6.4/load-meta#jsonLdSource>"


@dataclass(frozen=True)
class Options:
    """How a document is to be read."""

    context: str | None = None
    keep_source: bool = False
    root_graph: bool = False


def quads(text: str, options: Options, base: str | None, graphs: Sequence[str]) -> Iterator[Quad]:
    """The quads of a document."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise malformed_data(f"The data does not parse: {error}") from error
    outside = _outside_context(options.context)
    for each in document if isinstance(document, list) else [document]:
        if not isinstance(each, dict):
            raise malformed_data("A JSON-LD document is an object or a list of objects.")
        yield from _one(each, text, outside, options, base, graphs)


def _one(
    document: dict[str, Any], text: str, outside: list[Any], options: Options, base: str | None, graphs: Sequence[str]
) -> Iterator[Quad]:
    own = document.get("@context", [])
    contexts = outside + (own if isinstance(own, list) else [own])
    if any(isinstance(each, str) for each in contexts):
        raise RefusedError(400, "Contexts at other addresses are not fetched; put the context into the document.")
    full = {**document, "@context": contexts} if contexts else document
    if not document or set(document) == {"@context"}:
        return
    found = list(formats.parsed(io.BytesIO(json.dumps(full).encode()), "application/ld+json", base, graphs))
    root = found[0][0] if found else ""
    if options.keep_source and found:
        found.append((root, _SOURCE, terms.literal(text), found[0][3]))
    for subject, predicate, object_, graph in found:
        yield subject, predicate, object_, root if options.root_graph and not graph else graph


def _outside_context(text: str | None) -> list[Any]:
    if text is None:
        return []
    try:
        given = json.loads(text)
    except ValueError as error:
        raise RefusedError(400, "Contexts at other addresses are not fetched; give the context itself.") from error
    context = given.get("@context", given) if isinstance(given, dict) else given
    return context if isinstance(context, list) else [context]
