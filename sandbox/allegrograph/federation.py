"""Federations: what a session's specification means, and one answer over many repositories."""

import contextlib
import hashlib
import itertools
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from sandbox.allegrograph import terms
from sandbox.allegrograph.members import LocalMember, RemoteMember
from sandbox.allegrograph.mirror import Mirror
from sandbox.allegrograph.refusal import RefusedError
from sandbox.allegrograph.spools import Spool
from sandbox.allegrograph.store import Settings
from sandbox.allegrograph.targets import Place, Readable, read_only
from sandbox.allegrograph.views import EVERYTHING, Filters, Pattern, Row

_TOKEN = re.compile(r"\s*(?:(<[^>]*>)|(\+)|(\()|(\))|\{([^}]*)\}|\[([^\]]*)\]|([^\s<>+(){}\[\]]+))")
AnyMember = LocalMember | RemoteMember
_AT_ONCE = 8
_KEPT_FEDERATIONS = 2
_KEPT_SECONDS = 600.0


@dataclass(frozen=True)
class Reference:
    """One member as the specification names it: the text in the brackets, and the graphs it is narrowed to."""

    name: str
    graphs: tuple[str, ...] = ()

    @property
    def is_remote(self) -> bool:
        """Whether it is a URL."""
        return self.name.startswith(("http://", "https://"))

    @property
    def catalog_and_name(self) -> tuple[str, str]:
        """The catalog (empty for the root) and the repository of a local one."""
        catalog, _, name = self.name.rpartition(":")
        return unquote(catalog), unquote(name)


def references(specification: str) -> list[Reference]:
    """The members of a specification: `<a> + <catalog:b>{null <g>} + <http://user:password@host:10035/repositories/c>`."""
    groups: list[list[list[Reference]]] = [[]]
    position = 0
    between = True  # members, that is: the next thing must be one
    while position < len(specification.rstrip()):
        match = _TOKEN.match(specification, position)
        if not match:
            raise _bad(specification)
        bracketed, plus, opening, closing, graphs, reasoner, bare = match.groups()
        if bool(bracketed or bare or opening) != between:
            raise _bad(specification)
        between = bool(plus or opening)
        if bracketed or bare:
            groups[-1].append([Reference(bracketed[1:-1] if bracketed else bare)])
        elif opening:
            groups.append([])
        elif closing:
            if len(groups) == 1:
                raise _bad(specification)
            inner = groups.pop()
            groups[-1].append([each for members in inner for each in members])
        elif reasoner is not None:
            raise RefusedError(
                400, f"Reasoning [{reasoner}] is not available on this server; leave it out of the specification."
            )
        elif graphs is not None:
            if not groups[-1]:
                raise _bad(specification)
            chosen = tuple("" if each == "null" else terms.canonical(each) for each in graphs.split())
            groups[-1][-1] = [replace(each, graphs=chosen) for each in groups[-1][-1]]
        position = match.end()
    found = [each for members in groups[-1] for each in members]
    if not found or len(groups) > 1 or between:
        raise _bad(specification)
    return found


def _bad(specification: str) -> RefusedError:
    shown = re.sub(r"//[^/@<>]*@", "//", specification)
    return RefusedError(400, f"{shown!r} is not a session specification such as <a> + <b>.", "MALFORMED PARAMETER")


def remote_member(reference: Reference) -> RemoteMember:
    """A member by its URL, which must be a repository's."""
    parts = urlsplit(reference.name)
    if not parts.hostname or not re.fullmatch(r"(/catalogs/[^/]+)?/repositories/[^/]+/?", parts.path):
        shown = RemoteMember(reference.name).label
        raise RefusedError(400, f"{shown} is not the URL of a repository, such as http://host:10035/repositories/name.")
    return RemoteMember(reference.name.rstrip("/"), reference.graphs)


@dataclass(frozen=True)
class FederatedView:
    """What the members hold together, one after the other; nothing is merged."""

    members: Sequence[AnyMember]

    def _graphs(self, member: AnyMember, wanted: Sequence[str]) -> Sequence[str] | None:
        """The graphs to ask a member for; nothing to ask is None."""
        if not member.graphs:
            return wanted
        chosen = [each for each in member.graphs if not wanted or each in wanted]
        return chosen or None

    def size(self, graphs: Sequence[str] = ()) -> int:
        """How many triples there are, duplicates counted."""
        asked = [(member, self._graphs(member, graphs)) for member in self.members]
        return sum(_at_once([lambda m=m, g=g: m.size(g) for m, g in asked if g is not None]))  # type: ignore[misc]

    def rows(self, pattern: Pattern = EVERYTHING, limit: int | None = None, offset: int = 0) -> Iterator[Row]:
        """The quads that match, member by member."""
        most = None if limit is None else limit + offset
        asked = ((member, self._graphs(member, pattern.graphs)) for member in self.members)
        found = itertools.chain.from_iterable(
            member.rows(replace(pattern, graphs=graphs), most) for member, graphs in asked if graphs is not None
        )
        yield from itertools.islice(found, offset, most)

    def blocks(
        self, pattern: Pattern = EVERYTHING, limit: int | None = None, offset: int = 0, *, graphs: bool = True
    ) -> Iterator[str]:
        """The same as text: N-Quads, or without their graphs N-Triples."""
        most = None if limit is None else limit + offset
        asked = ((member, self._graphs(member, pattern.graphs)) for member in self.members)
        found = itertools.chain.from_iterable(
            member.blocks(replace(pattern, graphs=chosen), most, graphs=graphs)
            for member, chosen in asked
            if chosen is not None
        )
        if limit is None and not offset:
            yield from found
        else:
            lines = (f"{line}\n" for block in found for line in block.removesuffix("\n").split("\n"))
            yield from itertools.islice(lines, offset, most)

    def contexts(self) -> list[str]:
        """The named graphs that hold something in some member."""
        found = _at_once([lambda m=m: (m, m.contexts()) for m in self.members])  # type: ignore[misc]
        return sorted({each for m, contexts in found for each in contexts if not m.graphs or each in m.graphs})

    def duplicates(self, mode: str) -> Iterator[Row]:
        """Each triple that says again what an earlier one said, in the same or another member."""
        places = 4 if mode == "spog" else 3
        seen: set[bytes] = set()
        for row in self.rows():
            _, *quad = row
            # No term has a line end in it.
            text = "\n".join(str(each) for each in quad[:places])
            digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if digest in seen:
                yield row
            seen.add(digest)


