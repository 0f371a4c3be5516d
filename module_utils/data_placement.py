"""Which part of the data goes to which member, and which is there already: pure functions of sizes and ledgers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.data_files import DataError

PART_ID = re.compile(r"(?P<content>[0-9a-f]{64}#\d+)(?:/(?P<part>\d+)of(?P<parts>\d+))?")
# Below this a request to a member costs more than its statements.
LEAST_TO_SPLIT = 16 << 10
# Three files of nearly the same size are shared by three members as they are.
UNFAIR = 1.25
# Each part has a file and a compressor open while its file is split, and systems allow 256 open files, some of them.
MOST_PARTS = 128
# What a statement weighs where only their number is known. Constant, so that a repeated run places as the first did.
BYTES_A_STATEMENT = 120


@dataclass(frozen=True)
class Held:
    """A part that a member has."""

    member: int
    statements: int


class Ledgers:
    """What all members have."""

    def __init__(self, members: Iterable[Mapping[str, Any]]) -> None:
        """Take the members, each `{index, loaded: [{id, statements}]}`."""
        self.members: list[int] = []
        self.held: dict[str, Held] = {}
        self._ways: dict[str, set[int]] = {}
        for member in members:
            index = int(member["index"])
            self.members.append(index)
            for entry in member.get("loaded") or []:
                self.held[entry["id"]] = Held(index, int(entry.get("statements") or 0))
                if found := PART_ID.fullmatch(entry["id"]):
                    self._ways.setdefault(found["content"], set()).add(int(found["parts"] or 1))
        self.members.sort()

    def parts_of(self, identity: str, name: str) -> int | None:
        """Return in how many parts a content was loaded, 1 for as a whole, None for not at all; raises DataError."""
        ways = self._ways.get(identity, set())
        if len(ways) > 1:
            raise DataError(
                f"{name} is on the members in more than one way ({' and '.join(_way(each) for each in sorted(ways))}), "
                "so its statements may be there twice: two loads were at work at the same time. Empty the members' "
                "repositories, then load again."
            )
        return next(iter(ways), None)

    def has_all(self, identity: str, name: str) -> bool:
        """Say whether nothing of a content is missing; raises DataError."""
        parts = self.parts_of(identity, name)
        return parts is not None and all(each in self.held for each in part_ids(identity, parts))


def _way(parts: int) -> str:
    return "as a whole" if parts == 1 else f"in {parts} parts"


def part_ids(identity: str, parts: int) -> list[str]:
    """Return the ids of a content's parts: the identity itself where there is one part only."""
    return [identity] if parts == 1 else [f"{identity}/{number}of{parts}" for number in range(1, parts + 1)]


def number_of_parts(size: int, total: int, members: int, part_bytes: int) -> int:
    """Return into how many parts a content of `size` bytes is split, of `total` bytes to load.

    What is larger than a part is split into as many as make each member's share the same; what is merely more than a
    member's fair share, into one for each.
    """
    if size < LEAST_TO_SPLIT:
        return 1
    if size > part_bytes:
        parts = _ceiling(_ceiling(size, part_bytes), members) * members
        return min(parts, max(members, MOST_PARTS // members * members))
    return members if size * members > UNFAIR * total else 1


def _ceiling(number: int, divisor: int) -> int:
    return -(-number // divisor)


@dataclass(frozen=True)
class Share:
    """A part before it is made."""

    id: str
    name: str
    """The file's."""
    number: int
    """Which part of the file it is, from 0."""
    weight: int
    """Bytes, unpacked and where they are not known estimated."""


def placed(shares: Sequence[Share], ledgers: Ledgers) -> dict[str, int]:
    """Return each share's member, for those that are in a ledger the one that has it.

    As long as the members are the same, a repeated run has the same answer as the first, whatever was loaded meanwhile:
    what an interrupted run may still be loading is then asked of the same member, which does one after the other.
    Where members came or went, the missing parts go to whoever has least.
    """
    own = {share.id for share in shares}
    weights = dict.fromkeys(ledgers.members, 0)
    for identity, held in ledgers.held.items():
        if identity not in own:
            weights[held.member] += held.statements * BYTES_A_STATEMENT
    first = _spread(shares, weights)
    there = {share.id: ledgers.held[share.id].member for share in shares if share.id in ledgers.held}
    if all(first[identity] == member for identity, member in there.items()):
        return first
    for share in shares:
        if share.id in there:
            weights[there[share.id]] += share.weight
    return there | _spread([share for share in shares if share.id not in there], weights)


def _spread(shares: Iterable[Share], weights: Mapping[int, int]) -> dict[str, int]:
    """Give the largest first to the member that has least, of several to the lowest index."""
    loads, found = dict(weights), dict[str, int]()
    for share in sorted(shares, key=lambda each: (-each.weight, each.name, each.number)):
        member = min(loads, key=lambda index: (loads[index], index))
        loads[member] += share.weight
        found[share.id] = member
    return found
