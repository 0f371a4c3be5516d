"""Reading the exact layer: every stored quad with its id, as text, in an SQLite table of its own."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sandbox.allegrograph import terms
from sandbox.allegrograph.refusal import RefusedError

Quad = tuple[str, str, str, str]
"""Subject, predicate, object, graph; the default graph is the empty text."""
Row = tuple[int, str, str, str, str]
"""A triple id and its quad."""

COLUMNS = {"subj": "s", "pred": "p", "obj": "o", "context": "g"}
DUPLICATE_MODES = {"spo": "s, p, o", "spog": "s, p, o, g"}


@dataclass(frozen=True)
class Range:
    """Objects (or other places) between two terms, both included."""

    column: str
    lowest: str
    highest: str


@dataclass(frozen=True)
class Pattern:
    """Which quads are meant: for each place the allowed terms, none of them meaning any."""

    subjects: Sequence[str] = ()
    predicates: Sequence[str] = ()
    objects: Sequence[str] = ()
    graphs: Sequence[str] = ()
    ranges: Sequence[Range] = ()
    ids: Sequence[int] | None = None

    def where(self) -> tuple[str, list[object]]:
        """The condition in SQL with its values; empty when everything is meant."""
        conditions: list[str] = []
        values: list[object] = []
        places = (("s", self.subjects), ("p", self.predicates), ("o", self.objects), ("g", self.graphs))
        for column, allowed in places:
            if len(allowed) == 1:
                conditions.append(f"{column} = ?")
                values.append(allowed[0])
            elif allowed:
                conditions.append(f"{column} IN (SELECT value FROM json_each(?))")
                values.append(json.dumps(list(allowed)))
        for each in self.ranges:
            conditions.append(f"in_range({each.column}, ?, ?)")
            values += [each.lowest, each.highest]
        if self.ids is not None:
            conditions.append("id IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(self.ids)))
        return " AND ".join(conditions), values


EVERYTHING = Pattern()


@dataclass(frozen=True)
class Filters:
    """Security filters: what a user may see at all."""

    allowed: Sequence[Pattern] = ()
    forbidden: Sequence[Pattern] = ()

    def where(self) -> tuple[str, list[object]]:
        """The condition in SQL with its values."""
        conditions, values = [], list[object]()
        for joined, patterns, negation in ((" OR ", self.allowed, ""), (" OR ", self.forbidden, "NOT ")):
            parts = [pattern.where() for pattern in patterns]
            if parts:
                conditions.append(negation + "(" + joined.join(f"({text or '1'})" for text, _ in parts) + ")")
                values += [value for _, each in parts for value in each]
        return " AND ".join(conditions), values

    def __bool__(self) -> bool:
        return bool(self.allowed or self.forbidden)


def in_range(text: str, lowest: str, highest: str) -> bool:
    """Whether a term stands between two others of its kind."""
    place, low, high = terms.order(text), terms.order(lowest), terms.order(highest)
    return place[0] == low[0] == high[0] and low <= place <= high


def duplicate_columns(mode: str) -> str:
    """The columns that must agree for two triples to be duplicates."""
    if mode not in DUPLICATE_MODES:
        raise RefusedError(400, f'{mode!r} is not a kind of duplicate; use "spo" or "spog".', "MALFORMED PARAMETER")
    return DUPLICATE_MODES[mode]


def _page(limit: int | None, offset: int) -> str:
    if limit is None and not offset:
        return " ORDER BY id"
    return f" ORDER BY id LIMIT {-1 if limit is None else int(limit)} OFFSET {int(offset)}"


@dataclass
class View:
    """A consistent picture of a repository: what was committed, or that with a session's own changes."""

    connection: sqlite3.Connection
    generation: int
    source: str = "main.quad"
    filters: Filters = field(default_factory=Filters)
    writable: bool = True

    def _select(self, what: str, pattern: Pattern, tail: str = "") -> sqlite3.Cursor:
        condition, values = self._condition(pattern)
        return self.connection.execute(f"SELECT {what} FROM {self.source}{condition}{tail}", values)

    def _condition(self, pattern: Pattern) -> tuple[str, list[object]]:
        parts = [part for part in (pattern.where(), self.filters.where()) if part[0]]
        text = " AND ".join(f"({part[0]})" for part in parts)
        return f" WHERE {text}" if text else "", [value for part in parts for value in part[1]]

    def size(self, graphs: Sequence[str] = ()) -> int:
        """How many triples there are, duplicates counted, in all graphs or in these."""
        return int(self._select("count(*)", Pattern(graphs=graphs)).fetchone()[0])

    def rows(self, pattern: Pattern = EVERYTHING, limit: int | None = None, offset: int = 0) -> Iterator[Row]:
        """The quads that match, in the order in which they came."""
        yield from self._select("id, s, p, o, g", pattern, _page(limit, offset))

    def contexts(self) -> list[str]:
        """The named graphs that hold something."""
        return [graph for (graph,) in self._select("DISTINCT g", EVERYTHING, " ORDER BY g") if graph]

    def duplicates(self, mode: str) -> Iterator[Row]:
        """Each triple that says again what an earlier one said."""
        condition, values = self._condition(EVERYTHING)
        yield from self.connection.execute(
            f"SELECT id, s, p, o, g FROM (SELECT *, row_number() OVER (PARTITION BY {duplicate_columns(mode)} "
            f"ORDER BY id) AS copy FROM {self.source}{condition}) WHERE copy > 1 ORDER BY id",
            values,
        )

    def blocks(
        self, pattern: Pattern = EVERYTHING, limit: int | None = None, offset: int = 0, *, graphs: bool = True
    ) -> Iterator[str]:
        """The quads that match as N-Quads, or without their graphs as N-Triples, many lines at a time."""
        graph = "||CASE g WHEN '' THEN '' ELSE ' '||g END" if graphs else ""
        found = self._select(f"s||' '||p||' '||o{graph}||' .'||char(10)", pattern, _page(limit, offset))
        while lines := found.fetchmany(1000):
            yield "".join([line for (line,) in lines])

    def rewritable_objects(self) -> Iterator[str]:
        """The typed literals that Oxigraph may store in another spelling."""
        wanted = Pattern()
        condition, values = self._condition(wanted)
        joined = " AND " if condition else " WHERE "
        query = (
            f"SELECT DISTINCT o FROM {self.source}{condition}{joined}"
            """o LIKE '"%"^^<http://www.w3.org/2001/XMLSchema#%>'"""
            """ AND NOT o GLOB '"[1-9]*"^^<http://www.w3.org/2001/XMLSchema#integer>'"""
        )
        for (text,) in self.connection.execute(query, values):
            if terms.REWRITABLE.fullmatch(text):
                yield text

    def present_objects(self, candidates: Iterable[str]) -> set[str]:
        """Those of the candidates that are the object of some triple."""
        return {text for (text,) in self._select("DISTINCT o", Pattern(objects=tuple(candidates)))}