def _at_once[T](tasks: Sequence[Callable[[], T]]) -> list[T]:
    if len(tasks) < 2:
        return [task() for task in tasks]
    with ThreadPoolExecutor(min(len(tasks), _AT_ONCE * 4)) as pool:
        return list(pool.map(lambda task: task(), tasks))


def _gather(members: Sequence[AnyMember]) -> Mirror:
    """Fetch all members into one SPARQL copy."""
    mirror = Mirror()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        spools = pool.map(_fetched, members)
        for number, (member, spool) in enumerate(zip(members, spools, strict=True)):
            with contextlib.closing(spool):
                if not member.graphs or "" in member.graphs:
                    _load_default(mirror, number, member, spool)
            wanted = [each for each in member.contexts() if not member.graphs or each in member.graphs]
            if wanted:
                mirror.add(row[1:] for row in member.rows(Pattern(graphs=wanted), None))
    return mirror


def _fetched(member: AnyMember) -> Spool:
    return Spool(member if not member.graphs or "" in member.graphs else None)


def _load_default(mirror: Mirror, number: int, member: AnyMember, spool: Spool) -> None:
    before = mirror.size
    mirror.load_member(number, spool.path)
    mirror.note_originals(spool.suspects)
    graph = mirror.member_graph(number)
    if mirror.size - before != spool.lines:
        mirror.add((s, p, o, graph) for _, s, p, o, g in member.duplicates() if not g)
    if mirror.size - before != spool.lines:
        # Different spellings of one value count too, and only one by one do they show.
        mirror.clear_graph(graph)
        mirror.size = before
        mirror.add((s, p, o, graph) for _, s, p, o, _ in member.rows(Pattern(graphs=("",)), None))


@dataclass
class _Kept:
    versions: list[str]
    mirror: Mirror
    used: float


class FederationCache:
    """The copies of federations, kept while their members' versions stand."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def mirror(self, members: Sequence[AnyMember]) -> Mirror:
        """The copy of what the members hold now."""
        key = tuple(member.key for member in members)
        versions = _at_once([lambda m=m: m.version(for_query=True) for m in members])  # type: ignore[misc]
        with self._lock:
            kept = self._kept.get(key)
            if kept and kept.versions == versions:
                kept.used = time.monotonic()
                self._kept.move_to_end(key)
                return kept.mirror
            self._kept.pop(key, None)
            mirror = _gather(members)
            self._kept[key] = _Kept(versions, mirror, time.monotonic())
            while len(self._kept) > _KEPT_FEDERATIONS:
                self._kept.popitem(last=False)
            return mirror

    def forget_idle(self) -> None:
        """Drop copies that nobody asked for lately."""
        if self._lock.acquire(blocking=False):
            try:
                oldest = time.monotonic() - _KEPT_SECONDS
                for key in [key for key, kept in self._kept.items() if kept.used < oldest]:
                    del self._kept[key]
            finally:
                self._lock.release()


@dataclass
class FederationTarget:
    """A read-only session over several repositories."""

    members: Sequence[AnyMember]
    cache: FederationCache
    settings: Settings = field(default_factory=Settings)

    @property
    def version(self) -> str:
        """Another text after each change in a member."""
        return " ".join(_at_once([member.version for member in self.members]))

    @contextlib.contextmanager
    def reading(self, filters: Filters) -> Iterator[Readable]:
        """What the members hold now."""
        yield FederatedView(self.members)

    @contextlib.contextmanager
    def querying(self, filters: Filters) -> Iterator[Mirror]:
        """What the members hold now, for SPARQL."""
        yield self.cache.mirror(self.members)

    def writing(self) -> contextlib.AbstractContextManager[Place]:
        """A federation is not written."""
        raise read_only()

    def commit(self) -> None:
        """There is never anything to commit."""

    def rollback(self) -> None:
        """There is never anything to forget."""

    def check(self) -> None:
        """Ask every member once, so that a bad one is named when the session is opened."""
        _at_once([member.version for member in self.members])
