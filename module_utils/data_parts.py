"""From files of RDF to parts in S3 that members can fetch: read all, plan, and only then write and upload.

Runs on the controller. Whatever is wrong with any file is said before anything of any file is uploaded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.bucket_objects import Shelf
from ansible.module_utils.data_files import Content, DataError, DataFile, find, identified
from ansible.module_utils.data_placement import Ledgers, Share, number_of_parts, part_ids, placed
from ansible.module_utils.data_reading import read_all
from ansible.module_utils.data_splitting import Written, split, whole
from ansible.module_utils.progress import Meter, Progress

# A line to the cloud is full with a few, and each may hold a piece of a part in memory.
UPLOADS = 4
# As many as a person mends in one go.
MOST_FAULTS = 20

Part = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How parts are made."""

    expires: int
    """For how many seconds URLs are good."""
    folder: str
    """Where parts are on the disk until they are uploaded; empty for the system's folder for such files."""
    is_check: bool
    """Whether nothing is to be uploaded."""


@dataclass(frozen=True)
class Plan:
    """What becomes of the files: each content with its number of parts, and each part's member."""

    contents: list[tuple[Content, int]]
    statements: dict[str, int]
    """Their numbers in the contents of which something is missing, by the identities."""
    members: dict[str, int]
    """By the parts' ids."""


