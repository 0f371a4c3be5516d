"""In which formats answers come, and what follows from triples by reasoning."""

import pyoxigraph
import pytest
from agraph_bench import Client

DATA = """
<ex://ann> <ex://knows> <ex://bob> .
<ex://bob> <ex://knows> <ex://cid> .
<ex://bob> <ex://name> "Bob" .
"""
SELECT, ASK, CONSTRUCT = "select ?s { ?s <ex://name> ?o }", "ask {}", "construct where { ?s <ex://knows> ?o }"
RDFS, OWL = "http://www.w3.org/2000/01/rdf-schema#", "http://www.w3.org/2002/07/owl#"
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"


@pytest.fixture(autouse=True)
def data(client: Client, repository: str) -> None:
    client.load("r", DATA)


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        (SELECT, "text/turtle"),
        (SELECT, "application/n-triples"),
        (ASK, "text/csv"),
        (ASK, "text/tab-separated-values"),
        (CONSTRUCT, "text/csv"),
        (CONSTRUCT, "application/sparql-results+json"),
        (SELECT, "image/png, text/html"),
    ],
)
def test_a_format_that_there_is_not_for_an_answer_is_refused(client: Client, query: str, accept: str) -> None:
    answer = client.select("r", query, accept)
    assert (answer.status, accept in answer.text) == (406, True)


@pytest.mark.parametrize(
    ("query", "accept", "answered"),
    [
        (SELECT, "*/*", "application/sparql-results+xml"),
        (ASK, "", "application/sparql-results+xml"),
        (CONSTRUCT, "*/*", "application/rdf+xml"),
        (SELECT, "text/html, text/csv;q=0.9, */*;q=0.1", "text/csv"),
        (CONSTRUCT, "text/csv, text/turtle", "text/turtle"),
        (ASK, "application/json", "application/json"),
    ],
)
def test_the_first_wish_that_can_be_met_is(client: Client, query: str, accept: str, answered: str) -> None:
    answer = client.select("r", query, accept)
    assert answer.headers["Content-Type"].partition(";")[0] == answered


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/n-triples", pyoxigraph.RdfFormat.N_TRIPLES),
        ("text/plain", pyoxigraph.RdfFormat.N_TRIPLES),
        ("text/turtle", pyoxigraph.RdfFormat.TURTLE),
        ("application/rdf+xml", pyoxigraph.RdfFormat.RDF_XML),
        ("application/n-quads", pyoxigraph.RdfFormat.N_QUADS),
        ("application/trig", pyoxigraph.RdfFormat.TRIG),
    ],
)
def test_triples_read_back(client: Client, accept: str, form: pyoxigraph.RdfFormat) -> None:
    text = client.select("r", CONSTRUCT, accept).text
    assert {quad.subject.value for quad in pyoxigraph.parse(text, form)} == {"ex://ann", "ex://bob"}


def test_more_triples_than_a_batch(client: Client) -> None:
    values = " ".join(map(str, range(2500)))
    text = client.select(
        "r", f"construct {{ <ex://s> <ex://p> ?o }} {{ values ?o {{ {values} }} }}", "text/turtle"
    ).text
    assert len(list(pyoxigraph.parse(text, pyoxigraph.RdfFormat.TURTLE))) == 2500


def test_a_query_that_fails_while_it_is_written_is_refused(client: Client) -> None:
    answer = client.select("r", "construct { ?s ?p ?o } { service <http://127.0.0.1:1/> { ?s ?p ?o } }", "text/turtle")
    assert (answer.status, answer.text.partition(":")[0]) == (400, "MALFORMED QUERY")


def test_the_limit_holds_for_triples(client: Client) -> None:
    assert len(client.select("r", CONSTRUCT, limit="1").json) == 1
    assert len(client.select("r", CONSTRUCT, offset="1").json) == 1


@pytest.mark.parametrize(
    ("schema", "following"),
    [
        (
            f"<ex://Man> <{RDFS}subClassOf> <ex://Human> . <ex://bob> {TYPE} <ex://Man>",
            f"<ex://bob> {TYPE} <ex://Human>",
        ),
        (
            f"<ex://A> <{RDFS}subClassOf> <ex://B> . <ex://B> <{RDFS}subClassOf> <ex://C>",
            f"<ex://A> <{RDFS}subClassOf> <ex://C>",
        ),
        (f"<ex://knows> <{RDFS}subPropertyOf> <ex://met>", "<ex://ann> <ex://met> <ex://bob>"),
        (f"<ex://knows> <{RDFS}domain> <ex://Human>", f"<ex://ann> {TYPE} <ex://Human>"),
        (f"<ex://knows> <{RDFS}range> <ex://Human>", f"<ex://cid> {TYPE} <ex://Human>"),
        (f"<ex://knows> <{OWL}inverseOf> <ex://known>", "<ex://bob> <ex://known> <ex://ann>"),
        (f"<ex://known> <{OWL}inverseOf> <ex://knows>", "<ex://bob> <ex://known> <ex://ann>"),
        (f"<ex://knows> {TYPE} <{OWL}TransitiveProperty>", "<ex://ann> <ex://knows> <ex://cid>"),
        (f"<ex://robert> <{OWL}sameAs> <ex://bob>", '<ex://robert> <ex://name> "Bob"'),
        (f"<ex://bob> <{OWL}sameAs> <ex://robert>", "<ex://ann> <ex://knows> <ex://robert>"),
    ],
)
def test_what_follows_by_reasoning(client: Client, schema: str, following: str) -> None:
    client.load("r", "\n".join(f"{each} ." for each in schema.split(" . ")))
    query = f"ask {{ {following} }}"
    answers = [client.select("r", query, infer=infer).json for infer in ("false", "true", "rdfs++")]
    assert answers == [False, True, True]
    assert client.select("r", f"ask {{ graph ?g {{ {following} }} }}", infer="true").json is False


def test_reasoning_leaves_what_is_there(client: Client) -> None:
    # Each triple counts as often as it is there, and what is there does not follow once more.
    client.load("r", f"<ex://ann> <ex://knows> <ex://bob> .\n<ex://knows> <{RDFS}subPropertyOf> <ex://knows> .")
    count = "select (count(*) as ?n) { ?s <ex://knows> ?o }"
    for infer in ("true", "false"):
        assert client.select("r", count, infer=infer).json["values"][0][0].startswith('"3"')
    assert client.call("GET", "/repositories/r/size").text == "5"


@pytest.mark.parametrize(("infer", "code"), [("restriction", "NOT IMPLEMENTED"), ("owl", "INVALID PARAMETERS")])
def test_other_ways_of_reasoning_are_refused(client: Client, infer: str, code: str) -> None:
    answer = client.select("r", ASK, infer=infer)
    assert (answer.status, answer.text.partition(":")[0]) == (400, code)
