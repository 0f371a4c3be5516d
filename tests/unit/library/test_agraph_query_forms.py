"""Every form of every kind of answer, from the stand-in for AllegroGraph, and what is left of one that breaks off."""

from __future__ import annotations

import csv
import io
import json
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyoxigraph
import pytest
from agraph_bench import Client, running
from pretended_agraph import Agraph, Run

from library import agraph_federated_query

# The module forks; its own process has no threads, the tests' has the servers'.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")

PREFIXES = "PREFIX ex: <http://example.org/> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "
DATA = """
<http://example.org/ann> <http://example.org/age> "41"^^<http://www.w3.org/2001/XMLSchema#integer> .
<http://example.org/ann> <http://example.org/says> "one, \\"two\\"\\n<three> & \\u00E9"@en .
<http://example.org/bob> <http://example.org/says> "\\u65E5\\u672C" .
<http://example.org/bob> <http://example.org/says> "" .
<http://example.org/bob> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://example.org/Man> .
<http://example.org/Man> <http://www.w3.org/2000/01/rdf-schema#subClassOf> <http://example.org/Human> .
"""
SELECT = PREFIXES + "SELECT ?who ?says ?none { ?who ex:says ?says } ORDER BY ?who ?says"
CONSTRUCT = PREFIXES + "CONSTRUCT { ?who ex:said ?says } { ?who ex:says ?says }"
SAID = ["", 'one, "two"\n<three> & é', "日本"]
SPARQL = "{http://www.w3.org/2005/sparql-results#}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running("--data", str(tmp_path_factory.mktemp("data"))) as client:
        assert client.call("PUT", "/repositories/r").status == 204
        client.load("r", DATA)
        yield client


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(server: Client, run: Run) -> Ask:
    def asked(query: str, output: str = "table", **changes: Any) -> dict[str, Any]:
        return run(agraph_federated_query, **arguments(server.port, query=query, output=output, **changes))

    return asked


def arguments(port: int, **changes: Any) -> dict[str, Any]:
    return {
        "manager_host": "127.0.0.1",
        "manager_port": port,
        "members": [{"index": 0, "id": "i-0aaa", "address": "127.0.0.1"}],
        "member_port": port,
        "repository": "r",
        "user": "test",
        "password": "xyzzy",
        "timeout": 30,
        **changes,
    }


def said(reader: Callable[[str], list[str]], text: str) -> list[str]:
    return sorted(reader(text))


def of_csv(text: str) -> list[str]:
    return [row["says"] for row in csv.DictReader(io.StringIO(text))]


def of_tsv(text: str) -> list[str]:
    lines = text.splitlines()
    assert lines[0] == "?who\t?says\t?none"
    terms = [line.split("\t")[1] for line in lines[1:]]
    return [of_triples(f"<x:s> <x:p> {term} .", pyoxigraph.RdfFormat.TURTLE)[0] for term in terms]


def of_json(text: str) -> list[str]:
    return [row["says"]["value"] for row in json.loads(text)["results"]["bindings"]]


def of_xml(text: str) -> list[str]:
    root = ElementTree.fromstring(text)
    return [
        str(each.findtext(f"{SPARQL}literal")) for each in root.iter(f"{SPARQL}binding") if each.get("name") == "says"
    ]


def of_triples(text: str, form: pyoxigraph.RdfFormat) -> list[str]:
    return [str(quad.object.value) for quad in pyoxigraph.parse(text.encode(), form)]


FORMS: dict[str, dict[str, Callable[[str], list[str]]]] = {
    SELECT: {"csv": of_csv, "tsv": of_tsv, "json": of_json, "xml": of_xml},
    CONSTRUCT: {
        "ntriples": lambda text: of_triples(text, pyoxigraph.RdfFormat.N_TRIPLES),
        "turtle": lambda text: of_triples(text, pyoxigraph.RdfFormat.TURTLE),
        "xml": lambda text: of_triples(text, pyoxigraph.RdfFormat.RDF_XML),
    },
}
CASES = [(query, output) for query, forms in FORMS.items() for output in forms]


@pytest.mark.parametrize(("query", "output"), CASES)
def test_a_form_reads_back_to_the_same_on_screen_and_in_a_file(
    ask: Ask, tmp_path: Path, query: str, output: str
) -> None:
    path = tmp_path / "answer"
    shown, filed = ask(query, output), ask(query, output, output_file=str(path))
    assert said(FORMS[query][output], shown["text"]) == sorted(SAID)
    if query == SELECT:
        assert path.read_bytes() == shown["text"].encode()
    assert said(FORMS[query][output], path.read_text()) == sorted(SAID)
    counts = 3 if (query, output) not in [(CONSTRUCT, "turtle"), (CONSTRUCT, "xml")] else None
    assert (shown["count"], filed["count"], filed["bytes"]) == (counts, counts, path.stat().st_size)
    assert (shown["changed"], filed["changed"]) == (False, True)
    assert "text" not in filed
    assert "rows" not in shown


