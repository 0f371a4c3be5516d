import gzip
import http.client
import json

import pytest
from agraph_bench import Client

XSD = "http://www.w3.org/2001/XMLSchema#"
EXACT = [
    f'"43"^^<{XSD}int>',
    f'"042"^^<{XSD}integer>',
    f'"20.50"^^<{XSD}decimal>',
    f'"1.0E0"^^<{XSD}double>',
    f'"2020-01-01T00:00:00+00:00"^^<{XSD}dateTime>',
    f'"1"^^<{XSD}boolean>',
]


def size(client: Client, where: str = "/repositories/r") -> int:
    return int(client.call("GET", where + "/size", accept="text/integer").text)


def test_put_statement_takes_a_form(client: Client, repository: str) -> None:
    body = "subj=%3Cex%3A%2F%2Finstance0%3E&pred=%3Cex%3A%2F%2Fid%3E&obj=%220%22%5E%5Exsd%3Ainteger"
    answer = client.call(
        "PUT", "/repositories/r/statement", body=body, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status == 204
    rows = client.call("GET", "/repositories/r/statements").json
    assert rows == [["<ex://instance0>", "<ex://id>", f'"0"^^<{XSD}integer>']]


def test_statements_are_exact_though_oxigraph_rewrites(client: Client, repository: str) -> None:
    for number, text in enumerate(EXACT):
        client.load("r", f"<ex://{number}> <ex://p> {text} .")
    rows = client.call("GET", "/repositories/r/statements").json
    assert [row[2] for row in rows] == EXACT
    assert sorted(row[0] for row in client.values("r", "select ?o { ?s ?p ?o }")) == sorted(EXACT)


def test_two_spellings_of_one_value_are_two_triples(client: Client, repository: str) -> None:
    client.load("r", "".join(f'<ex://s> <ex://p> "{each}"^^<{XSD}integer> .\n' for each in ("1", "01", "001")))
    assert client.values("r", "select (count(*) as ?n) (sum(?o) as ?t) { ?s ?p ?o }") == [
        [f'"3"^^<{XSD}integer>', f'"3"^^<{XSD}integer>']
    ]
    client.call("DELETE", "/repositories/r/statements", {"obj": f'"01"^^<{XSD}integer>'})
    assert client.values("r", "select (count(*) as ?n) { ?s ?p ?o }") == [[f'"2"^^<{XSD}integer>']]


def test_duplicates_count_in_aggregates_and_joins(client: Client, repository: str) -> None:
    client.load("r", f'<ex://a> <ex://id> "0"^^<{XSD}integer> .\n' * 3 + f'<ex://b> <ex://id> "4"^^<{XSD}integer> .\n')
    assert client.values("r", "select (avg(?o) as ?a) { ?s ?p ?o }") == [[f'"1.0"^^<{XSD}decimal>']]
    assert client.values("r", "select (count(*) as ?n) { ?s ?p ?o . ?s ?p ?o }") == [[f'"10"^^<{XSD}integer>']]
    client.load("r", f'<ex://a> <ex://id> "0"^^<{XSD}integer> .\n')
    assert client.values("r", "select (count(*) as ?n) { ?s ?p ?o }") == [[f'"5"^^<{XSD}integer>']]
    assert client.call("DELETE", "/repositories/r/statements/duplicates", {"mode": "spog"}).json == 3
    assert client.values("r", "select (count(*) as ?n) { ?s ?p ?o }") == [[f'"2"^^<{XSD}integer>']]


def test_duplicates_by_graph(client: Client, repository: str) -> None:
    client.load("r", "<ex://a> <ex://p> <ex://b> <ex://g> .\n" * 2 + "<ex://a> <ex://p> <ex://b> .\n")
    count = "select (count(*) as ?n) { ?s ?p ?o }"
    assert client.values("r", count)[0][0].startswith('"3"')
    assert client.select("r", count, context="<ex://g>").json["values"][0][0].startswith('"2"')
    assert client.select("r", count, context="null").json["values"][0][0].startswith('"1"')
    assert client.values("r", "select (count(*) as ?n) from <ex://g> { ?s ?p ?o }")[0][0].startswith('"2"')
    assert client.values("r", "select distinct ?g { graph ?g { ?s ?p ?o } }") == [["<ex://g>"]]
    assert client.call("GET", "/repositories/r/contexts").json == [{"contextID": "<ex://g>"}]


FORMATS = [
    ("application/n-triples", "<ex://s> <ex://p> <ex://o> ."),
    ("text/turtle", "@prefix ex: <ex://> . ex:s ex:p ex:o ."),
    ("application/n-quads", "<ex://s> <ex://p> <ex://o> ."),
    ("application/trig", "<ex://s> <ex://p> <ex://o> ."),
    ("application/x-extended-nquads", '<ex://s> <ex://p> <ex://o> {"colour": "red"} .'),
    ("application/ld+json", '{"@id": "ex://s", "ex://p": {"@id": "ex://o"}}'),
    (
        "application/rdf+xml",
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="ex://">'
        '<rdf:Description rdf:about="ex://s"><e:p rdf:resource="ex://o"/></rdf:Description></rdf:RDF>',
    ),
    (
        "application/trix",
        "<TriX><graph><triple><uri>ex://s</uri><uri>ex://p</uri><uri>ex://o</uri></triple></graph></TriX>",
    ),
    ("application/json", '[["<ex://s>", "<ex://p>", "<ex://o>"]]'),
]


@pytest.mark.parametrize(("content_type", "document"), FORMATS)
def test_every_format_loads_and_comes_back(client: Client, repository: str, content_type: str, document: str) -> None:
    assert client.load("r", document, content_type).json == 1
    assert client.call("GET", "/repositories/r/statements").json == [["<ex://s>", "<ex://p>", "<ex://o>"]]
    if content_type != "application/json":
        written = client.call("GET", "/repositories/r/statements", accept=content_type)
        client.call("DELETE", "/repositories/r/statements")
        assert client.load("r", written.text, content_type).json == 1
        assert client.call("GET", "/repositories/r/statements").json == [["<ex://s>", "<ex://p>", "<ex://o>"]]


def test_compressed_and_chunked_bodies(client: Client, repository: str) -> None:
    document = b"<ex://s> <ex://p> <ex://o> .\n" * 10
    packed = {"Content-Encoding": "gzip"}
    answer = client.call(
        "POST", "/repositories/r/statements", None, gzip.compress(document), "text/turtle", headers=packed
    )
    assert answer.json == 10
    connection = http.client.HTTPConnection("127.0.0.1", client.port)
    headers = {"Authorization": "Basic dGVzdDp4eXp6eQ==", "Content-Type": "application/n-triples"}
    pieces = iter([document[:100], document[100:]])
    connection.request("POST", "/repositories/r/statements", pieces, headers, encode_chunked=True)
    assert connection.getresponse().read() == b"10"
    connection.close()
    assert size(client) == 20


def test_blank_nodes_of_two_documents_stay_apart(client: Client, repository: str) -> None:
    for _ in range(2):
        client.load("r", "_:x <ex://p> _:x .")
    rows = client.call("GET", "/repositories/r/statements").json
    assert all(row[0] == row[2] and row[0][2:].isalnum() for row in rows)
    assert rows[0][0] != rows[1][0]


def test_a_document_with_an_error_adds_nothing_and_says_where(client: Client, repository: str) -> None:
    answer = client.load("r", "<ex://s> <ex://p> <ex://o> .\n" * 5 + "nonsense\n", "application/n-triples")
    assert answer.status == 400
    assert answer.text.startswith("MALFORMED DATA: ")
    assert "line 6" in answer.text
    assert size(client) == 0


def test_unknown_content_type(client: Client, repository: str) -> None:
    assert client.load("r", "x", "text/strange").text.startswith("UNSUPPORTED FILE FORMAT: ")


def test_ids_paging_and_deletion(client: Client, repository: str) -> None:
    client.load("r", "".join(f"<ex://s{number}> <ex://p> <ex://o> .\n" for number in range(10)))
    page = client.call(
        "GET", "/repositories/r/statements", {"limit": "3", "offset": "4"}, accept="application/x-quints+json"
    ).json
    assert [row[1] for row in page] == ["<ex://s4>", "<ex://s5>", "<ex://s6>"]
    ids = [str(row[0]) for row in page]
    found = client.call("GET", "/repositories/r/statements/id", [("id", each) for each in ids]).json
    assert len(found) == 3
    client.call("POST", "/repositories/r/statements/delete", {"ids": "true"}, json.dumps(ids), "application/json")
    assert size(client) == 7
    one = json.dumps([["<ex://s0>", "<ex://p>", "<ex://o>", None]])
    client.call("POST", "/repositories/r/statements/delete", None, one, "application/json")
    assert size(client) == 6


def test_ranges(client: Client, repository: str) -> None:
    client.load("r", "".join(f'<ex://s> <ex://age> "{age}"^^<{XSD}int> .\n' for age in (9, 24, 39, 100)))
    found = client.call(
        "GET", "/repositories/r/statements", {"obj": f'"10"^^<{XSD}int>', "objEnd": f'"40"^^<{XSD}int>'}
    ).json
    assert [row[2] for row in found] == [f'"24"^^<{XSD}int>', f'"39"^^<{XSD}int>']


def test_a_literal_is_no_subject(client: Client, repository: str) -> None:
    answer = client.call("PUT", "/repositories/r/statement", {"subj": '"x"', "pred": "<ex://p>", "obj": '"y"'})
    assert (answer.status, answer.text[:16]) == (400, "MALFORMED DATA: ")


def test_a_hundred_thousand_triples_load_in_seconds(client: Client, repository: str) -> None:
    lines = "".join(f'<ex://s{number}> <ex://p> "{number}"^^<{XSD}integer> .\n' for number in range(100_000))
    assert client.load("r", lines, "application/n-triples").json == 100_000
    assert client.values("r", "select (avg(?o) as ?a) { ?s ?p ?o }") == [[f'"49999.5"^^<{XSD}decimal>']]
    answer = client.call("GET", "/repositories/r/statements", accept="application/n-triples")
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.text == lines
