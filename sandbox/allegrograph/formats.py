"""Reading and writing triples in the formats that AllegroGraph's clients use."""

import io
import itertools
import json
import re
import secrets
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Protocol
from xml.sax.saxutils import escape

import pyoxigraph
from pyoxigraph import DefaultGraph, RdfFormat

from sandbox.allegrograph import json_elements, terms
from sandbox.allegrograph.mirror import quads_of
from sandbox.allegrograph.refusal import RefusedError, malformed_data
from sandbox.allegrograph.sources import LineByLine, Plain, WithoutAttributes
from sandbox.allegrograph.views import Quad, Row

_OXIGRAPH = {
    "application/n-triples": RdfFormat.N_TRIPLES,
    "text/plain": RdfFormat.N_TRIPLES,
    "text/turtle": RdfFormat.TURTLE,
    "application/x-turtle": RdfFormat.TURTLE,
    "application/n-quads": RdfFormat.N_QUADS,
    "text/x-nquads": RdfFormat.N_QUADS,
    "application/x-extended-nquads": RdfFormat.N_QUADS,
    "application/trig": RdfFormat.TRIG,
    "application/x-trig": RdfFormat.TRIG,
    "application/rdf+xml": RdfFormat.RDF_XML,
    "application/xml": RdfFormat.RDF_XML,
    "text/xml": RdfFormat.RDF_XML,
    "application/ld+json": RdfFormat.JSON_LD,
    "text/n3": RdfFormat.N3,
}
_TRIX = "application/trix"
_EXTENSIONS = {
    "nt": "application/n-triples",
    "ntriples": "application/n-triples",
    "nq": "application/n-quads",
    "nquads": "application/n-quads",
    "nqx": "application/x-extended-nquads",
    "ttl": "text/turtle",
    "turtle": "text/turtle",
    "trig": "application/trig",
    "trix": _TRIX,
    "rdf": "application/rdf+xml",
    "rdfs": "application/rdf+xml",
    "owl": "application/rdf+xml",
    "xml": "application/rdf+xml",
    "jsonld": "application/ld+json",
    "json": "application/ld+json",
}
_DEFAULT_BASE = "http://franz.com/"


class Bytes(Protocol):
    """Something to read bytes from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""


def type_of_file(name: str) -> str:
    """The content type that a file's name tells."""
    parts = name.lower().removesuffix(".gz").rsplit(".", 1)
    return _EXTENSIONS.get(parts[-1], "application/n-triples")


def renamed(text: str) -> str:
    """A blank node's label as clients can read it; other terms unchanged."""
    return terms.blank("b" + text[2:]) if text.startswith("_:") and not text[2].isalpha() else text


def parsed(source: Bytes, content_type: str, base: str | None, graphs: Sequence[str] | None) -> Iterator[Quad]:
    """The quads of a document; a triple goes into each of the graphs, where some are given."""
    quads = _read(source, content_type, base or _DEFAULT_BASE)
    targets = list(graphs or [""])
    return quads if targets == [""] else _placed(quads, targets)


def _placed(quads: Iterator[Quad], targets: Sequence[str]) -> Iterator[Quad]:
    for quad in quads:
        if quad[3]:
            yield quad
        else:
            for target in targets:
                yield (*quad[:3], target)


def _read(source: Bytes, content_type: str, base: str) -> Iterator[Quad]:
    if content_type == _TRIX:
        return _trix(source)
    format_ = _OXIGRAPH.get(content_type)
    if format_ is None:
        raise RefusedError(400, f"{content_type or 'No type'} is not a format of triples.", "UNSUPPORTED FILE FORMAT")
    if content_type == "application/x-extended-nquads":
        source = WithoutAttributes(source)
    names = _BlankNames()
    if format_ in (RdfFormat.N_TRIPLES, RdfFormat.N_QUADS):
        return _lines(source, format_, names)
    return _oxigraph(source, format_, base, names)


class _BlankNames:
    """New labels for the blank nodes of one document."""

    def __init__(self) -> None:
        self._run = "_:b" + secrets.token_hex(5).upper() + "x"
        self._labels: dict[str, str] = {}

    def of(self, label: str) -> str:
        """The label for one of the document's labels."""
        return self._labels.setdefault(label, f"{self._run}{len(self._labels)}")

    def text(self, term: object) -> str:
        """The N-Triples text of a term."""
        return self.of(term.value) if isinstance(term, pyoxigraph.BlankNode) else terms.from_oxigraph(term)


def _oxigraph(
    source: Bytes, format_: RdfFormat, base: str | None, names: _BlankNames, first_line: int = 0
) -> Iterator[Quad]:
    text = names.text
    # For XML the parser does not say where it was.
    given = LineByLine(source) if format_ == RdfFormat.RDF_XML else None
    try:
        for quad in pyoxigraph.parse(given or Plain(source), format_, base_iri=base, lenient=True):  # type: ignore[arg-type]
            graph = "" if isinstance(quad.graph_name, DefaultGraph) else text(quad.graph_name)
            yield text(quad.subject), text(quad.predicate), text(quad.object), graph
    except (SyntaxError, ValueError) as error:
        words = error.msg if isinstance(error, SyntaxError) and error.msg else str(error)
        words = re.sub(r"\bline (\d+)", lambda found: f"line {int(found[1]) + first_line}", words)
        words += f", at line {given.line}" if given else ""
        raise malformed_data(f"The data does not parse: {words}") from error


