from __future__ import annotations

import pytest

from module_utils.sparql_text import first_keyword, prefixes, variables


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("SELECT * {}", "SELECT"),
        ("ask{}", "ASK"),
        ("Construct where { ?s ?p ?o }", "CONSTRUCT"),
        ("describe <ex://a>", "DESCRIBE"),
        ("# SELECT\nASK {}", "ASK"),
        ("PREFIX a: <http://x/#> # insert\r\n# delete\nprefix : <http://y> BASE <http://ask/>select ?x {}", "SELECT"),
        ("PREFIX insert: <http://x/> PREFIX select: <ask:> describe insert:a", "DESCRIBE"),
        ("VERSION '1.2' ask {}", "ASK"),
        ("PREFIX a.b-c: <x:> insert data { a.b-c:d a a.b-c:e }", "INSERT"),
        ("base <x:> with <g> delete { ?s ?p ?o } where { ?s ?p ?o }", "WITH"),
        ("clear all", "CLEAR"),
        ("\ufeff select * {}", ""),
        ("'select'", ""),
        ("<select>", ""),
        ("selects ?x {}", ""),
        ("", ""),
        ("PREFIX", ""),
    ],
)
def test_the_keyword_behind_the_prologue(text: str, keyword: str) -> None:
    assert first_keyword(text) == keyword


def test_prefixes() -> None:
    text = "base <b:> PREFIX ex: <http://ex/#> prefix : <http://d/> SELECT * { ?s ?p 'prefix no: <http://no/>' }"
    assert prefixes(text) == {"ex": "http://ex/#", "": "http://d/"}


def test_variables_stand_neither_in_strings_nor_in_iris_nor_in_comments() -> None:
    text = 'SELECT ?a { ?a <ex://?b> "?c", \'?d\', """?e "?f" """ ; $g ?h_1 . # ?i\n FILTER(?a<?j && ?é>5) }'
    assert variables(text) == {"a", "g", "h_1", "j", "é"}
