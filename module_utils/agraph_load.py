"""Loads parts of data into a repository of AllegroGraph, each exactly once, whatever ends in the middle of it.

It runs on the nodes: Python 3.9 and its standard library.

A part and a marker that names it are one transaction of a session. Then the ledger gets the part, and then the marker
is removed. Whoever comes after a load that was interrupted first closes its session, which can commit nothing then;
what has a marker is committed, and goes into the ledger; what has none is not, and is loaded again. A request that
changes something is never repeated on a guess.
"""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils import agraph_contents as contents
from ansible.module_utils.agraph_client import AgraphError, RefusedError, Repository, Server, UnreachableError
from ansible.module_utils.load_ledger import Ledger
from ansible.module_utils.load_source import PAUSE, Progress, Source, SourceError

# The markers' graph, and what their subjects begin with. They are there for a moment after each commit.
GRAPH = "<urn:agraph-federation:load>"
MARKER = "urn:agraph-federation:load:"
STATEMENTS = "<urn:agraph-federation:statements>"
# How long AllegroGraph keeps a session that nobody uses, in seconds: it is used all the time.
LIFETIME = 300
# How long each short answer may take, in seconds. A commit may take as long as there is time.
ANSWER_TIMEOUT = 60.0
BAD_DATA, GONE = 400, 404
STAYS = "What is loaded already stays, and is not loaded twice."


class LoadError(Exception):
    """Why something was not loaded, in sentences for a person."""


@dataclass(frozen=True)
class Part:
    """What is loaded as a whole or not at all."""

    id: str
    url: str
    content_type: str
    compression: str
    statements: int | None
    """How many a parser has counted; nothing where the server is the first to parse it."""
    bytes: int | None
    source: str
    base: str | None


