"""A JSON array that is read element by element says the same as one that is read at once."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from sandbox.allegrograph.json_elements import NoArrayError, elements


class Trickle(io.BytesIO):
    """A source that gives no more than a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(3)


@pytest.fixture(params=[io.BytesIO, Trickle])
def source(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        " [ ] \n",
        "[1]",
        "[12, 345 ,-6.5e3]",
        '["a", ["b", {"c": [null, true]}], "]", "\\u00e9\\"", "é😀"]',
        '[\n["<ex://s>", "<ex://p>", "\\"o\\"", null],\n["<ex://s>", "<ex://p>", "\\\\", "<ex://g>"]\n]\n',
    ],
)
def test_elements_are_those_of_the_whole(text: str, source: Any) -> None:
    assert list(elements(source(text.encode()))) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    ["", "[", "[1", "[1,", "[1 2]", '["a]', "[[1, 2]", "[1] x", '[\n1,\n  "é", \n x]', "nonsense", "[tru]"],
)
def test_errors_are_those_of_the_whole(text: str, source: Any) -> None:
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    with pytest.raises(json.JSONDecodeError) as found:
        list(elements(source(text.encode())))
    assert (found.value.lineno, found.value.colno, found.value.pos) == (
        expected.value.lineno,
        expected.value.colno,
        expected.value.pos,
    )
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("text", ["{}", '{"a": [1]}', "7", '"[]"', "null"])
def test_something_else_is_no_array(text: str, source: Any) -> None:
    with pytest.raises(NoArrayError):
        list(elements(source(text.encode())))


def test_what_is_no_text_is_said_as_such() -> None:
    with pytest.raises(UnicodeDecodeError):
        list(elements(io.BytesIO(b'["\xff"]')))


def test_elements_come_before_the_end_is_there() -> None:
    class Endless:
        def __init__(self) -> None:
            self.given = 0

        def read(self, size: int = -1, /) -> bytes:
            self.given += 1
            return b"[" if self.given == 1 else b'["a", "b"],' * 100

    endless = Endless()
    found = elements(endless)
    assert [next(found) for _ in range(1000)] == [["a", "b"]] * 1000
    assert endless.given < 20
