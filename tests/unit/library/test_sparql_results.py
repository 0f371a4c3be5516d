from __future__ import annotations

from typing import Any

import pytest

from module_utils.sparql_results import XSD, cell, result, table, term, width

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