_IRI = r"""<[^\x00-\x20<>"{}|^`\\]*>"""
_BLANK = r"_:[A-Za-z][A-Za-z0-9]*"
_LITERAL = (
    r'"[^"\\\x00-\x1f\x7f]*"'
    rf"(?:@[a-z]+(?:-[a-z0-9]+)*|\^\^(?!<http://www\.w3\.org/2001/XMLSchema\#string>){_IRI})?"
)
_PLAIN_LINE = re.compile(
    rf"^({_IRI}|{_BLANK})[ \t]+({_IRI})[ \t]+({_IRI}|{_BLANK}|{_LITERAL})[ \t]*()\.[ \t]*\r?$", re.MULTILINE
)
_PLAIN_QUAD = re.compile(
    rf"^({_IRI}|{_BLANK})[ \t]+({_IRI})[ \t]+({_IRI}|{_BLANK}|{_LITERAL})"
    rf"(?:[ \t]+({_IRI}|{_BLANK}))?[ \t]*\.[ \t]*\r?$",
    re.MULTILINE,
)
_BLOCK = 1 << 17
_BATCH = 1000


def _lines(source: Bytes, format_: RdfFormat, names: _BlankNames) -> Iterator[Quad]:
    """N-Triples and N-Quads by blocks of lines: plain ones by one regular expression, others by the real parser."""
    plain = _PLAIN_LINE if format_ == RdfFormat.N_TRIPLES else _PLAIN_QUAD
    passed, rest = 0, b""
    while chunk := source.read(_BLOCK):
        end = chunk.rfind(b"\n") + 1
        if not end:
            rest += chunk
            continue
        block, rest = rest + chunk[:end], chunk[end:]
        yield from _block(block, plain, format_, names, passed)
        passed += block.count(b"\n")
    if rest:
        yield from _block(rest, plain, format_, names, passed)


def _block(block: bytes, plain: re.Pattern[str], format_: RdfFormat, names: _BlankNames, passed: int) -> Iterator[Quad]:
    try:
        rows: list[Quad] = plain.findall(block.decode())
    except UnicodeDecodeError:
        rows = []
    if len(rows) != block.count(b"\n") + (not block.endswith(b"\n")):
        return _oxigraph(io.BytesIO(block), format_, None, names, passed)
    if b"_:" in block:
        return (_with_names(row, names) for row in rows)
    return iter(rows)


def _with_names(row: Quad, names: _BlankNames) -> Quad:
    subject, predicate, object_, graph = row
    return (
        names.of(subject[2:]) if subject.startswith("_:") else subject,
        predicate,
        names.of(object_[2:]) if object_.startswith("_:") else object_,
        names.of(graph[2:]) if graph.startswith("_:") else graph,
    )


def _trix(source: Bytes) -> Iterator[Quad]:
    def local(element: ElementTree.Element) -> str:
        return element.tag.rpartition("}")[2]

    def term(element: ElementTree.Element) -> str:
        value = element.text or ""
        kind = local(element)
        if kind == "uri":
            return terms.iri(value.strip())
        if kind == "id":
            return terms.blank("b" + value.strip())
        language = element.get("{http://www.w3.org/XML/1998/namespace}lang")
        return terms.literal(value, element.get("datatype"), language)

    try:
        root = ElementTree.fromstring(source.read())
    except ElementTree.ParseError as error:
        raise malformed_data(f"The data does not parse: {error}") from error
    for graph in root:
        name = next((terms.iri((each.text or "").strip()) for each in graph if local(each) == "uri"), "")
        for triple in graph:
            if local(triple) == "triple" and len(triple) == 3:
                subject, predicate, object_ = (term(each) for each in triple)
                yield subject, predicate, object_, name


def json_entries(source: Bytes) -> Iterator[object]:
    """The entries of a JSON list, one by one."""
    try:
        yield from json_elements.elements(source)
    except json_elements.NoArrayError as error:
        raise malformed_data("A list of statements is needed.") from error
    except UnicodeDecodeError as error:
        raise malformed_data(f"The body is not text in UTF-8: {error}") from error
    except ValueError as error:
        raise malformed_data(f"The body is not JSON: {error}") from error


def quads_of_json(entries: Iterable[object], namespaces: Mapping[str, str]) -> Iterator[Quad]:
    """The quads of AllegroGraph's JSON form: lists of three to five, the graph null for the default one."""
    for entry in entries:
        if not isinstance(entry, list) or not 3 <= len(entry) <= 5 or not all(isinstance(x, str) for x in entry[:3]):
            raise malformed_data(f"{json.dumps(entry)[:200]} is not a statement.")
        graph = entry[3] if len(entry) > 3 else None
        subject, predicate, object_ = (terms.canonical(each, namespaces) for each in entry[:3])
        yield subject, predicate, object_, terms.canonical(graph, namespaces) if graph else ""


