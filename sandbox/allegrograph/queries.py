"""Evaluating SPARQL queries over a mirror, with AllegroGraph's datasets, bindings and number formats."""

import itertools
import pickle
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import pyoxigraph
from pyoxigraph import BlankNode, Literal, NamedNode

from sandbox.allegrograph import sparql, terms
from sandbox.allegrograph.mirror import PRIVATE, Graph, Mirror, graph_term
from sandbox.allegrograph.refusal import RefusedError, malformed_query

_BLANK_FUNCTION = NamedNode(PRIVATE + "blank")
_IN_MEMORY = 1 << 22
_CASTS = ("int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger", "unsignedInt", "unsignedLong")


@dataclass(frozen=True)
class Query:
    """A SPARQL query and what came with it."""

    text: str
    prefixes: Mapping[str, str] = field(default_factory=dict)
    contexts: Sequence[str] = ()
    named_contexts: Sequence[str] = ()
    bindings: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None


@dataclass(frozen=True)
class Solutions:
    """The answer of a SELECT: rows of terms, unbound ones None."""

    names: Sequence[str]
    rows: Iterator[Sequence[str | None]]


@dataclass(frozen=True)
class Triples:
    """The answer of a CONSTRUCT or DESCRIBE."""

    rows: Iterator[tuple[str, str, str]]


Answer = Solutions | Triples | bool


def evaluate(mirror: Mirror, query: Query) -> Answer:
    """The answer to a query; when it has a time-out, all of it is there within that time or it is refused."""
    if query.timeout is None:
        return _evaluate(mirror, query)
    return _within(query.timeout, lambda given_up: _complete(_evaluate(mirror, query), given_up))


def _complete(answer: Answer, given_up: threading.Event) -> Answer:
    if isinstance(answer, Solutions):
        return Solutions(answer.names, _kept(answer.rows, given_up))
    if isinstance(answer, Triples):
        return Triples(_kept(answer.rows, given_up))
    return answer


def _kept[T](rows: Iterator[T], given_up: threading.Event) -> Iterator[T]:
    """All rows at once, in a temporary file where they are many, to be read one by one."""
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - whoever reads it to its end closes it
    for batch in itertools.batched(rows, 1000):
        if given_up.is_set():
            break
        pickle.dump(batch, file)
    file.seek(0)
    return _read_back(file)


def _read_back(file: IO[bytes]) -> Iterator[Any]:
    with file:
        while True:
            try:
                batch = pickle.load(file)
            except EOFError:
                return
            yield from batch


def _within(timeout: float, work: Callable[[threading.Event], Answer]) -> Answer:
    outcome: list[Answer | BaseException] = []
    given_up = threading.Event()

    def run() -> None:
        try:
            outcome.append(work(given_up))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the query was asked
            outcome.append(error)

    worker = threading.Thread(target=run, daemon=True, name="query")
    worker.start()
    worker.join(timeout)
    if not outcome:
        given_up.set()
        raise RefusedError(400, f"The query did not finish within {timeout:g} s.", "QUERY TIMEOUT")
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


def _evaluate(mirror: Mirror, query: Query) -> Answer:
    parts = sparql.tokens(query.text)
    if sparql.form(parts) == "UPDATE":
        raise malformed_query("This is an update, not a query; send it with POST.")
    known = sparql.prefixes(parts, query.prefixes)
    text, substitutions = _bound(query, parts)
    default, named, union = _dataset(mirror, query, parts, known)
    try:
        result = mirror.store.query(
            text,
            prefixes=dict(query.prefixes),
            use_default_graph_as_union=union,
            default_graph=default,
            named_graphs=named,
            substitutions=substitutions or None,  # type: ignore[arg-type]
            custom_functions=_FUNCTIONS,
        )
    except (SyntaxError, ValueError, RuntimeError) as error:
        raise malformed_query(tidied(str(error))) from error
    if isinstance(result, pyoxigraph.QueryBoolean):
        return bool(result)
    if isinstance(result, pyoxigraph.QueryTriples):
        return Triples(_failing_clearly(_triples(mirror, result)))
    names = [variable.value for variable in result.variables]
    return Solutions(names, _failing_clearly(_rows(mirror, result, names, sparql.computed_variables(parts))))


