"""A repository: its exact quads and settings in one SQLite file, and the SPARQL copy kept beside it."""

import contextlib
import json
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.allegrograph.changes import DirectChange, OverlayChange
from sandbox.allegrograph.mirror import Mirror
from sandbox.allegrograph.refusal import missing
from sandbox.allegrograph.views import Filters, View, in_range

_SCHEMA = """
CREATE TABLE IF NOT EXISTS quad (
    id INTEGER PRIMARY KEY AUTOINCREMENT, s TEXT NOT NULL, p TEXT NOT NULL, o TEXT NOT NULL, g TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS quad_subject ON quad (s);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Settings:
    """What is kept beside the triples: namespaces, policies and the like, as JSON values by name."""

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        self.values = values or {}

    def get(self, name: str, default: Any = None) -> Any:
        """A setting, or the default."""
        return self.values.get(name, default)

    def put(self, name: str, value: Any) -> None:
        """Set, or with None forget."""
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value


class StoredSettings(Settings):
    """Settings that outlive the server."""

    def __init__(self, repository: "Repository") -> None:
        rows = repository.writer.execute("SELECT name, value FROM setting").fetchall()
        super().__init__({name: json.loads(value) for name, value in rows})
        self._repository = repository

    def put(self, name: str, value: Any) -> None:
        """Set, or with None forget, also on disk."""
        with self._repository.lock:
            super().put(name, value)
            if value is None:
                self._repository.writer.execute("DELETE FROM setting WHERE name = ?", [name])
            else:
                self._repository.writer.execute(
                    "INSERT OR REPLACE INTO setting VALUES (?, ?)", [name, json.dumps(value)]
                )


class Repository:
    """A triple store that many requests and sessions share."""

    def __init__(self, catalog: str, name: str, directory: Path) -> None:
        self.catalog = catalog
        self.name = name
        self.directory = directory
        self.lock = threading.RLock()
        self._mirror_lock = threading.RLock()
        self._mirror_held = contextlib.ExitStack()
        self.mirror: Mirror | None = None
        self._mirror_generation = -1
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        directory.mkdir(parents=True, exist_ok=True)
        self.writer = self.connect()
        self.writer.execute("PRAGMA journal_mode = WAL")
        self.writer.executescript(_SCHEMA)
        self.settings: Settings = StoredSettings(self)
        if self.settings.get("identity") is None:
            self.settings.put("identity", uuid.uuid4().hex)
            self.settings.put("generation", 1)
        self.identity: str = self.settings.get("identity")

    def connect(self) -> sqlite3.Connection:
        """A connection of one's own to the repository's file."""
        if self._closed:
            raise missing(f"There is no repository {self.name!r} any more.")
        connection = sqlite3.connect(
            self.directory / "triples.sqlite", timeout=60, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        connection.create_function("in_range", 3, in_range, deterministic=True)
        return connection

    def close(self) -> None:
        """Let go of the file."""
        with self.lock:
            self._closed = True
            for connection in [*self._idle, self.writer]:
                connection.close()
            self._idle.clear()
            self.mirror = None

    @contextlib.contextmanager
    def reading(self, filters: Filters | None = None) -> Iterator[View]:
        """What is committed now, unchanged for as long as it is read."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self.connect()
        try:
            connection.execute("BEGIN")
            yield View(connection, self.generation_of(connection), filters=filters or Filters())
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if self._closed or len(self._idle) > 4:
                connection.close()
            else:
                self._idle.append(connection)

    @staticmethod
    def generation_of(connection: sqlite3.Connection) -> int:
        """The number of commits so far, as the connection's transaction sees it."""
        return int(connection.execute("SELECT value FROM main.setting WHERE name = 'generation'").fetchone()[0])

    @contextlib.contextmanager
    def writing(self, overlay: OverlayChange | None = None) -> Iterator[DirectChange]:
        """A transaction on the repository; it is committed when the block ends well, else nothing has happened."""
        with self.lock, contextlib.ExitStack() as self._mirror_held:
            if self._closed:
                raise missing(f"There is no repository {self.name!r} any more.")
            connection = overlay.connection if overlay else self.writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                change = DirectChange(connection, mirrored=self.mirror is not None)
                if overlay:
                    overlay.apply(change)
                yield change
                change.suppress(self.settings.get("suppress"))
                self.refresh_mirror(change)
                generation = self.generation_of(connection) + 1
                connection.execute("UPDATE main.setting SET value = ? WHERE name = 'generation'", [str(generation)])
                connection.execute("COMMIT")
                self._mirror_generation = generation
                if change.large:
                    # The write-ahead log has grown as large as what was loaded; give the space back.
                    # While a session still reads an old state this cannot be done; then it is not waited for.
                    connection.execute("PRAGMA busy_timeout = 0")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    connection.execute("PRAGMA busy_timeout = 60000")
            except BaseException:
                with self._mirror_lock:
                    self.mirror = None
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def refresh_mirror(self, change: DirectChange) -> None:
        """Bring the SPARQL copy up to date with the transaction so far; nobody else sees it until that ends."""
        self._mirror_held.enter_context(self._mirror_lock)
        self.mirror = refreshed(self.mirror, change)

    def current_mirror(self, view: View) -> Mirror:
        """The SPARQL copy of what is committed; a view of an older state gets one of its own."""
        if view.filters:
            return Mirror.of(view)
        with self._mirror_lock:
            if self.mirror is not None and self._mirror_generation == view.generation:
                return self.mirror
            mirror = Mirror.of(view)
            with self.reading() as newest:
                if newest.generation == view.generation:
                    self.mirror, self._mirror_generation = mirror, view.generation
            return mirror


def refreshed(mirror: Mirror | None, change: DirectChange | OverlayChange) -> Mirror | None:
    """A copy with a change's difference applied, or nothing where making it anew is the way."""
    difference = change.difference
    if mirror is not None and difference:
        if not difference.complete:
            mirror = None
        else:
            # Some that were added may have been removed again, never the other way round: ids only grow.
            mirror.add(difference.added)
            mirror.remove(difference.removed)
    difference.clear(wanted=mirror is not None)
    return mirror