@pytest.mark.parametrize("query", [SELECT, CONSTRUCT, PREFIXES + "DESCRIBE ex:bob", "ASK {}"])
@pytest.mark.parametrize("output", ["table", "html"])
def test_forms_of_our_own(ask: Ask, tmp_path: Path, query: str, output: str) -> None:
    shown = ask(query, output)
    ask(query, output, output_file=str(tmp_path / "answer"))
    written = (tmp_path / "answer").read_text()
    if query == SELECT:
        assert written.rstrip("\n") == shown["text"].rstrip("\n")
    assert len(written.splitlines()) == len((shown["text"].rstrip("\n") + "\n").splitlines())
    assert ("true" if query == "ASK {}" else "日本") in written


def test_the_truth_of_an_ask(ask: Ask) -> None:
    assert ask("ASK {}")["text"] == "true"
    assert ask("ASK { <ex://a> ?p ?o }")["text"] == "false"
    assert json.loads(ask("ASK {}", "json")["text"])["boolean"] is True
    assert ElementTree.fromstring(ask("ASK {}", "xml")["text"]).findtext(f"{SPARQL}boolean") == "true"


def test_the_limit_and_the_rows_that_are_shown(ask: Ask) -> None:
    assert [ask(SELECT, "csv", limit=limit)["count"] for limit in (0, 2, "1")] == [3, 2, 1]
    assert ask(CONSTRUCT, "ntriples", limit=2)["count"] == 2
    first = ask(SELECT, shown=2)
    assert (first["count"], first["more"], len(first["rows"])) == (2, True, 2)
    assert ask(SELECT, shown=3)["more"] is False
    assert ask(SELECT, shown=2, limit=2)["more"] is False


def test_bindings_hold_from_the_beginning(ask: Ask) -> None:
    assert ask(SELECT, "csv", bindings={"who": "<http://example.org/ann>"})["count"] == 1
    assert ask(SELECT, "csv", bindings={"?says": '"日本"'})["count"] == 1
    count = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o__1 }"
    assert ask(count, bindings={"o__1": '"41"^^<http://www.w3.org/2001/XMLSchema#integer>'})["text"].splitlines()[
        3
    ] == ("| 1 |")


def test_reasoning_adds_what_follows(ask: Ask) -> None:
    query = PREFIXES + "ASK { ex:bob a ex:Human }"
    assert (ask(query)["text"], ask(query, reasoning=True)["text"]) == ("false", "true")


def test_a_query_too_long_for_a_url(ask: Ask) -> None:
    assert ask(SELECT + " # " + "x" * 200_000, "csv")["count"] == 3


def test_a_wide_table_fits(ask: Ask) -> None:
    text = ask(SELECT, columns=60)["text"]
    assert max(len(line) for line in text.splitlines()) <= 60
    assert "| ex:ann" in text


def test_an_update_is_refused_before_anything_is_asked(agraph: Agraph, run: Run) -> None:
    query = "PREFIX ex: <ex://> # comment\nDELETE WHERE { ?s ?p ?o }"
    outcome = run(agraph_federated_query, **arguments(agraph.port, query=query))
    assert outcome["msg"].startswith("This is an update (DELETE), and a federation only reads: send it to the member")
    assert agraph.requests == []


