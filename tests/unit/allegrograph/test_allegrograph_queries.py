import threading
from xml.etree import ElementTree

import pytest
from agraph_bench import Client

XSD = "http://www.w3.org/2001/XMLSchema#"
DATA = f"""
<ex://a> <ex://id> "0"^^<{XSD}integer> .
<ex://b> <ex://id> "1"^^<{XSD}integer> .
<ex://a> <ex://name> "Ann, \\"A\\""@en .
"""


@pytest.fixture(autouse=True)
def data(client: Client, repository: str) -> None:
    client.load("r", DATA)


def test_the_table_of_the_tutorial(client: Client) -> None:
    answer = client.select("r", "select (avg(?i) as ?avg) { ?s <ex://id> ?i }", accept="text/table")
    assert answer.text == "-------\n| avg |\n=======\n| 0.5 |\n-------\n"
    assert answer.headers["Content-Type"].startswith("text/table")


def test_csv_tsv_json_and_xml(client: Client) -> None:
    query = "select ?s ?o ?none { ?s ?p ?o . optional { ?s <ex://none> ?none } } order by ?o"
    assert client.select("r", query, "text/csv").text.splitlines() == [
        "s,o,none",
        '"ex://a",0,',
        '"ex://b",1,',
        '"ex://a","Ann, ""A""",',
    ]
    assert client.select("r", query, "text/tab-separated-values").text.splitlines()[2:] == [
        "<ex://b>\t1\t",
        '<ex://a>\t"Ann, \\"A\\""@en\t',
    ]
    bindings = client.select("r", query, "application/sparql-results+json").json["results"]["bindings"]
    assert bindings[2]["o"] == {"type": "literal", "value": 'Ann, "A"', "xml:lang": "en"}
    assert bindings[0] == {
        "s": {"type": "uri", "value": "ex://a"},
        "o": {"type": "literal", "value": "0", "datatype": XSD + "integer"},
    }
    document = ElementTree.fromstring(client.select("r", query, "application/sparql-results+xml").text)
    assert len(list(document.iter("{http://www.w3.org/2005/sparql-results#}result"))) == 3
    assert client.select("r", query, "text/integer").text == "3"
    answer = client.select("r", query).json
    assert answer["names"] == ["s", "o", "none"]
    assert answer["values"][2] == ["<ex://a>", '"Ann, \\"A\\""@en', None]
    assert answer["queryInfo"]["time"]["total"] > 0


def test_ask_construct_describe(client: Client) -> None:
    assert client.select("r", "ask { ?s <ex://id> 1 }").json is True
    assert "<boolean>false</boolean>" in client.select("r", "ask { 1 ?p 1 }", "application/sparql-results+xml").text
    built = client.select("r", "construct { ?s <ex://is> ?o } { ?s <ex://id> ?o }").json
    assert sorted(built)[0] == ["<ex://a>", "<ex://is>", f'"0"^^<{XSD}integer>']
    assert "ex://b" in client.select("r", "describe <ex://b>", "text/turtle").text


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("select (avg(?x) as ?v) { values ?x { 1 2 3 } }", f'"2.0"^^<{XSD}decimal>'),
        ("select (sum(?x) as ?v) { values ?x { 1 2 3 } }", f'"6"^^<{XSD}integer>'),
        ("select (4/2 as ?v) {}", f'"2.0"^^<{XSD}decimal>'),
        ("select ?v { bind(1.5e3 as ?v) }", f'"1.5E3"^^<{XSD}double>'),
        ("select (xsd:int('7') + 1 as ?v) {}", f'"8"^^<{XSD}integer>'),
        ("select (avg(?x) as ?v) {}", None),
    ],
)
def test_numbers(client: Client, query: str, value: str | None) -> None:
    assert client.values("r", query) == [[value]]


def test_bindings(client: Client) -> None:
    count = "select (count(*) as ?n) { ?s ?p ?o }"
    bound = client.select("r", count, **{"$s": "<ex://a>"}).json["values"]
    assert bound == [[f'"2"^^<{XSD}integer>']]
    client.load("r", "_:x <ex://knows> <ex://a> .")
    node = client.values("r", "select ?s { ?s <ex://knows> ?o }")[0][0]
    bound = client.select("r", count, **{"$s": node}).json["values"]
    assert bound == [[f'"1"^^<{XSD}integer>']]


def test_limit_and_offset_from_outside(client: Client) -> None:
    assert len(client.select("r", "select * { ?s ?p ?o }", limit="2", offset="2").json["values"]) == 1


@pytest.mark.parametrize("query", ["select * {", '"; DROP TABLE students;', "select * { ?s nowhere:x ?o }"])
def test_bad_sparql_is_answered_in_the_parsers_words(client: Client, query: str) -> None:
    answer = client.select("r", query)
    assert answer.status == 400
    assert answer.text.startswith("MALFORMED QUERY: error at 1:")
    assert "\n" not in answer.text


