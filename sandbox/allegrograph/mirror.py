"""The copy of a view that SPARQL runs over: an Oxigraph store in which duplicates count.

An Oxigraph store holds a set. So copy k of a quad lives in a graph of its own, and the default graph of a query is the
union of all graphs, which Oxigraph does not merge. Queries by graph name see the first copies only.
"""

import functools
import itertools
from collections.abc import Container, Iterable, Iterator, Sequence
from urllib.parse import quote

import pyoxigraph
from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, RdfFormat, Store

from sandbox.allegrograph import terms
from sandbox.allegrograph.views import Quad, View

PRIVATE = "urn:x-agraph:"
_BULK = 50_000
"""From so many quads on Oxigraph's bulk loader is worth its files."""

_BATCH = 1000

Graph = NamedNode | BlankNode | DefaultGraph


class Blocks:
    """An iterator of blocks of text as a file that Oxigraph's loader can read, two kilobytes at a time as it does."""

    def __init__(self, blocks: Iterable[str]) -> None:
        self._blocks = iter(blocks)
        self._block = b""
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`; nothing at the end."""
        if size < 0:
            return self._block[self._position :] + "".join(self._blocks).encode()
        if self._position >= len(self._block):
            self._block, self._position = next(self._blocks, "").encode(), 0
        start = self._position
        self._position += size
        return self._block[start : self._position]


def copy_name(graph: str, copy: int) -> str:
    """The graph in which a further copy of a quad lives."""
    return graph if copy == 0 else f"<{PRIVATE}copy:{copy}:{quote(graph, safe='')}>"


@functools.lru_cache(1000)
def _copy_node(graph: str, copy: int) -> NamedNode:
    return NamedNode(copy_name(graph, copy)[1:-1])


def quads_of(rows: Iterable[Quad]) -> Iterator[pyoxigraph.Quad]:
    """Oxigraph's quads of exact ones."""
    text = "".join(f"{s} {p} {o} {g} .\n" if g else f"{s} {p} {o} .\n" for s, p, o, g in rows)
    return iter(pyoxigraph.parse(text, RdfFormat.N_QUADS, lenient=True))


class Mirror:
    """An Oxigraph store with the quads of one view, and what is needed to answer in exact terms."""

    def __init__(self) -> None:
        self.store = Store()
        self.size = 0
        """How many quads there are, and in the store: it grows by one with each, since none is the same as another."""
        self._copies: dict[str, int] = {}
        self._base_defaults: list[str] = [""]
        self._originals: dict[str, tuple[str, ...]] = {}

    # Filling

    @classmethod
    def of(cls, view: View) -> "Mirror":
        """A mirror of everything in a view."""
        mirror = cls()
        mirror.size = view.size()
        mirror._load(view.blocks(), mirror.size)
        missing = mirror.size - len(mirror.store)
        if missing:
            missing -= mirror._add_all(row[1:] for row in view.duplicates("spog"))
        if missing:
            # Different spellings of one value became one quad in Oxigraph: only one by one shows which.
            mirror.store.clear()
            mirror._copies.clear()
            mirror._add_all(row[1:] for row in view.rows())
        mirror.note_originals(view.rewritable_objects())
        derived = [
            each
            for each, exact in mirror._originals.items()
            if each not in exact and terms.datatype_of(each) == terms.XSD + "integer"
        ]
        if derived:
            for each in view.present_objects(derived):
                mirror._note_original(each, each)
        return mirror

    def _load(self, blocks: Iterable[str], size: int) -> None:
        load = self.store.bulk_load if size > _BULK else self.store.load
        load(Blocks(blocks), RdfFormat.N_QUADS, lenient=True)  # type: ignore[arg-type]

    def load_member(self, number: int, path: str) -> None:
        """Load a federation member's N-Triples, each once, into a graph that stands for its default graph."""
        graph = NamedNode(self.member_graph(number)[1:-1])
        self.store.bulk_load(path=path, format=RdfFormat.N_TRIPLES, to_graph=graph, lenient=True)
        self.size = len(self.store)

    def member_graph(self, number: int) -> str:
        """The graph that stands for the default graph of a federation's member."""
        name = f"<{PRIVATE}member:{number}>"
        if name not in self._base_defaults:
            self._base_defaults.append(name)
        return name

    def clear_graph(self, name: str) -> None:
        """Empty a graph and its copies."""
        for graph in self._all_copies(name):
            self.store.clear_graph(graph)
        self._copies.pop(name, None)

    def add(self, rows: Iterable[Quad]) -> None:
        """Add quads, each as a further copy where it is there already."""
        self.size += self._add_all(rows)

    def _add_all(self, rows: Iterable[Quad]) -> int:
        added = 0
        for batch in itertools.batched(rows, _BATCH):
            self._add_batch(batch)
            added += len(batch)
        return added

    def _add_batch(self, batch: Sequence[Quad]) -> None:
        """Add quads together: as Oxigraph spells them, so that it shows which of them it takes for the same."""
        stored = self._note_batch({row[2] for row in batch if terms.REWRITABLE.fullmatch(row[2])})
        waiting: set[pyoxigraph.Quad] = set()
        for row, quad in zip(batch, quads_of(batch), strict=True):
            respelt = stored.get(row[2])
            if respelt:
                quad = pyoxigraph.Quad(quad.subject, quad.predicate, respelt, quad.graph_name)  # noqa: PLW2901
            waiting.add(self._next_copy(quad, row[3], waiting))
        self.store.extend(waiting)

    def _next_copy(self, quad: pyoxigraph.Quad, graph: str, waiting: Container[pyoxigraph.Quad]) -> pyoxigraph.Quad:
        copy = self._count(quad, graph, waiting)
        if copy > self._copies.get(graph, 0):
            self._copies[graph] = copy
        return self._copy(quad, graph, copy)

    def remove(self, rows: Sequence[Quad]) -> None:
        """Remove one copy for each quad given."""
        for row, quad in zip(rows, quads_of(rows), strict=True):
            count = self._count(quad, row[3], ())
            if count:
                self.store.remove(self._copy(quad, row[3], count - 1))
        self.size -= len(rows)

    def _count(self, quad: pyoxigraph.Quad, graph: str, waiting: Container[pyoxigraph.Quad]) -> int:
        """How many copies there are; they are numbered without gaps, so halving finds it."""
        if quad not in waiting and quad not in self.store:
            return 0
        low, high = 1, self._copies.get(graph, 0) + 1
        while low < high:
            middle = (low + high) // 2
            each = self._copy(quad, graph, middle)
            if each in waiting or each in self.store:
                low = middle + 1
            else:
                high = middle
        return low

    @staticmethod
    def _copy(quad: pyoxigraph.Quad, graph: str, copy: int) -> pyoxigraph.Quad:
        if copy == 0:
            return quad
        return pyoxigraph.Quad(quad.subject, quad.predicate, quad.object, _copy_node(graph, copy))

    # Exact terms

    def note_originals(self, texts: Iterable[str]) -> None:
        """Remember how literals were spelt that Oxigraph may spell otherwise."""
        for batch in itertools.batched(texts, _BATCH):
            self._note_batch(batch)

    def _note_batch(self, batch: Iterable[str]) -> dict[str, Literal]:
        """Note literals; what Oxigraph makes of each."""
        texts = list(batch)
        stored: dict[str, Literal] = {}
        if texts:
            scratch = Store()
            scratch.extend(quads_of((f"<urn:n:{number}>", "<urn:p>", text, "") for number, text in enumerate(texts)))
            for quad in scratch:
                text = texts[int(str(quad.subject)[7:-1])]
                assert isinstance(quad.object, Literal)
                stored[text] = quad.object
                self._note_original(terms.from_oxigraph(quad.object), text)
        return stored

    def _note_original(self, stored: str, text: str) -> None:
        known = self._originals.get(stored, ())
        if text not in known:
            self._originals[stored] = (*known, text)

    def originals(self, text: str) -> tuple[str, ...]:
        """Every spelling that the data has for a term of Oxigraph's answer."""
        return self._originals.get(text) or (text,)

    def exact(self, term: object) -> str:
        """A term of an answer as the data spells it, where that is clear."""
        text = terms.from_oxigraph(term)
        known = self._originals.get(text)
        return known[0] if known and len(known) == 1 else text

    # Datasets

    @property
    def plain(self) -> bool:
        """Whether all graphs in the store are real ones."""
        return not self._copies and len(self._base_defaults) == 1

    def default_graphs(self, names: Sequence[str]) -> list[Graph]:
        """The graphs whose union a query's default graph is, given by their real names."""
        real = [each for name in names for each in (self._base_defaults if name == "" else [name])]
        return [graph for name in real for graph in self._all_copies(name)]

    def _all_copies(self, name: str) -> list[Graph]:
        copies = range(self._copies.get(name, 0) + 1)
        return [graph_term(copy_name(name, copy)) for copy in copies]

    def named_graphs(self) -> list[NamedNode | BlankNode]:
        """The real graphs."""
        return [each for each in self.store.named_graphs() if not str(each).startswith("<" + PRIVATE)]


def graph_term(name: str) -> Graph:
    """Oxigraph's name of a graph."""
    if not name:
        return DefaultGraph()
    term = terms.to_oxigraph(name)
    assert not isinstance(term, Literal)
    return term