def planned(data: str, ledgers: Ledgers, part_bytes: int, progress: Progress) -> Plan:
    """Read what has to be read, and decide; raises DataError, which names every bad file."""
    files = find(data)
    contents, faults = identified(files, Meter(progress, "looked through", sum(file.packed for file in files)))
    missing = [each for each in contents if not ledgers.has_all(each.identity, each.file.name)]
    statements, more = read_all(missing, Meter(progress, "read", sum(each.size for each in missing)))
    if faults or more:
        raise DataError(no_good([*faults, *more], files))
    total, members = sum(content.size for content in contents), len(ledgers.members)
    cut = []
    for content in contents:
        parts = ledgers.parts_of(content.identity, content.file.name)
        if parts is None:
            splittable = content.file.kind.is_by_line
            parts = number_of_parts(content.size, total, members, part_bytes) if splittable else 1
        cut.append((content, parts))
    shares = [
        Share(identity, content.file.name, number, content.size // parts)
        for content, parts in cut
        for number, identity in enumerate(part_ids(content.identity, parts))
    ]
    return Plan(cut, statements, placed(shares, ledgers))


def no_good(faults: list[str], files: list[DataFile]) -> str:
    """Return the sentence about bad files."""
    if len(files) == 1:
        return f"Nothing was loaded. {faults[0]}. Mend the file, then repeat the load."
    bad = "1 is" if len(faults) == 1 else f"{len(faults)} are"
    more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
    return (
        f"Nothing was loaded: of {len(files)} files {bad} bad. {'; '.join(faults[:MOST_FAULTS])}{more}. Mend what is "
        "bad or leave it out, then repeat the load."
    )


class Workshop:
    """Makes the parts of a plan and sees that they are in the bucket."""

    def __init__(self, plan: Plan, ledgers: Ledgers, shelf: Shelf, settings: Settings, progress: Progress) -> None:
        self._plan = plan
        self._ledgers = ledgers
        self._shelf = shelf
        self._settings = settings
        self._progress = progress
        self._there = shelf.keys()
        self.parts: list[Part] = []
        self.loaded: list[Part] = []
        self.uploaded = 0

    def work(self) -> None:
        """Make, upload and sign what is missing; raises DataError, OSError for want of room, and what boto3 raises."""
        size = sum(content.size for content, _ in self._plan.contents if content.identity in self._plan.statements)
        meter = Meter(self._progress, "prepared", size)
        with uploads(self._progress) as queue:
            for content, parts in self._plan.contents:
                self._content(content, parts, meter, queue)
        for found in (self.parts, self.loaded):
            found.sort(key=lambda part: (part["member"], part["source"], part["id"]))

    def _content(self, content: Content, parts: int, meter: Meter, queue: Queue) -> None:
        missing, absent = {}, {}
        for number, identity in enumerate(part_ids(content.identity, parts)):
            if held := self._ledgers.held.get(identity):
                self.loaded.append(self._part(content, identity, held.statements, None))
                continue
            missing[number] = identity
        for number, identity in missing.items():
            key = self._key(content, identity)
            size, notes = self._shelf.described(key) if key in self._there else (-1, {})
            if notes.get("part") == identity:
                self._offer(content, identity, int(notes["statements"]), size)
            else:
                absent[number] = identity
        if not absent or self._plan.statements[content.identity] == 0:
            return
        for number, written in self._written(content, parts, set(absent), meter).items():
            # Few subjects leave parts empty; what is not made is asked for again by the next run, and is empty again.
            if written.statements:
                self._upload(content, absent[number], written, queue)

    def _written(self, content: Content, parts: int, wanted: set[int], meter: Meter) -> dict[int, Written]:
        folder = None if self._settings.is_check else self._settings.folder
        statements = self._plan.statements[content.identity]
        if parts == 1:
            return {0: whole(content, statements, folder, meter)}
        written: dict[int, Written] = split(content, statements, parts, wanted, folder, meter)
        return written

    def _upload(self, content: Content, identity: str, written: Written, queue: Queue) -> None:
        self._offer(content, identity, written.statements, written.size)
        self.uploaded += 1
        if written.file is None:
            return
        key, notes = self._key(content, identity), {"part": identity, "statements": str(written.statements)}

        def put() -> None:
            try:
                self._shelf.put(key, written.file, notes, queue.sent)
            finally:
                written.close()

        queue.add(put, written.size or 0)

    def _offer(self, content: Content, identity: str, statements: int, size: int | None) -> None:
        part = self._part(content, identity, statements, size)
        url = None if self._settings.is_check else self._shelf.url(self._key(content, identity), self._settings.expires)
        self.parts.append({**part, "url": url})

    def _part(self, content: Content, identity: str, statements: int, size: int | None) -> Part:
        return {
            "id": identity,
            "member": self._plan.members[identity],
            "content_type": content.file.kind.content_type,
            "compression": "gzip",
            "statements": statements,
            "bytes": size,
            "source": content.file.name,
            "base": content.file.base,
        }

    def _key(self, content: Content, identity: str) -> str:
        name = identity.replace("#", "-").replace("/", "-")
        return f"{self._shelf.prefix}{name}{content.file.kind.suffixes[0]}.gz"


class Queue:
    """Uploads under way: a few at the same time, and what they hold on the disk bounded."""

    def __init__(self, pool: ThreadPoolExecutor, progress: Progress) -> None:
        self._pool = pool
        self._meter = Meter(progress, "sent", 0)
        self._pending: set[Future[None]] = set()
        self._is_waiting = False

    def add(self, upload: Callable[[], None], size: int) -> None:
        """Begin an upload of so many bytes, when there are not too many; raises what an earlier one raised."""
        while len(self._pending) >= 2 * UPLOADS:
            self._settle()
        self._meter.total += size
        self._pending.add(self._pool.submit(upload))

    def sent(self, size: int) -> None:
        """Count what is there; it is shown only while nothing else is done that could be shown."""
        self._meter.add(size, is_shown=self._is_waiting)

    def finish(self) -> None:
        """Wait for all; raises what one of them raised."""
        while self._pending:
            self._settle()

    def _settle(self) -> None:
        self._is_waiting = True
        done, self._pending = wait(self._pending, return_when=FIRST_COMPLETED)
        self._is_waiting = False
        for each in done:
            each.result()


@contextlib.contextmanager
def uploads(progress: Progress) -> Iterator[Queue]:
    """Yield a queue whose uploads are done when it is left, or will not begin any more where something went wrong."""
    pool = ThreadPoolExecutor(UPLOADS)
    try:
        queue = Queue(pool, progress)
        yield queue
        queue.finish()
    finally:
        pool.shutdown(cancel_futures=True)