def test_other_languages_are_refused(client: Client) -> None:
    answer = client.select("r", "(select (?x) (q- ?x !ex:p ?y))", queryLn="prolog")
    assert (answer.status, answer.text.partition(":")[0]) == (400, "UNSUPPORTED QUERY LANGUAGE")


def test_time_out(client: Client) -> None:
    tens = " ".join(f"values ?x{n} {{ 0 1 2 3 4 5 6 7 8 9 }}" for n in range(7))
    slow = f"select (count(*) as ?n) {{ {tens} }}"
    answer = client.select("r", slow, timeout="0.2")
    assert (answer.status, answer.text) == (400, "QUERY TIMEOUT: The query did not finish within 0.2 s.")
    assert client.select("r", "select * { ?s ?p ?o }", timeout="20").status == 200
    assert client.select("r", "ask {}", timeout="soon").status == 400


def update(client: Client, text: str, where: str = "/repositories/r") -> str:
    return client.call("POST", where, {"query": text}).text


def rows(client: Client) -> list[list[str]]:
    found: list[list[str]] = client.call("GET", "/repositories/r/statements").json
    return found


def test_updates(client: Client) -> None:
    assert update(client, "clear all") == "true"
    assert (
        update(client, "insert data { <ex://s> <ex://p> 042, 'x' . graph <ex://g> { <ex://s> <ex://p> 1 } }") == "true"
    )
    assert rows(client) == [
        ["<ex://s>", "<ex://p>", f'"042"^^<{XSD}integer>'],
        ["<ex://s>", "<ex://p>", '"x"'],
        ["<ex://s>", "<ex://p>", f'"1"^^<{XSD}integer>', "<ex://g>"],
    ]
    update(client, "delete { ?s ?p ?o } insert { ?s <ex://q> ?o } where { ?s ?p ?o filter(isnumeric(?o)) }")
    assert ["<ex://s>", "<ex://q>", f'"042"^^<{XSD}integer>'] in rows(client)
    assert ["<ex://s>", "<ex://p>", f'"042"^^<{XSD}integer>'] not in rows(client)
    update(client, "delete where { graph ?g { ?s ?p ?o } }")
    assert not any(len(row) == 4 for row in rows(client))
    update(client, "copy default to <ex://c> ; move <ex://c> to <ex://d> ; add <ex://d> to default")
    assert {row[3] for row in rows(client) if len(row) == 4} == {"<ex://d>"}
    update(client, "drop graph <ex://d> ; delete data { <ex://s> <ex://p> 'x' } ; insert data { _:b <ex://p> [] }")
    # ADD doubled what was there: duplicates are triples of their own.
    assert len(rows(client)) == 5
    update(client, "with <ex://w> insert { [] <ex://of> ?s } where { graph <ex://none> { ?s ?p ?o } }")
    assert len(rows(client)) == 5


def test_a_bad_update_changes_nothing(client: Client) -> None:
    before = rows(client)
    answer = update(client, "delete where { ?s ?p ?o } ; insert data { nonsense }")
    assert answer.startswith("MALFORMED QUERY: ")
    assert rows(client) == before
    assert client.select("r", "insert data { <ex://a> <ex://b> 1 }").status == 400


def test_an_operation_sees_what_the_one_before_it_did(client: Client) -> None:
    update(client, "insert data { <ex://new> <ex://id> 7 } ; insert { ?s <ex://seen> true } where { ?s <ex://id> 7 }")
    assert client.select("r", "ask { <ex://new> <ex://seen> true }").json is True


def test_namespaces_serve_queries(client: Client) -> None:
    client.call("PUT", "/repositories/r/namespaces/e", body="ex://", content_type="text/plain")
    assert client.values("r", "select ?o { e:b e:id ?o }") == [[f'"1"^^<{XSD}integer>']]
    client.call("DELETE", "/repositories/r/namespaces/e")
    assert client.select("r", "select ?o { e:b e:id ?o }").status == 400


def test_a_query_with_a_time_out_keeps_many_rows_and_ends_when_nobody_waits_any_more(client: Client) -> None:
    tens = " ".join(f"values ?x{n} {{ 0 1 2 3 4 5 6 7 8 9 }}" for n in range(5))
    many = f"select * {{ {tens} }}"
    assert client.select("r", many, "text/integer", timeout="20").text == "100000"
    assert len(client.select("r", many, timeout="20").json["values"]) == 100_000
    more = f"select * {{ {tens} {tens.replace('?x', '?y')} }}"
    assert client.select("r", more, timeout="0.1").text.startswith("QUERY TIMEOUT: ")
    working = [each for each in threading.enumerate() if each.name == "query"]
    for each in working:
        each.join(5)
    assert not any(each.is_alive() for each in working)
