"""SPARQL updates, carried out on the exact layer: each operation becomes quads to remove and quads to add."""

import itertools
import secrets
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from urllib.error import URLError

import pyoxigraph
from pyoxigraph import RdfFormat, Store

from sandbox.allegrograph import formats, sparql, terms
from sandbox.allegrograph.mirror import PRIVATE
from sandbox.allegrograph.queries import Query, Solutions, evaluate, tidied
from sandbox.allegrograph.refusal import RefusedError, malformed_query
from sandbox.allegrograph.targets import Place
from sandbox.allegrograph.views import EVERYTHING, Pattern, Quad

_VARIABLE = PRIVATE + "variable:"


def execute(place: Place, text: str, known: Mapping[str, str]) -> None:
    """Carry out all operations of an update."""
    _check(text, known)
    for operation in sparql.operations(text):
        _Execution(place, operation, known).run()


def _check(text: str, known: Mapping[str, str]) -> None:
    """Let Oxigraph's parser say what is wrong; an empty store makes this cheap."""
    parts = sparql.tokens(text)
    if any(part.word in ("LOAD", "COPY", "MOVE", "ADD") for part in parts):
        return  # These fail on an empty store though they are well formed.
    silent = sparql.rewritten(parts, text, {"CLEAR": "CLEAR SILENT", "DROP": "DROP SILENT", "CREATE": "CREATE SILENT"})
    try:
        Store().update(silent, prefixes=dict(known))
    except (SyntaxError, ValueError, RuntimeError) as error:
        raise malformed_query(tidied(str(error))) from error