def test_a_form_that_does_not_fit_is_refused_before_anything_is_asked(agraph: Agraph, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "answer.ttl"
    outcome = run(
        agraph_federated_query, **arguments(agraph.port, query=SELECT, output="turtle", output_file=str(path))
    )
    assert outcome["msg"].startswith("federation_output turtle does not fit a SELECT, which gives rows: use table, csv")
    assert agraph.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_has_no_such_form_says_so(agraph: Agraph, run: Run) -> None:
    agraph.answers["/session-one"] = (406, "Not Acceptable")
    outcome = run(agraph_federated_query, **arguments(agraph.port, query=CONSTRUCT, output="turtle"))
    assert "answered 406: Not Acceptable." in outcome["msg"]


# What breaks off

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"


@contextmanager
def session_server(begun: bytes, stall: bool) -> Iterator[int]:
    """Serve a session whose answers begin so, and then end or never do."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            if connection.recv(65536).startswith(b"GET"):
                connection.sendall(begun)
                if not stall:
                    connection.shutdown(socket.SHUT_RDWR)
            else:
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            kept.append(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for each in kept:
            each.close()


LENGTH = HEAD + b"Content-Length: 1000\r\n\r\na\n1\n"
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\na\n1\n\r\n"


@pytest.mark.parametrize(
    ("begun", "stall", "old"),
    [(LENGTH, False, None), (CHUNKS, False, None), (CHUNKS, False, b"old\n"), (CHUNKS, True, b"old\n")],
)
def test_half_an_answer_is_no_file(
    agraph: Agraph, run: Run, tmp_path: Path, begun: bytes, stall: bool, old: bytes | None
) -> None:
    path = tmp_path / "answer.csv"
    if old:
        path.write_bytes(old)
    with session_server(begun, stall) as port:
        agraph.answers["/session"] = (200, json.dumps(f"http://127.0.0.1:{port}/session-one"))
        wanted = arguments(agraph.port, query="SELECT ?a {}", output="csv", output_file=str(path), timeout=2)
        outcome = run(agraph_federated_query, **wanted)
    beginning = "The query took longer than 2 s" if stall else f"The manager 127.0.0.1:{agraph.port} broke the conver"
    assert outcome["msg"].startswith(beginning)
    assert outcome["msg"].endswith(f" Nothing was written to {path}.")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([old] if old else [])


def test_a_place_where_no_file_can_be_is_said_before_anything_is_asked(
    agraph: Agraph, run: Run, tmp_path: Path
) -> None:
    wanted = arguments(agraph.port, query="ASK {}", output_file=str(tmp_path / "none" / "answer"))
    assert run(agraph_federated_query, **wanted)["msg"].startswith(f"There is no folder {tmp_path}/none for ")
    assert agraph.requests == []


# Millions of rows

PROGRAM = """
import json, resource, sys
import pretended_agraph
from ansible.module_utils.testing import patch_module_args
import franz.miniclient.repository
from library import agraph_federated_query
given = json.load(sys.stdin)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for each in given:
    try:
        with patch_module_args(each):
            agraph_federated_query.main()
    except SystemExit:
        print(file=sys.stderr, flush=True)
after = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps({"growth": after - before}))
"""


def streamed(port: int, folder: Path, sizes: list[int], outputs: list[str]) -> tuple[list[dict[str, Any]], float]:
    """Have as many rows as the sizes make written in each form by another process; return results and growth in MiB."""
    words = [" ".join(f'"words that make a row long, {number}"' for number in range(size)) for size in sizes]
    query = "SELECT * { " + " ".join(f"VALUES ?v{place} {{ {each} }}" for place, each in enumerate(words)) + " }"
    internal = {"_ansible_check_mode": False, "_ansible_remote_tmp": "/tmp"}
    given = [
        {**arguments(port, query=query, output=each, output_file=str(folder / each), timeout=500), **internal}
        for each in outputs
    ]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        input=json.dumps(given),
        cwd=root,
        env={"PYTHONPATH": f"{root}:{root / 'tests'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    *results, growth = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return results, growth["growth"] / 1024


def test_fifty_thousand_rows_take_no_memory(server: Client, tmp_path: Path) -> None:
    outputs = ["csv", "json", "table", "html"]
    results, growth = streamed(server.port, tmp_path, [5, 10, 10, 10, 10], outputs)
    assert [each.get("count") for each in results] == [50_000] * 4, results
    assert growth < 15


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_rows_take_no_memory(server: Client, tmp_path: Path) -> None:
    results, growth = streamed(server.port, tmp_path, [10] * 6, ["csv", "html"])
    assert [each.get("count") for each in results] == [1_000_000] * 2, results
    assert (tmp_path / "csv").stat().st_size > 190_000_000
    assert growth < 15


def test_the_query_string_has_limit_bindings_and_reasoning(agraph: Agraph, run: Run) -> None:
    agraph.answers["/session-one"] = (200, '{"names":["s"],"values":[]}')
    wanted = {"query": "SELECT ?s { ?s ?p ?o }", "limit": 7, "reasoning": True, "bindings": {"o": '"a&b=c é"@en'}}
    assert run(agraph_federated_query, **arguments(agraph.port, **wanted))["count"] == 0
    [asked] = agraph.asked("GET", "/session-one")
    parameters = urllib.parse.parse_qs(urllib.parse.urlsplit(asked).query)
    assert parameters == {"query": [wanted["query"]], "limit": ["7"], "infer": ["true"], "$o": ['"a&b=c é"@en']}
