"""Reading the elements of a JSON array one by one, so that no more than one of a long array is in memory."""

import codecs
import json
from collections.abc import Iterator
from typing import Any

from sandbox.allegrograph.bodies import Readable

_BLOCK = 1 << 16
_NEAR = 16
"""An error so near to the end of what has come may be none once more has come."""
_MORE_OF_A_NUMBER = ("", ".", "e", "E")
_SPACE = " \t\r\n"


class NoArrayError(ValueError):
    """The text is JSON, but something else than an array."""


def elements(source: Readable) -> Iterator[Any]:
    """The elements of the array in UTF-8 that a source holds.

    Raises NoArrayError, json.JSONDecodeError with the place in the whole text, or UnicodeDecodeError.
    """
    text = _Text(source)
    if text.next_character() != "[":
        text.value()
        text.end()
        raise NoArrayError("The text is no array.")
    text.skip()
    if text.next_character() == "]":
        text.skip()
    else:
        while True:
            yield text.value()
            following = text.next_character()
            if following not in ("]", ","):
                text.fail("Expecting ',' delimiter")
            text.skip()
            if following == "]":
                break
            text.next_character()
    text.end()


class _Text:
    """The part of a text that has been read but not used yet."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._position = 0
        self._ended = False
        self._used = 0
        self._used_lines = 0
        self._last_line_end = -1

    def _more(self) -> bool:
        """Read on, as much again as is waiting already; whether there was anything."""
        if self._ended:
            return False
        waiting = len(self._text) - self._position
        data = self._source.read(max(_BLOCK, waiting))
        self._ended = not data
        gone = self._text[: self._position]
        if "\n" in gone:
            self._used_lines += gone.count("\n")
            self._last_line_end = self._used + gone.rindex("\n")
        self._used += self._position
        self._text = self._text[self._position :] + self._decoder.decode(data, final=self._ended)
        self._position = 0
        return True

    def next_character(self) -> str:
        """The next one that is no space, without using it; nothing at the end."""
        while True:
            while self._position < len(self._text):
                if (character := self._text[self._position]) not in _SPACE:
                    return character
                self._position += 1
            if not self._more():
                return ""

    def skip(self) -> None:
        """Use one character."""
        self._position += 1

    def value(self) -> Any:
        """Use a whole value."""
        while True:
            try:
                value, end = self._scan(self._text, self._position)
            except json.JSONDecodeError as error:
                unfinished = error.pos + _NEAR > len(self._text) or error.msg.startswith("Unterminated")
                if not unfinished or not self._more():
                    self._raise(error.msg, error.pos)
                continue
            # A number at the end of what has come may go on.
            if self._text[end : end + 1] not in _MORE_OF_A_NUMBER or not self._more():
                self._position = end
                return value

    def end(self) -> None:
        """Nothing but spaces may follow."""
        if self.next_character():
            self.fail("Extra data")

    def fail(self, words: str) -> None:
        """Raise an error at the next character."""
        self._raise(words, self._position)

    def _raise(self, words: str, position: int) -> None:
        error = json.JSONDecodeError(words, self._text, position)
        if error.lineno == 1:
            error.colno += self._used - self._last_line_end - 1
        error.lineno += self._used_lines
        error.pos += self._used
        error.args = (f"{words}: line {error.lineno} column {error.colno} (char {error.pos})",)
        raise error
