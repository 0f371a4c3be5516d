"""Writing the exact layer: straight into a repository, or into a session's overlay until it commits."""

import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from sandbox.allegrograph.views import Pattern, Quad, duplicate_columns

REMEMBERED = 50_000
"""So many changed quads are remembered to bring the SPARQL copy up to date; after more it is made anew."""

OVERLAY = (
    "(SELECT id, s, p, o, g FROM main.quad WHERE id NOT IN (SELECT id FROM temp.gone) "
    "UNION ALL SELECT id, s, p, o, g FROM temp.added)"
)
_FIRST_OVERLAY_ID = 1 << 40


class Change(Protocol):
    """What can be done to triples inside one transaction."""

    def add(self, quads: Iterable[Quad]) -> int:
        """Add quads, each as a triple of its own even if it is there already; how many were added."""

    def remove(self, pattern: Pattern) -> int:
        """Remove every triple that matches; how many were removed."""

    def remove_duplicates(self, mode: str) -> int:
        """Remove what an earlier triple says already; how many were removed."""


class Difference:
    """The quads that came and went, for as long as they are few and there is a SPARQL copy to bring up to date."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self.added: list[Quad] = []
        self.removed: list[Quad] = []
        self.complete = True

    def note_added(self, quads: Iterable[Quad]) -> Iterator[Quad]:
        """Pass quads through and remember the first ones; written so that millions pass at the speed of C."""
        remaining = iter(quads)
        if not self.wanted:
            self.complete = False
            return remaining
        head = list(itertools.islice(remaining, REMEMBERED - len(self.added)))
        self.added += head
        more = list(itertools.islice(remaining, 1))
        if more:
            self.complete = False
        return itertools.chain(head, more, remaining)

    def note_removed(self, quads: Sequence[Quad]) -> None:
        """Remember what was removed."""
        if self.wanted:
            self.removed += quads
        self.complete = self.complete and self.wanted and len(self.removed) <= REMEMBERED

    def clear(self, *, wanted: bool) -> None:
        """Forget; the copy has been brought up to date, or there is none."""
        self.wanted, self.added, self.removed, self.complete = wanted, [], [], True

    def __bool__(self) -> bool:
        return bool(self.added or self.removed) or not self.complete


def _where(condition: str) -> str:
    return f" WHERE {condition}" if condition else ""


class DirectChange:
    """Changes that go into the repository's own table."""

    def __init__(self, connection: sqlite3.Connection, *, mirrored: bool) -> None:
        """Changes of a transaction; what they change is remembered where there is a SPARQL copy."""
        self.connection = connection
        self.difference = Difference(wanted=mirrored)
        self.last_id = self._largest_id()

    @property
    def large(self) -> bool:
        """Whether very many triples were added."""
        return self._largest_id() - self.last_id > REMEMBERED

    def _largest_id(self) -> int:
        return int(self.connection.execute("SELECT coalesce(max(id), 0) FROM main.quad").fetchone()[0])

    def add(self, quads: Iterable[Quad]) -> int:
        """Add quads as new triples."""
        return self.connection.executemany(
            "INSERT INTO main.quad (s, p, o, g) VALUES (?, ?, ?, ?)", self.difference.note_added(quads)
        ).rowcount

    def add_stored(self, source: str) -> int:
        """Add the quads of another table of the connection, in the order of its ids; they do not pass through here."""
        if self.difference.wanted:
            first = self.connection.execute(f"SELECT s, p, o, g FROM {source} ORDER BY id LIMIT {REMEMBERED + 1}")
            for _ in self.difference.note_added(first):
                pass
        else:
            self.difference.complete = False
        return self.connection.execute(
            f"INSERT INTO main.quad (s, p, o, g) SELECT s, p, o, g FROM {source} ORDER BY id"
        ).rowcount

    def remove(self, pattern: Pattern) -> int:
        """Remove every triple that matches."""
        condition, values = pattern.where()
        return self._remove(condition, values)

    def remove_stored(self, source: str) -> int:
        """Remove the triples whose ids another table of the connection has; how many were removed."""
        return self._remove(f"id IN (SELECT id FROM {source})", [])

    def _remove(self, condition: str, values: Sequence[object]) -> int:
        counted = f"SELECT count(*) FROM (SELECT 1 FROM main.quad{_where(condition)} LIMIT {REMEMBERED + 1})"
        if self.connection.execute(counted, values).fetchone()[0] > REMEMBERED:
            self.difference.complete = False
            return self.connection.execute(f"DELETE FROM main.quad{_where(condition)}", values).rowcount
        removed = self.connection.execute(
            f"DELETE FROM main.quad{_where(condition)} RETURNING s, p, o, g", values
        ).fetchall()
        self.difference.note_removed(removed)
        return len(removed)

    def remove_duplicates(self, mode: str) -> int:
        """Remove what an earlier triple says already."""
        return self._remove_repeated(duplicate_columns(mode), "main.quad", 0)

    def _remove_repeated(self, columns: str, among: str, after: int) -> int:
        return self._remove(
            f"id > ? AND id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY {columns} ORDER BY id) "
            f"AS copy FROM {among}) WHERE copy > 1)",
            [after],
        )

    def suppress(self, policy: str | None) -> None:
        """Before the commit: of the triples that this change added, keep only those that say something new."""
        if policy:
            among = f"main.quad WHERE s IN (SELECT s FROM main.quad WHERE id > {self.last_id})"
            self._remove_repeated(duplicate_columns(policy), among, self.last_id)