class Loader:
    """Loads into one repository; whoever uses it holds the lock."""

    def __init__(self, server: Server, repository: Repository, ledger: Ledger, deadline: float) -> None:
        self.repository = repository
        self.ledger = ledger
        self._server = server
        self._deadline = deadline
        self.pause = PAUSE

    def committed(self) -> dict[str, int]:
        """Return what markers say: how many statements a part had, by its id."""
        wanted = {"context": GRAPH}
        found = self._asked("GET", f"{self.repository.path}/statements", wanted) or []
        own = [each for each in found if each[0].startswith(f"<{MARKER}") and each[1] == STATEMENTS]
        return {urllib.parse.unquote(each[0][len(MARKER) + 1 : -1]): int(each[2].split('"')[1]) for each in own}

    def finish_earlier(self) -> list[str]:
        """Find out what became of a load that was interrupted; return what was done, in words."""
        done = []
        for session in list(self.ledger.sessions):
            if self._close(session):
                done.append("closed a session that an earlier load had left")
            self.ledger.closed(session)
        for part, statements in self.committed().items():
            if part not in self.ledger.loaded:
                self.ledger.has(part, statements, "")
                done.append(f"found that {statements} statements of an earlier load were committed")
            self._unmark(part)
        return done

    def remove_demonstration(self, statement: Mapping[str, str]) -> None:
        """Remove the demonstration's statement where it is, before any data may have one like it."""
        contents.settle(self.repository, contents.terms_of(statement), 0)
        self.ledger.forgot_demonstration()

    def load(self, parts: Sequence[Part], progress: Progress) -> None:
        """Load what the ledger does not have; raises LoadError, AgraphError or LedgerError at the first that fails."""
        session = self._open() if parts else ""
        try:
            for number, part in enumerate(parts, 1):
                progress.part = number
                if time.monotonic() > self._deadline:
                    raise LoadError(
                        f"The time is over with {number - 1} of {len(parts)} parts loaded. Give it more with "
                        f"-e federation_load_timeout=SECONDS. {STAYS}"
                    )
                statements = self._load_one(session, part, progress)
                progress.statements += statements
        finally:
            if session:
                self._leave(session)

    def _load_one(self, session: str, part: Part, progress: Progress) -> int:
        statements = self._sent(session, part, progress)
        if part.statements is not None and statements != part.statements:
            raise LoadError(
                f"{part.source} has {part.statements} statements by our parser, and AllegroGraph counts {statements} "
                "in the same data, of which nothing was loaded. Write it as N-Triples, which no two parsers read "
                "differently."
            )
        self._asked("PUT", f"{session}/statement", marker(part.id, statements))
        try:
            self._asked("POST", f"{session}/commit", long=True)
        except AgraphError as error:
            raise LoadError(
                f"Whether {part.source} is loaded is not known: {error} The next load finds it out, and goes on."
            ) from None
        self.ledger.has(part.id, statements, part.source)
        self._unmark(part.id)
        return statements

    def _sent(self, session: str, part: Part, progress: Progress) -> int:
        """Put a part's data into the session, uncommitted; return how many statements came of it."""
        headers = {"Content-Type": part.content_type}
        if part.compression == "gzip":
            headers["Content-Encoding"] = "gzip"
        parameters = {"baseURI": part.base} if part.base else {}
        try:
            source = Source(part.url, part.bytes, self._deadline, self.pause)
            headers["Content-Length"] = str(source.length)
            self._server.timeout = self._left()
            pieces = progress.counted(source.pieces())
            answer = self._server.stream(f"{session}/statements", parameters, pieces, headers)
        except SourceError as error:
            raise LoadError(
                f"{part.source} could not be fetched, and nothing of it was loaded: {error}. {STAYS}"
            ) from None
        except RefusedError as error:
            if error.status != BAD_DATA:
                raise LoadError(f"{part.source} was not loaded: {error} {STAYS}") from None
            raise LoadError(
                f"{part.source} is refused by AllegroGraph, and nothing of it was loaded: {error.words.rstrip('.')}. "
                f"Correct it, or leave it out. {STAYS}"
            ) from None
        except UnreachableError as error:
            raise LoadError(f"{part.source} was not loaded: {error} {STAYS}") from None
        if isinstance(answer, int):
            return answer
        # A server that does not say: what the session sees beyond what everybody does.
        everybody: int = self.repository.size()
        return int(self._asked("GET", f"{session}/size", accept="text/integer")) - everybody

    def _open(self) -> str:
        wanted = {"autoCommit": "false", "lifetime": str(LIFETIME)}
        session = str(self._asked("POST", f"{self.repository.path}/session", wanted))
        self.ledger.opened(session)
        return session

    def _close(self, session: str) -> bool:
        """Close a session for certain, with what it has not committed; return whether it was still there."""
        try:
            self._asked("POST", f"{session}/session/close", long=True)
        except RefusedError as error:
            if error.status != GONE:
                raise self._not_closed(error) from None
            return False
        except UnreachableError as error:
            # A session on a port of its own goes with it.
            if not error.refused:
                raise self._not_closed(error) from None
            return False
        return True

    def _not_closed(self, error: AgraphError) -> LoadError:
        return LoadError(
            f"A session of an earlier load may still commit what it has, and does not close: {error} "
            f"It ends by itself, at most {LIFETIME} s after its last use."
        )

    def _leave(self, session: str) -> None:
        """Close a session, whatever happened in it; one that does not close is left to the next load."""
        try:
            self._close(session)
        except (AgraphError, LoadError):
            return
        self.ledger.closed(session)

    def _unmark(self, part: str) -> None:
        statement = {name: value for name, value in marker(part, 0).items() if name != "obj"}
        self._asked("DELETE", f"{self.repository.path}/statements", statement)

    def _asked(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        accept: str = "application/json",
        long: bool = False,
    ) -> Any:
        self._server.timeout = self._left() if long else min(ANSWER_TIMEOUT, self._left())
        return self._server.json(method, path, parameters, accept=accept)

    def _left(self) -> float:
        return max(1.0, self._deadline - time.monotonic())


def marker(part: str, statements: int) -> dict[str, str]:
    """Return the statement that says that a part is committed."""
    subject = f"<{MARKER}{urllib.parse.quote(part, safe='')}>"
    return {"subj": subject, "pred": STATEMENTS, "obj": f'"{statements}"', "context": GRAPH}
