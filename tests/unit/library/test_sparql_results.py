from __future__ import annotations

from typing import Any

import pytest

from module_utils.sparql_results import XSD, cell, result, shares, shortened, table, term, width

TUTORIAL = """\
-------
| avg |
=======
| 0.5 |
-------"""


def test_the_tutorials_table() -> None:
    answer = {"names": ["avg"], "values": [[f'"0.5"^^<{XSD}decimal>']]}
    assert result(answer)["table"] == TUTORIAL


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    answer = {"names": ["s", "number"], "values": [["<ex://a>", '"7"^^<' + XSD + "integer>"], [None, '"x"@en']]}
    assert result(answer)["table"].splitlines() == [
        "---------------------",
        "| s        | number |",
        "=====================",
        "| <ex://a> | 7      |",
        '|          | "x"@en |',
        "---------------------",
    ]


def test_no_rows_leave_the_head() -> None:
    assert table(["avg"], []).splitlines() == ["-------", "| avg |", "=======", "-------"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, None),
        ("<ex://a>", {"type": "uri", "value": "ex://a"}),
        ("_:b1", {"type": "bnode", "value": "b1"}),
        ('"plain"', {"type": "literal", "value": "plain"}),
        ('"a \\"b\\"\\n\\\\ \\u00e9 \\U0001F600"', {"type": "literal", "value": 'a "b"\n\\ é 😀'}),
        ('"chat"@fr-CA', {"type": "literal", "value": "chat", "language": "fr-CA"}),
        ('"1"^^<ex://t>', {"type": "literal", "value": "1", "datatype": "ex://t"}),
        ("<< <a> <b> <c> >>", {"type": "other", "value": "<< <a> <b> <c> >>"}),
        (3, {"type": "literal", "value": "3", "datatype": XSD + "integer"}),
        (True, {"type": "literal", "value": "true", "datatype": XSD + "boolean"}),
    ],
)
def test_terms(text: Any, wanted: dict[str, str] | None) -> None:
    assert term(text) == wanted


def test_a_value_stays_on_one_line() -> None:
    assert cell({"type": "literal", "value": "a\nb\t\\"}) == '"a\\nb\\t\\\\"'


def test_the_width_of_other_scripts() -> None:
    assert (width("日本"), width("e\u0301"), width("é"), width("😀")) == (4, 1, 1, 2)
    lines = table(["x"], [[{"type": "uri", "value": "日本"}], [{"type": "uri", "value": "abcd"}]]).splitlines()
    assert {width(line) for line in lines} == {10}


def test_other_kinds_of_answers() -> None:
    assert result(True)["rows"] == [[{"type": "literal", "value": "true", "datatype": XSD + "boolean"}]]
    graph = result([["<a>", "<b>", '"c"'], ["<a>", "<b>", "<c>", "<graph>"]])
    assert graph["names"] == ["subject", "predicate", "object"]
    assert [len(row) for row in graph["rows"]] == [3, 3]


@pytest.mark.parametrize(
    ("wanted", "room", "given"),
    [
        ([5, 5], 100, [5, 5]),
        ([100, 100], 50, [25, 25]),
        ([4, 100, 100], 50, [4, 23, 23]),
        ([100, 4, 30], 60, [28, 4, 28]),
        ([100, 4, 10], 60, [46, 4, 10]),
        ([9, 9, 9], 5, [3, 3, 3]),
        ([2, 9], 1, [2, 3]),
        ([], 10, []),
    ],
)
def test_what_narrow_columns_leave_is_the_wide_ones(wanted: list[int], room: int, given: list[int]) -> None:
    assert shares(wanted, room) == given


@pytest.mark.parametrize(
    ("text", "room", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("<http://example.org/one>", 8, "<…g/one>"),
        ("<http://example.org/one>", 3, "<h…"),
    ],
)
def test_a_cell_is_shortened_to_its_room(text: str, room: int, shown: str) -> None:
    assert shortened(text, room) == shown
    assert width(shown) <= room


LONG = [
    [{"type": "uri", "value": "http://example.org/people#ann"}, {"type": "literal", "value": "word " * 30}],
    [{"type": "uri", "value": "http://example.org/people#日本"}, {"type": "literal", "value": "日本" * 40}],
]


@pytest.mark.parametrize("columns", [20, 31, 60, 80, 100])
def test_a_wide_table_fits_the_screen(columns: int) -> None:
    lines = table(["person", "says"], LONG, columns).splitlines()
    assert {width(line) for line in lines} <= {columns, columns - 1}
    assert len(lines) == 6


def test_a_table_that_does_not_fit_takes_the_querys_prefixes() -> None:
    prefixes = {"p": "http://example.org/people#", "": "http://example.org/"}
    assert table(["person", "says"], LONG, 40, prefixes).splitlines()[3].startswith("| p:ann")
    # Where there is room, nothing is shortened.
    whole = table(["person", "says"], LONG, 0, prefixes)
    assert "| <http://example.org/people#ann>" in whole
    assert table(["person", "says"], LONG, width(whole.splitlines()[0]), prefixes) == whole


@pytest.mark.parametrize(
    "iri", ["http://example.org/people#", "http://example.org/people#a b", "http://example.org/people#a."]
)
def test_a_prefix_stands_only_before_a_name(iri: str) -> None:
    assert cell({"type": "uri", "value": iri}, {"p": "http://example.org/people#"}) == f"<{iri}>"


@pytest.mark.parametrize("kind", ["literal", "uri", "bnode", "other"])
def test_a_terminal_is_told_nothing_by_an_answer(kind: str) -> None:
    shown = cell({"type": kind, "value": "\x1b[2J\x9b1m\u202eabc\x07"})
    assert shown.strip('"<>').removeprefix("_:") == "\\u001B[2J\\u009B1m\\u202Eabc\\u0007"