class OverlayChange:
    """Changes that only their session sees: added quads, and the ids of removed ones."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.difference = Difference(wanted=False)
        connection.execute(
            "CREATE TEMP TABLE added (id INTEGER PRIMARY KEY AUTOINCREMENT, s TEXT NOT NULL, p TEXT NOT NULL, "
            "o TEXT NOT NULL, g TEXT NOT NULL)"
        )
        connection.execute("INSERT INTO temp.sqlite_sequence VALUES ('added', ?)", [_FIRST_OVERLAY_ID - 1])
        connection.execute("CREATE TEMP TABLE gone (id INTEGER PRIMARY KEY)")

    @property
    def empty(self) -> bool:
        """Whether nothing waits for a commit."""
        query = "SELECT EXISTS (SELECT 1 FROM temp.added) OR EXISTS (SELECT 1 FROM temp.gone)"
        return not self.connection.execute(query).fetchone()[0]

    def add(self, quads: Iterable[Quad]) -> int:
        """Add quads as new triples."""
        return self.connection.executemany(
            "INSERT INTO temp.added (s, p, o, g) VALUES (?, ?, ?, ?)", self.difference.note_added(quads)
        ).rowcount

    def remove(self, pattern: Pattern) -> int:
        """Remove every triple that matches."""
        return self._remove(*pattern.where())

    def _remove(self, condition: str, values: Sequence[object]) -> int:
        both = f"SELECT id, s, p, o, g FROM {OVERLAY}{_where(condition)} LIMIT {REMEMBERED + 1}"
        removed = self.connection.execute(both, values).fetchall()
        if len(removed) > REMEMBERED:
            self.difference.complete = False
            before = self._count()
            self.connection.execute(
                f"INSERT OR IGNORE INTO temp.gone SELECT id FROM main.quad{_where(condition)}", values
            )
            self.connection.execute(f"DELETE FROM temp.added{_where(condition)}", values)
            return before - self._count()
        ids = [(row[0],) for row in removed]
        own = [each for each in ids if each[0] >= _FIRST_OVERLAY_ID]
        committed = [each for each in ids if each[0] < _FIRST_OVERLAY_ID]
        self.connection.executemany("DELETE FROM temp.added WHERE id = ?", own)
        self.connection.executemany("INSERT OR IGNORE INTO temp.gone VALUES (?)", committed)
        self.difference.note_removed([row[1:] for row in removed])
        return len(removed)

    def _count(self) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {OVERLAY}").fetchone()[0])

    def remove_duplicates(self, mode: str) -> int:
        """Remove what an earlier triple says already."""
        repeated = (
            f"SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY {duplicate_columns(mode)} ORDER BY id) "
            f"AS copy FROM {OVERLAY}) WHERE copy > 1"
        )
        return self._remove_ids([each for (each,) in self.connection.execute(repeated)])

    def _remove_ids(self, ids: Sequence[int]) -> int:
        return self.remove(Pattern(ids=ids)) if ids else 0

    def apply(self, change: DirectChange) -> None:
        """Put the overlay into the repository, inside the transaction of a direct change on the same connection."""
        change.remove_stored("temp.gone")
        change.add_stored("temp.added")

    def discard(self) -> None:
        """Forget everything that was not committed."""
        self.connection.execute("DELETE FROM temp.added")
        self.connection.execute("DELETE FROM temp.gone")
