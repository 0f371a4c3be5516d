from __future__ import annotations

from typing import Any

import pytest

from module_utils.sparql_formats import FORMATS, TYPES, accepted, problem_with_question, terms_of

REPOSITORY = "http://localhost:10035/repositories/r"
SELECT = "SELECT ?s { ?s ?p ?o }"


def problem(query: str = SELECT, output: str = "table", limit: object = 0, bindings: Any = None) -> str | None:
    return problem_with_question(query, output, limit, {} if bindings is None else bindings, REPOSITORY)


@pytest.mark.parametrize(
    ("query", "fitting"),
    [
        (SELECT, {"table", "csv", "tsv", "json", "xml", "html"}),
        ("ASK {}", {"table", "json", "xml", "html"}),
        ("CONSTRUCT WHERE { ?s ?p ?o }", {"table", "ntriples", "turtle", "xml", "html"}),
        ("DESCRIBE <ex://a>", {"table", "ntriples", "turtle", "xml", "html"}),
        ("no query", set(FORMATS)),
    ],
)
def test_which_forms_fit_which_answers(query: str, fitting: set[str]) -> None:
    assert {output for output in FORMATS if problem(query, output) is None} == fitting
    assert all(accepted(query, output) for output in fitting)


def test_what_does_not_fit_is_refused_with_what_does() -> None:
    assert problem("CONSTRUCT WHERE { ?s ?p ?o }", "csv") == (
        "federation_output csv does not fit a CONSTRUCT, which gives triples: use table, ntriples, turtle, xml or html."
    )
    assert problem("ask {}", "tsv") == (
        "federation_output tsv does not fit an ASK, which gives true or false: use table, json, xml or html."
    )
    assert problem(output="cvs") == (
        "federation_output 'cvs' is unknown: use table, csv, tsv, json, xml, ntriples, turtle or html."
    )


def test_an_update_is_refused_with_the_reason() -> None:
    assert problem("# add one\nPREFIX ex: <ex://>\nINSERT DATA { ex:a ex:b 1 }", "turtle") == (
        "This is an update (INSERT), and a federation only reads: send it to the member that holds the triples, where "
        "its repository is http://localhost:10035/repositories/r."
    )


@pytest.mark.parametrize("limit", ["soon", -1, "1.5", None, "", True, "9" * 30])
def test_limits_that_are_none(limit: object) -> None:
    said = problem(limit=limit)
    assert said
    assert said.startswith(f"federation_query_limit '{limit}' is no number of rows: ")


@pytest.mark.parametrize("limit", [0, 5, "7"])
def test_limits(limit: object) -> None:
    assert problem(limit=limit) is None


@pytest.mark.parametrize("term", ["<ex://a>", '"a \\"b\\""', '"a"@en-GB', '"5"^^<http://x#integer>', "_:b1", '"é?"'])
@pytest.mark.parametrize("name", ["s", "?s", "$s"])
def test_bindings(name: str, term: str) -> None:
    assert problem(bindings={name: term}) is None
    assert terms_of({name: term}) == {"s": term}


@pytest.mark.parametrize(
    ("bindings", "words"),
    [
        ("s=<ex://a>", "binds no variables: write it like -e '{"),
        ({"s": "ex://a"}, "gives ?s the value 'ex://a', which is no term: write it like <http://example.org/a>, "),
        ({"s": 5}, "gives ?s the value '5', which is no term"),
        ({"s": "<ex://a> } DROP ALL {"}, "which is no term"),
        ({"s": '"a" . "b"'}, "which is no term"),
        ({"s": '"a\nb"'}, "which is no term"),
        ({"s t": "<ex://a>"}, "has 's t', which is no variable"),
        ({"none": "<ex://a>"}, "binds ?none, and the query has no such variable"),
    ],
)
def test_bindings_that_cannot_be(bindings: Any, words: str) -> None:
    said = problem(bindings=bindings)
    assert said
    assert said.startswith("federation_query_bindings ")
    assert words in said


def test_a_type_is_asked_for_that_a_program_of_another_s_knows() -> None:
    tuples, rdf = (
        pytest.importorskip("franz.openrdf.rio.tupleformat"),
        pytest.importorskip("franz.openrdf.rio.rdfformat"),
    )
    known = {
        each
        for formats in (tuples.TupleFormat, rdf.RDFFormat)
        for value in vars(formats).values()
        if isinstance(value, formats)
        for each in value.mime_types
    }
    assert {each for types in TYPES.values() for each in types.values()} <= known