def _rows(
    mirror: Mirror, result: pyoxigraph.QuerySolutions, names: Sequence[str], computed: set[str]
) -> Iterator[Sequence[str | None]]:
    readers = [_computed if name in computed else mirror.exact for name in names]
    for solution in result:
        yield [None if term is None else read(term) for read, term in zip(readers, solution, strict=True)]


def _computed(term: object) -> str:
    return terms.computed(terms.from_oxigraph(term))


def _triples(mirror: Mirror, result: pyoxigraph.QueryTriples) -> Iterator[tuple[str, str, str]]:
    for triple in result:
        yield mirror.exact(triple.subject), mirror.exact(triple.predicate), mirror.exact(triple.object)


def _failing_clearly[T](rows: Iterator[T]) -> Iterator[T]:
    try:
        yield from rows
    except (RuntimeError, ValueError, OSError) as error:
        raise malformed_query(tidied(str(error))) from error


def _bound(
    query: Query, parts: Sequence[sparql.Token]
) -> tuple[str, dict[pyoxigraph.Variable, pyoxigraph.NamedNode | pyoxigraph.BlankNode | pyoxigraph.Literal]]:
    """The query's text with its bindings put at the beginning of the WHERE clause."""
    if not query.bindings:
        return query.text, {}
    start = sparql.group_start(parts)
    if start is None:
        return query.text, {
            pyoxigraph.Variable(name): terms.to_oxigraph(value) for name, value in query.bindings.items()
        }
    clauses = []
    for name, value in query.bindings.items():
        if value.startswith("_:"):
            clauses.append(f'BIND(<{_BLANK_FUNCTION.value}>("{value[2:]}") AS ?{name})')
        else:
            clauses.append(f"VALUES ?{name} {{ {value} }}")
    return f"{query.text[:start]} {' '.join(clauses)} {query.text[start:]}", {}


def _dataset(
    mirror: Mirror, query: Query, parts: Sequence[sparql.Token], known: Mapping[str, str]
) -> tuple[list[Graph] | None, list[NamedNode | BlankNode] | None, bool]:
    """Default graph, named graphs, and whether the default graph is the union of everything."""
    from_default, from_named = sparql.dataset(parts, known)
    default_names = list(query.contexts) or from_default
    named_names = list(query.named_contexts) or from_named
    named: list[NamedNode | BlankNode] | None = None
    if named_names:
        chosen = [graph_term(name) for name in named_names if name]
        named = [each for each in chosen if isinstance(each, NamedNode | BlankNode)]
    elif from_default and not query.contexts:
        named = []
    elif not mirror.plain:
        named = mirror.named_graphs()
    if default_names:
        return mirror.default_graphs(default_names), named, False
    if from_named and not query.named_contexts:
        return [], named, False
    if query.named_contexts:
        # Named graphs given from outside narrow the default graph, too: it is their union.
        return mirror.default_graphs(named_names), named, False
    return None, named, True


def tidied(words: str) -> str:
    """A parser's words without the character classes that nobody can read."""
    words = re.sub(r'\[[^\]"]*\](?:,\s*|\s*\|\s*)?', "", " ".join(words.split()))
    return words.strip(" ,|") or "The query does not parse."


def _cast(term: object) -> Literal | None:
    if not isinstance(term, Literal):
        return None
    try:
        return Literal(str(int(float(term.value))), datatype=NamedNode(terms.XSD + "integer"))
    except ValueError:
        return None


def _blank(label: object) -> BlankNode | None:
    return BlankNode(label.value) if isinstance(label, Literal) else None


_FUNCTIONS: dict[NamedNode, Callable[..., NamedNode | BlankNode | Literal | pyoxigraph.Triple | None]] = {
    _BLANK_FUNCTION: _blank,
    **{NamedNode(terms.XSD + name): _cast for name in _CASTS},
}
