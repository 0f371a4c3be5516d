"""Numbers, times and names as a person reads them, and how much of a text fits into a width."""

from __future__ import annotations

import unicodedata

ELLIPSIS = "…"
# How wide a letter is, in parts of the type's size: more than most fonts need, so that a text rather ends early.
NARROW, USUAL, BROAD, FULL = 0.32, 0.6, 0.95, 1.05
NARROW_LETTERS = frozenset("iljtfr.,:;'|!()[] ·-")
BROAD_LETTERS = frozenset("mwMW@%…—")
MONOSPACED = 0.62


def many(number: int) -> str:
    """Return a number with its thousands apart, as in `6,200,000`."""
    return f"{number:,}"


def compact(number: int) -> str:
    """Return a number in three digits or so, as in `6.2 M`; whole below ten thousand."""
    if number < 10_000:
        return many(number)
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        # What would be rounded to a thousand of a unit is one of the next.
        if number >= size * 0.9995:
            share = number / size
            return f"{share:.0f} {unit}" if share >= 99.95 else f"{share:.1f} {unit}"
    raise AssertionError("a number from ten thousand on has a unit")


def counted_triples(number: int, short: bool = False) -> str:
    """Return a number of triples in words."""
    return f"{compact(number) if short else many(number)} {'triple' if number == 1 else 'triples'}"


def span(seconds: int) -> str:
    """Return a span of time in its two largest units, as in `3 h 12 min`."""
    seconds = abs(seconds)
    days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


def moment(written: str) -> str:
    """Return a moment that is written as in a tag, for a person: `2030-01-31 18:00 UTC`."""
    return f"{written[:10]} {written[11:16]} UTC" if written else ""


def dollars(amount: float, digits: int = 2) -> str:
    """Return an amount of USD, in more digits where it would be nothing otherwise."""
    if 0 < amount < 0.01:
        digits = 4
    return f"{amount:,.{digits}f}"


def width_of(text: str, size: float, monospaced: bool = False) -> float:
    """Return about how wide a text is at a size of type, in the size's unit; rather too much than too little."""
    return size * sum(_letter(each, monospaced) for each in text)


def fitted(text: str, width: float, size: float, monospaced: bool = False) -> str:
    """Return the text, or its beginning and an ellipsis where it is wider than `width`."""
    if width_of(text, size, monospaced) <= width:
        return text
    kept = text
    while kept and width_of(kept + ELLIPSIS, size, monospaced) > width:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS


def _letter(letter: str, monospaced: bool) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return FULL
    if monospaced:
        return MONOSPACED
    if letter in NARROW_LETTERS:
        return NARROW
    return BROAD if letter in BROAD_LETTERS else 0.72 if letter.isupper() else USUAL
