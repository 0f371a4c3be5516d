"""What a request works on: a repository itself, a session's transaction over one, or (elsewhere) a federation."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from sandbox.allegrograph.changes import OVERLAY, Change, DirectChange, OverlayChange
from sandbox.allegrograph.mirror import Mirror
from sandbox.allegrograph.refusal import RefusedError
from sandbox.allegrograph.store import Repository, Settings, refreshed
from sandbox.allegrograph.views import EVERYTHING, Filters, Pattern, Row, View


class Readable(Protocol):
    """What can be read, of one repository or of many."""

    def size(self, graphs: Sequence[str] = ()) -> int:
        """How many triples there are."""

    def rows(self, pattern: Pattern = EVERYTHING, limit: int | None = None, offset: int = 0) -> Iterator[Row]:
        """The quads that match."""

    def blocks(
        self, pattern: Pattern = EVERYTHING, limit: int | None = None, offset: int = 0, *, graphs: bool = True
    ) -> Iterator[str]:
        """The same as text: N-Quads, or without their graphs N-Triples."""

    def contexts(self) -> list[str]:
        """The named graphs that hold something."""

    def duplicates(self, mode: str) -> Iterator[Row]:
        """Each triple that says again what an earlier one said."""


class Place(Protocol):
    """A transaction whose state so far can be read and queried."""

    @property
    def change(self) -> Change:
        """Where changes go."""

    def view(self) -> View:
        """The state with what has been changed so far."""

    def mirror(self) -> Mirror:
        """The same for SPARQL."""


class Target(Protocol):
    """What a request on triples needs to know."""

    settings: Settings
    version: str

    def reading(self, filters: Filters) -> contextlib.AbstractContextManager[Readable]:
        """A consistent picture to read."""

    def querying(self, filters: Filters) -> contextlib.AbstractContextManager[Mirror]:
        """The same for SPARQL."""

    def writing(self) -> contextlib.AbstractContextManager[Place]:
        """A transaction to write in."""

    def commit(self) -> None:
        """Make what was written visible to everybody."""

    def rollback(self) -> None:
        """Forget what was not committed."""


@dataclass
class RepositoryPlace:
    """A transaction straight on a repository."""

    repository: Repository
    change: DirectChange

    def view(self) -> View:
        """The state with what has been changed so far."""
        return View(self.repository.writer, generation=-1)

    def mirror(self) -> Mirror:
        """The same for SPARQL."""
        self.repository.refresh_mirror(self.change)
        if self.repository.mirror is None:
            self.repository.mirror = Mirror.of(self.view())
            self.change.difference.wanted = True
        return self.repository.mirror


@dataclass
class RepositoryTarget:
    """A repository, each request a transaction of its own."""

    repository: Repository
    name: ClassVar[str] = "repository"

    @property
    def settings(self) -> Settings:
        """The repository's settings."""
        return self.repository.settings

    @property
    def version(self) -> str:
        """Another text after each commit."""
        with self.repository.reading() as view:
            return f"{self.repository.identity}-{view.generation}"

    def reading(self, filters: Filters) -> contextlib.AbstractContextManager[Readable]:
        """What is committed."""
        return self.repository.reading(filters)

    @contextlib.contextmanager
    def querying(self, filters: Filters) -> Iterator[Mirror]:
        """What is committed, for SPARQL."""
        with self.repository.reading(filters) as view:
            mirror = self.repository.current_mirror(view)
        yield mirror

    @contextlib.contextmanager
    def writing(self) -> Iterator[Place]:
        """A transaction that commits at its end."""
        with self.repository.writing() as change:
            yield RepositoryPlace(self.repository, change)

    def commit(self) -> None:
        """Every request has committed already."""

    def rollback(self) -> None:
        """There is nothing to forget."""


@dataclass
class SessionTarget:
    """A transaction over a repository: a snapshot, and the session's own operations on top of it."""

    repository: Repository
    autocommit: bool = False
    version: str = ""
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _dirty: bool = False
    _mirror: Mirror | None = None

    def __post_init__(self) -> None:
        self._connection = self.repository.connect()
        self._overlay = OverlayChange(self._connection)
        self._direct = RepositoryTarget(self.repository)
        self._begin()

    @property
    def settings(self) -> Settings:
        """The repository's settings; these are not part of transactions."""
        return self.repository.settings

    def _begin(self) -> None:
        self._connection.execute("BEGIN")
        self._generation = Repository.generation_of(self._connection)
        self._dirty, self._mirror = False, None
        self._overlay.difference.clear(wanted=False)

    def view(self) -> View:
        """The snapshot with the session's operations; for the holder of the lock."""
        return View(self._connection, self._generation, OVERLAY if self._dirty else "main.quad")

    @property
    def change(self) -> Change:
        """Where the session's operations are kept."""
        return self._overlay

    @contextlib.contextmanager
    def reading(self, filters: Filters) -> Iterator[Readable]:
        """What the session sees."""
        if self.autocommit:
            with self._direct.reading(filters) as committed:
                yield committed
            return
        with self._lock:
            view = self.view()
            view.filters = filters
            yield view

    @contextlib.contextmanager
    def querying(self, filters: Filters) -> Iterator[Mirror]:
        """What the session sees, for SPARQL."""
        if self.autocommit:
            with self._direct.querying(filters) as mirror:
                yield mirror
            return
        with self._lock:
            if filters:
                view = self.view()
                view.filters = filters
                yield Mirror.of(view)
            else:
                yield self.mirror()

    def mirror(self) -> Mirror:
        """The SPARQL copy of what the session sees, shared with the repository while nothing sets them apart."""
        self._mirror = refreshed(self._mirror, self._overlay)
        if self._mirror is None:
            mirror = self.repository.current_mirror(self.view()) if not self._dirty else Mirror.of(self.view())
            if not self._dirty:
                return mirror
            self._mirror = mirror
            self._overlay.difference.wanted = True
        return self._mirror

    @contextlib.contextmanager
    def writing(self) -> Iterator[Place]:
        """Operations that wait for the commit; a failed request leaves none of its own behind."""
        if self.autocommit:
            with self._direct.writing() as place:
                yield place
            return
        with self._lock:
            self._connection.execute("SAVEPOINT request")
            self._dirty = True
            try:
                yield self
            except BaseException:
                self._connection.execute("ROLLBACK TO request")
                self._mirror = None
                self._overlay.difference.clear(wanted=False)
                raise
            finally:
                self._connection.execute("RELEASE request")

    def commit(self) -> None:
        """Carry out the session's operations on the repository as it is now, and see everybody else's."""
        with self._lock:
            self._connection.execute("COMMIT")
            try:
                if not self._overlay.empty:
                    with self.repository.writing(self._overlay):
                        pass
                    self._overlay.discard()
            finally:
                self._begin()
                self._dirty = not self._overlay.empty

    def rollback(self) -> None:
        """Forget the session's operations, and see everybody else's."""
        with self._lock:
            self._connection.execute("ROLLBACK")
            self._begin()

    def set_autocommit(self, on: bool) -> None:
        """Switch; what waits is committed when it is switched on."""
        with self._lock:
            self.commit()
            self.autocommit = on

    def close(self) -> None:
        """Forget what was not committed and let go of the file."""
        with self._lock:
            self._connection.close()


def read_only() -> RefusedError:
    """What a federation says to a write."""
    return RefusedError(
        400, "A federated session is read-only; add or delete in the member's own repository.", "PRECONDITION FAILED"
    )