class _Execution:
    """One operation of an update."""

    def __init__(self, place: Place, operation: sparql.Operation, known: Mapping[str, str]) -> None:
        self.place = place
        self.operation = operation
        self.parts = operation.parts
        self.words = [part.word for part in operation.parts if part.word != "SILENT"]
        self.known = sparql.prefixes(sparql.tokens(operation.prologue), known)
        self.silent = any(part.word == "SILENT" for part in operation.parts)
        self.places = [part for part in operation.parts if part.word != "SILENT"]

    def run(self) -> None:
        """Do it."""
        first, second = self.words[0], self.words[1] if len(self.words) > 1 else ""
        actions: dict[str, Callable[[], None]] = {
            "CLEAR": self._clear,
            "DROP": self._clear,
            "CREATE": lambda: None,
            "COPY": lambda: self._transfer(replace=True, keep=True),
            "MOVE": lambda: self._transfer(replace=True, keep=False),
            "ADD": lambda: self._transfer(replace=False, keep=True),
            "LOAD": self._load,
        }
        if second == "DATA":
            rows = self._data()
            if first == "INSERT":
                self.place.change.add(rows)
            else:
                self._remove(rows)
        elif action := actions.get(first):
            action()
        else:
            self._modify()

    # INSERT DATA and DELETE DATA

    def _data(self) -> list[Quad]:
        opening = next(number for number, part in enumerate(self.parts) if part.text == "{")
        return [_text(quad) for quad in self._quads(self.operation.inside(opening), "")]

    def _quads(self, text: str, graph: str) -> Iterator[pyoxigraph.Quad]:
        """The quads of a data block or template; each run names its blank nodes anew."""
        declared = "".join(f"PREFIX {prefix}: <{iri}>\n" for prefix, iri in self.known.items())
        declared += "".join(
            f"BASE {after.text}\n"
            for part, after in _pairs(sparql.tokens(self.operation.prologue))
            if part.word == "BASE"
        )
        blocks = "".join(
            f"GRAPH {name or graph} {{ {triples} }}\n" if name or graph else f"{{ {triples} }}\n"
            for name, triples in sparql.graph_blocks(text)
        )
        try:
            yield from pyoxigraph.parse(declared + blocks, RdfFormat.TRIG, lenient=True, rename_blank_nodes=True)
        except SyntaxError as error:
            raise malformed_query(tidied(str(error))) from error

    def _remove(self, rows: Iterable[Quad]) -> None:
        for subject, predicate, object_, graph in rows:
            # The default graph is named by the empty text, which Pattern takes as it is.
            self.place.change.remove(Pattern((subject,), (predicate,), (object_,), (graph,)))

    # DELETE/INSERT ... WHERE

    def _modify(self) -> None:
        graph = ""
        position = 0
        if self.words[0] == "WITH":
            graph, position = sparql.iri_of(self.parts[1], self.known), 2
        removing, adding, where = self._clauses(position)
        default, named = sparql.dataset(self.parts, self.known, "USING")
        pattern = self.operation.inside(where)
        query = Query(
            f"{self.operation.prologue} SELECT * WHERE {{ {pattern} }}",
            self.known,
            contexts=default or ([graph] if graph else []),
            named_contexts=named,
        )
        answer = evaluate(self.place.mirror(), query)
        assert isinstance(answer, Solutions)
        solutions = [dict(zip(answer.names, row, strict=True)) for row in answer.rows]
        originals = self.place.mirror().originals if removing else None
        gone = list(self._instances(removing, graph, solutions)) if removing is not None else []
        come = list(self._instances(adding, graph, solutions)) if adding is not None else []
        if originals is not None:
            gone = [(s, p, each, g) for s, p, o, g in gone for each in originals(o)]
        self._remove(dict.fromkeys(gone))
        self.place.change.add(come)

    def _clauses(self, position: int) -> tuple[str | None, str | None, int]:
        """The texts of the DELETE and INSERT templates and the token that opens the WHERE clause."""
        removing = adding = None
        number = position
        while number < len(self.parts):
            part = self.parts[number]
            if part.word == "DELETE" and self.parts[number + 1].word == "WHERE":
                removing = self.operation.inside(number + 2)
                return removing, None, number + 2
            if part.word in ("DELETE", "INSERT"):
                inside = self.operation.inside(number + 1)
                removing, adding = (inside, adding) if part.word == "DELETE" else (removing, inside)
                number = sparql.closing(self.parts, number + 1)
            elif part.word == "WHERE":
                return removing, adding, number + 1
            elif part.text == "{":
                return removing, adding, number
            number += 1
        raise malformed_query("The update has no WHERE clause.")

    def _instances(
        self, template: str | None, graph: str, solutions: Sequence[Mapping[str, str | None]]
    ) -> Iterator[Quad]:
        """The template filled in with each solution; a triple with a gap or an impossible place is left out."""
        if not template:
            return
        shapes = [_text(quad) for quad in self._quads(sparql.variables_as_iris(template, _VARIABLE), graph)]
        run = secrets.token_hex(4)
        for number, solution in enumerate(solutions):
            for shape in shapes:
                quad = tuple(_filled(part, solution, f"u{run}x{number}") for part in shape)
                subject, predicate, object_, name = quad
                if subject is None or predicate is None or object_ is None or name is None:
                    continue
                if not subject.startswith('"') and predicate.startswith("<") and not name.startswith('"'):
                    yield subject, predicate, object_, name

    # Whole graphs

    def _clear(self) -> None:
        target = self.places[1]
        if target.word == "ALL":
            self.place.change.remove(EVERYTHING)
        elif target.word == "NAMED":
            graphs = self.place.view().contexts()
            if graphs:
                self.place.change.remove(Pattern(graphs=graphs))
        else:
            name = "" if target.word == "DEFAULT" else sparql.iri_of(self.places[2], self.known)
            self.place.change.remove(Pattern(graphs=(name,)))

    def _transfer(self, *, replace: bool, keep: bool) -> None:
        places = [part for part in self.places[1:] if part.word not in ("GRAPH", "TO")]
        if len(places) != 2:
            raise malformed_query(f"{self.words[0]} needs a source and a destination.")
        source, target = ("" if part.word == "DEFAULT" else sparql.iri_of(part, self.known) for part in places)
        if source == target:
            return
        rows = [(s, p, o, target) for _, s, p, o, _ in self.place.view().rows(Pattern(graphs=(source,)))]
        if replace:
            self.place.change.remove(Pattern(graphs=(target,)))
        self.place.change.add(rows)
        if not keep:
            self.place.change.remove(Pattern(graphs=(source,)))

    def _load(self) -> None:
        addresses = [sparql.iri_of(part, self.known) for part in self.places[1:] if part.kind in ("iri", "name")]
        if not addresses or not addresses[0].startswith(("<http://", "<https://")):
            raise malformed_query("LOAD needs an http or https address.")
        address, graph = addresses[0][1:-1], addresses[1] if len(addresses) > 1 else ""
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                kind = answer.headers.get_content_type()
                if kind in ("text/plain", "application/octet-stream"):
                    kind = formats.type_of_file(address)
                self.place.change.add(formats.parsed(answer, kind, base=address, graphs=[graph] if graph else None))
        except (URLError, OSError, RefusedError) as error:
            if not self.silent:
                raise RefusedError(400, f"LOAD <{address}> failed: {error}", "MALFORMED QUERY") from error


def _pairs(parts: Sequence[sparql.Token]) -> Iterator[tuple[sparql.Token, sparql.Token]]:
    return itertools.pairwise(parts)


def _text(quad: pyoxigraph.Quad) -> Quad:
    graph = "" if isinstance(quad.graph_name, pyoxigraph.DefaultGraph) else terms.from_oxigraph(quad.graph_name)
    subject, object_ = terms.from_oxigraph(quad.subject), terms.from_oxigraph(quad.object)
    return formats.renamed(subject), terms.from_oxigraph(quad.predicate), formats.renamed(object_), graph


def _filled(part: str, solution: Mapping[str, str | None], run: str) -> str | None:
    if part.startswith("<" + _VARIABLE):
        return solution.get(part[len(_VARIABLE) + 1 : -1])
    return part + run if part.startswith("_:") else part
