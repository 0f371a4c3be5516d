"""What is run: the tutorial once, the verbs with several numbers of members, each several times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.record import PLAYBOOKS, TUTORIAL

VERBS = ("up", "query", "again", "down")
"""In the order of a life; `again` is a second up, with nothing to do."""
PIECES = (TUTORIAL, *VERBS)
MEMBERS = (2, 10, 50, 100)
REPEAT = 3
ONCE_FROM = 100
"""With so many members a life takes long enough to be lived only once."""
THROTTLED_FROM = 50
"""With so many members it matters how many calls AWS takes."""


class PieceError(Exception):
    """What was asked for and does not exist, in one sentence."""


@dataclass(frozen=True)
class Piece:
    """One life to be lived."""

    who: str
    members: int
    number: int
    verbs: tuple[str, ...]

    @property
    def throttling(self) -> bool:
        """Whether the sandbox refuses calls that come too fast."""
        return self.members >= THROTTLED_FROM

    def __str__(self) -> str:
        return f"{self.who}, {self.members} members, {self.number}"


def asked(members: Sequence[int], repeat: int, only: Sequence[str]) -> list[Piece]:
    """Return the lives that are asked for, the tutorial with the fewest members first."""
    for each in only:
        if each not in PIECES:
            raise PieceError(f"{each} is not a piece: choose from {', '.join(PIECES)}.")
    if not members or min(members) < 1 or repeat < 1:
        raise PieceError("There is nothing to run: give at least one member and one repetition.")
    chosen = only or PIECES
    verbs = tuple(each for each in VERBS if each in chosen)
    # What comes later in a life needs an up before it.
    lived = verbs if "up" in verbs else ("up", *verbs)
    numbers = sorted(set(members))
    pieces = [Piece(TUTORIAL, numbers[0], 1, ())] if TUTORIAL in chosen else []
    for number in numbers if verbs else []:
        turns = 1 if number >= ONCE_FROM else repeat
        pieces += [Piece(PLAYBOOKS, number, 1 + turn, lived) for turn in range(turns)]
    return pieces
