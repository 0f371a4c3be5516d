from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from module_utils.sparql_stream import Bindings, Counter, Elements, Lines, Records, Rows, UnreadableError

SIZES = [1, 2, 3, 7, 1000]
VALUES = [["<ex://a>", None], ['"é \\"x\\" ]}, [\\n 😀"', '"values":['], ["_:b", '"1"']]


def pieces(text: str, size: int) -> list[bytes]:
    data = text.encode()
    return [data[start : start + size] for start in range(0, len(data), size)]


def read(text: str, size: int) -> tuple[list[str], list[Any]]:
    rows = Rows()
    found = [row for piece in pieces(text, size) for row in rows.feed(piece)]
    found += rows.end()
    return rows.names, found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("behind", ["", ',"queryInfo":{"time":{"total":1.5},"values":[]}'])
def test_a_select_in_pieces(size: int, ascii_only: bool, behind: str) -> None:
    values = json.dumps(VALUES, ensure_ascii=ascii_only).replace("], [", "],\n[")
    assert read(f'{{"names" : ["values","b"], "values" :{values}{behind}}}', size) == (["values", "b"], VALUES)


@pytest.mark.parametrize("size", SIZES)
def test_other_answers_in_pieces(size: int) -> None:
    assert read('{"names":[],"values":[]}', size) == ([], [])
    assert read(' [["<a>","<b>","<c>"],\n["<a>","<b>","<d>","<g>"]]\n', size) == (
        ["subject", "predicate", "object"],
        [["<a>", "<b>", "<c>"], ["<a>", "<b>", "<d>", "<g>"]],
    )
    assert read("[]", size) == (["subject", "predicate", "object"], [])
    assert read("true", size) == (["ask"], [['"true"^^<http://www.w3.org/2001/XMLSchema#boolean>']])


@pytest.mark.parametrize(
    "text", ["", "<html>", "7", '{"names":["a"],"values":[["x"]', '{"names":["a"]}', '[["<a>"', "[x]"]
)
def test_what_is_no_answer_or_breaks_off_is_said(text: str) -> None:
    with pytest.raises(UnreadableError, match="not the JSON that was asked for"):
        read(text, 5)


def test_a_row_of_a_megabyte_is_not_tried_again_with_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Rows()
    tries: list[int] = []
    decode = rows._decoder.raw_decode

    def tried(text: str, place: int) -> tuple[Any, int]:
        tries.append(place)
        return decode(text, place)

    monkeypatch.setattr(rows._decoder, "raw_decode", tried)
    text = '[["' + "x" * 1_000_000 + '"]]'
    found = [row for piece in pieces(text, 1000) for row in rows.feed(piece)] + rows.end()
    assert [len(row[0]) for row in found] == [1_000_000]
    assert len(tries) < 30


def counted(counter: Counter, text: str, size: int) -> int:
    for piece in pieces(text, size):
        counter.feed(piece)
    return counter.total()


CELLS = [["a", 'say "x"\n,"'], ["", ""], ["\n\n", '"'], ["last", "é"]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_records_of_csv(size: int, end: str) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n" if end == "\r\n" else "\n").writerows([["a", "b"], *CELLS])
    assert counted(Records(), text.getvalue().rstrip("\r\n") + end, size) == len(CELLS)
    assert counted(Records(), "a,b\n", size) == 0
    # One unbound variable is an empty line.
    assert counted(Records(), "a\n\n\n", size) == 2
    assert counted(Records(), 'a\n"x"', size) == 1


@pytest.mark.parametrize("size", SIZES)
def test_lines(size: int) -> None:
    assert counted(Lines(1), "?a\n<x>\n\n<y>", size) == 3
    assert counted(Lines(1), "?a\n", size) == 0
    assert counted(Lines(), "<a> <b> <c> .\n<a> <b> <d> .\n", size) == 2
    assert counted(Lines(), "", size) == 0


@pytest.mark.parametrize("size", SIZES)
def test_elements_of_xml(size: int) -> None:
    text = "<results><result>&lt;result></result><result\n a='1'><resulting/></result><result/></results>"
    assert counted(Elements("result"), text, size) == 3


@pytest.mark.parametrize("size", SIZES)
def test_bindings_of_json(size: int) -> None:
    text = '{"head":{"vars":["bindings"]},"results":{"bindings":[{"a":{"value":"}]"}},\n{}]}}'
    assert counted(Bindings(), text, size) == 2
    with pytest.raises(UnreadableError):
        counted(Bindings(), text[:-10], size)