# Writing

TRIPLE_LINES = {"application/n-triples", "text/plain"}
QUAD_LINES = {"application/n-quads", "text/x-nquads", "application/x-extended-nquads"}
WRITTEN = (*_OXIGRAPH, _TRIX)
"""The formats of RDF in which triples are answered."""


def serialised(rows: Iterable[Row], accept: str, namespaces: Mapping[str, str]) -> Iterator[str | bytes]:
    """Statements in the format that a client accepts; nothing known means N-Quads."""
    if accept == "application/json":
        return _json_rows(rows, with_ids=False)
    if accept == "application/x-quints+json":
        return _json_rows(rows, with_ids=True)
    if accept in TRIPLE_LINES:
        return (f"{s} {p} {o} .\n" for _, s, p, o, _ in rows)
    if accept == "text/table":
        return statement_table(rows)
    if accept == _TRIX:
        return _trix_document(rows)
    format_ = _OXIGRAPH.get(accept)
    if accept in QUAD_LINES or format_ is None:
        return (f"{s} {p} {o} {g} .\n" if g else f"{s} {p} {o} .\n" for _, s, p, o, g in rows)
    return _by_oxigraph(rows, format_, _usable(namespaces))


def _by_oxigraph(rows: Iterable[Row], format_: RdfFormat, prefixes: Mapping[str, str]) -> Iterator[bytes]:
    """A document in one of Oxigraph's formats; it waits on the disk, since Oxigraph writes and does not yield."""
    quads = (quad for batch in itertools.batched(rows, _BATCH) for quad in quads_of(row[1:] for row in batch))
    data: Iterable[pyoxigraph.Quad] | Iterable[pyoxigraph.Triple] = quads
    if not format_.supports_datasets:
        data = (quad.triple for quad in quads)
    with tempfile.TemporaryFile() as document:
        pyoxigraph.serialize(data, document, format=format_, prefixes=dict(prefixes))
        document.seek(0)
        while block := document.read(_BLOCK):
            yield block


def _usable(namespaces: Mapping[str, str]) -> dict[str, str]:
    return {prefix: iri for prefix, iri in namespaces.items() if re.match(r"[a-z]+:", iri)}


def _json_rows(rows: Iterable[Row], *, with_ids: bool) -> Iterator[str]:
    separator = "["
    for identity, subject, predicate, object_, graph in rows:
        quad: list[str | int] = [subject, predicate, object_]
        if graph:
            quad.append(graph)
        yield separator + json.dumps([identity, *quad] if with_ids else quad, ensure_ascii=False)
        separator = ",\n"
    yield "[]" if separator == "[" else "]"


def statement_table(rows: Iterable[Row]) -> Iterator[str]:
    """Statements as a table for people."""
    lines = [[terms.value_of(each) if each else "" for each in row[1:]] for row in rows]
    if not any(line[3] for line in lines):
        lines = [line[:3] for line in lines]
    return table(["s", "p", "o", "g"][: len(lines[0]) if lines else 3], lines)


def table(names: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns with headings, ruled as AllegroGraph rules them."""
    widths = [max([len(name), *(len(line[place]) for line in lines)]) for place, name in enumerate(names)]
    width = sum(widths) + 3 * len(widths) + 1

    def ruled(cells: Sequence[str]) -> str:
        return "".join(f"| {cell:<{size}} " for cell, size in zip(cells, widths, strict=True)) + "|\n"

    yield "-" * width + "\n"
    yield ruled(names)
    yield "=" * width + "\n"
    for line in lines:
        yield ruled(line)
    yield "-" * width + "\n"


def _trix_document(rows: Iterable[Row]) -> Iterator[str]:
    def element(text: str) -> str:
        value = escape(terms.value_of(text))
        if text.startswith("<"):
            return f"<uri>{value}</uri>"
        if text.startswith("_:"):
            return f"<id>{escape(text[2:])}</id>"
        if language := terms.language_of(text):
            return f'<plainLiteral xml:lang="{language}">{value}</plainLiteral>'
        if datatype := terms.datatype_of(text):
            return f'<typedLiteral datatype="{escape(datatype)}">{value}</typedLiteral>'
        return f"<plainLiteral>{value}</plainLiteral>"

    yield '<?xml version="1.0" encoding="UTF-8"?>\n<TriX xmlns="http://www.w3.org/2004/03/trix/trix-1/">\n'
    for _, *triple, graph in rows:
        name = element(graph) if graph else ""
        yield f"<graph>{name}<triple>{''.join(element(each) for each in triple)}</triple></graph>\n"
    yield "</TriX>\n"


def open_file(path: str) -> IO[bytes]:
    """A file on the server's own disk."""
    try:
        return open(path, "rb")  # noqa: PTH123 - the caller closes it
    except OSError as error:
        raise RefusedError(404, f"The server cannot read {path}: {error.strerror}.") from error
