"""What grows with the number of statements, and what does not."""

from __future__ import annotations

import collections
import gzip
import io
import itertools
import json
import random
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from agraph_bench import Client

from sandbox.allegrograph import federation, formats
from sandbox.allegrograph.mirror import Mirror
from sandbox.allegrograph.queries import Query, Solutions, evaluate
from sandbox.allegrograph.store import Repository
from sandbox.allegrograph.targets import SessionTarget
from sandbox.allegrograph.views import EVERYTHING, Filters, Quad

XSD = "http://www.w3.org/2001/XMLSchema#"
COUNT = "select (count(*) as ?n) { ?s ?p ?o }"
FEW, MANY = 12_500, 50_000
STEPS = 100


def lines(number: int) -> str:
    return "".join(f'<ex://s{each}> <ex://p> "{each}"^^<{XSD}integer> .\n' for each in range(number))


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Mirror]:
    """The SPARQL copies that were made from scratch."""
    found: list[Mirror] = []
    original = Mirror.of

    def of(view: object) -> Mirror:
        found.append(original(view))  # type: ignore[arg-type]
        return found[-1]

    monkeypatch.setattr(Mirror, "of", of)
    return found


def test_a_load_makes_no_sparql_copy_and_one_change_makes_no_second(
    client: Client, repository: str, built: list[Mirror]
) -> None:
    session = client.session("r")
    for _ in range(2):
        client.call("POST", session + "/statements", body=lines(FEW), content_type="application/n-triples")
        client.call("POST", session + "/commit")
    assert not built
    for _ in range(3):
        assert client.values("r", COUNT) == [[f'"{2 * FEW}"^^<{XSD}integer>']]
    assert len(built) == 1
    client.load("r", lines(10))
    assert client.values("r", COUNT) == [[f'"{2 * FEW + 10}"^^<{XSD}integer>']]
    assert len(built) == 1
    client.load("r", lines(100_000))
    assert client.values("r", COUNT) == [[f'"{2 * FEW + 100_010}"^^<{XSD}integer>']]
    assert len(built) == 2


class Steps:
    """Counts what SQLite does."""

    def __init__(self, repository: Repository) -> None:
        self.taken = 0
        self._repository = repository
        self._connect = repository.connect

    def session(self) -> SessionTarget:
        """A session whose steps count."""
        target = SessionTarget(self._repository)
        target.view().connection.set_progress_handler(self._step, STEPS)
        return target

    def _step(self) -> int:
        self.taken += STEPS
        return 0


def test_the_work_of_loads_and_deletions_grows_as_their_statements_do(tmp_path: Path) -> None:
    taken = []
    for number in (FEW, MANY):
        repository = Repository("", "r", tmp_path / str(number))
        steps = Steps(repository)
        session = steps.session()
        for _ in range(2):
            with session.writing() as place:
                document = io.BytesIO(lines(number).encode())
                assert place.change.add(formats.parsed(document, "application/n-triples", None, None)) == number
            session.commit()
        with session.reading(Filters()) as view:
            assert view.size() == 2 * number
            assert [row[1] for row in view.rows(limit=2, offset=number)] == ["<ex://s0>", "<ex://s1>"]
            ids = [row[0] for row in view.rows()]
            assert ids == sorted(ids)
        with session.writing() as place:
            document = io.BytesIO(b"<ex://last> <ex://p> <ex://o> .\n")
            assert place.change.remove(EVERYTHING) == 2 * number
            assert place.change.add(formats.parsed(document, "application/n-triples", None, None)) == 1
        session.commit()
        with repository.reading() as committed:
            assert [row[1:4] for row in committed.rows()] == [("<ex://last>", "<ex://p>", "<ex://o>")]
        session.close()
        repository.close()
        taken.append(steps.taken)
    assert taken[1] < 1.1 * taken[0] * MANY / FEW


def peak(work: Callable[[], object]) -> int:
    """The most memory of Python's that some work takes at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def blocks(number: int) -> Iterator[bytes]:
    for each in range(number // 100):
        yield "".join(f"<ex://s{each}x{place}> <ex://p> <ex://o> .\n" for place in range(100)).encode()


def entries(number: int) -> Iterator[bytes]:
    separator = b"["
    for block in blocks(number):
        rows = [line.split(b" ")[:3] for line in block.splitlines()]
        yield separator + json.dumps([[each.decode() for each in row] for row in rows]).encode()[1:-1]
        separator = b","
    yield b"]"


class Source:
    """A body that is made as it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("application/n-triples", blocks),
        ("application/x-extended-nquads", blocks),
        ("text/turtle", blocks),
        ("application/json", entries),
    ],
)
def test_memory_does_not_grow_with_a_document(kind: str, made: Callable[[int], Iterator[bytes]]) -> None:
    def read(number: int) -> None:
        source = Source(made(number))
        if kind == "application/json":
            found = formats.quads_of_json(formats.json_entries(source), {})
        else:
            found = formats.parsed(source, kind, None, None)
        assert sum(1 for _ in found) == number

    read(100)
    assert peak(lambda: read(20_000)) < 1.5 * peak(lambda: read(5_000)) + 50_000


def test_memory_of_answers_does_not_grow_with_them(client: Client, more_servers: Callable[..., Client]) -> None:
    member = more_servers()
    member.call("PUT", "/repositories/r")
    member.load("r", lines(20_000))
    address = f"http://test:xyzzy@127.0.0.1:{member.port}/repositories/r"
    view = federation.FederatedView([federation.remote_member(federation.Reference(address))])

    def read(number: int) -> None:
        assert sum(1 for _ in view.rows(limit=number)) == number
        assert sum(block.count("\n") for block in view.blocks(limit=number)) == number

    read(10)
    assert peak(lambda: read(20_000)) < 2 * peak(lambda: read(5_000))
    text = "".join(view.blocks(limit=30, offset=19_990))
    assert text.splitlines() == lines(20_000).splitlines()[-10:]
    assert [row[1] for row in view.rows(offset=19_999)] == ["<ex://s19999>"]


RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DESCRIBED = "<rdf:Description rdf:about='ex://a'>\n<e:p xmlns:e='ex://' rdf:resource='ex://o'/>\n</rdf:Description>\n"
WRONG = [
    ("application/n-triples", "<ex://a> <ex://p> <ex://o> .\n" * 3000 + "<ex://a> <ex://p> .\n", "line 3001"),
    ("application/n-quads", "<ex://a> <ex://p> <ex://o> <ex://g> .\n" * 3000 + '<ex://a> <ex://p> "x\n', "line 3001"),
    ("text/turtle", "<ex://a> <ex://p> <ex://o> .\n" * 3000 + "<ex://a> <ex://p> unknown:x .\n", "line 3001"),
    ("application/trig", "<ex://a> <ex://p> <ex://o> .\n" * 3000 + "<ex://g> { <ex://a> }\n", "line 3001"),
    (
        "application/json",
        '[["<ex://a>", "<ex://p>", "<ex://o>"],\n' * 1 + '["<ex://a>" "<ex://p>"]]',
        "line 2 column 13",
    ),
    ("application/ld+json", '{"@id": "ex://a",\n "ex://p" 7}', "line 2 column 11"),
    ("application/rdf+xml", f"<rdf:RDF xmlns:rdf='{RDF}'>\n" + DESCRIBED * 3000 + "</rdf:Other>", "line 9002"),
    ("application/trix", "<TriX>\n<graph>\n</TriX>", "line 3"),
]


@pytest.mark.parametrize(("kind", "text", "where"), WRONG, ids=[each[0] for each in WRONG])
@pytest.mark.parametrize("autocommit", ["true", "false"])
def test_data_that_does_not_parse_leaves_nothing(
    client: Client, repository: str, kind: str, text: str, where: str, autocommit: str
) -> None:
    session = client.session("r", autoCommit=autocommit)
    for place in ("/repositories/r", session):
        answer = client.call("POST", place + "/statements", body=text, content_type=kind)
        assert (answer.status, answer.text[:16]) == (400, "MALFORMED DATA: ")
        assert where in answer.text
        assert client.call("GET", place + "/size").text == "0"
    client.call("POST", session + "/commit")
    assert client.call("GET", "/repositories/r/size").text == "0"


@pytest.mark.parametrize("kind", ["application/n-triples", "text/turtle", "application/json", "application/rdf+xml"])
@pytest.mark.parametrize("spoil", [lambda data: data[:-20], lambda data: data[:-2000] + b"x" * 2000, lambda _: b"no"])
def test_data_that_does_not_unpack_leaves_nothing(
    client: Client, repository: str, kind: str, spoil: Callable[[bytes], bytes]
) -> None:
    text = lines(FEW)
    if kind == "application/json":
        text = json.dumps([["<ex://s>", "<ex://p>", f'"{each}"'] for each in range(FEW)])
    data = spoil(gzip.compress(text.encode()))
    packed = {"Content-Encoding": "gzip"}
    answer = client.call("POST", "/repositories/r/statements", None, data, kind, headers=packed)
    assert (answer.status, answer.text[:16]) == (400, "MALFORMED DATA: ")
    assert client.call("GET", "/repositories/r/size").text == "0"


@pytest.mark.parametrize("kind", ["application/n-triples", "text/turtle", "application/json", "application/rdf+xml"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_a_client_that_goes_away_in_the_middle_leaves_nothing(
    client: Client, repository: str, kind: str, packed: bool
) -> None:
    text = lines(FEW)
    if kind == "application/json":
        text = json.dumps([["<ex://s>", "<ex://p>", f'"{each}"'] for each in range(FEW)])
    elif kind == "application/rdf+xml":
        text = f"<rdf:RDF xmlns:rdf='{RDF}'>\n" + DESCRIBED * FEW + "</rdf:RDF>"
    data = gzip.compress(text.encode()) if packed else text.encode()
    session = client.session("r")
    for place in (f"http://127.0.0.1:{client.port}/repositories/r", session):
        address = urlsplit(place)
        head = (
            f"POST {address.path}/statements HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            f"Authorization: Basic dGVzdDp4eXp6eQ==\r\nContent-Length: {len(data)}\r\n"
            + ("Content-Encoding: gzip\r\n" if packed else "")
        )
        with socket.create_connection(("127.0.0.1", address.port or 0)) as connection:
            connection.sendall(head.encode() + b"\r\n" + data[: len(data) // 2])
            connection.shutdown(socket.SHUT_WR)
            assert not connection.recv(1)  # the server has done with it
        assert client.call("GET", place + "/size").text == "0"


SPELLINGS = [f'"{each}"^^<{XSD}{kind}>' for kind in ("integer", "int", "decimal") for each in ("1", "01", "+1", "2")]


@pytest.mark.parametrize("at_once", [1, 7, 5000])
def test_each_statement_counts_once_however_often_and_however_spelt(at_once: int) -> None:
    chance = random.Random(7)
    objects = [*SPELLINGS, '"1"', '"x"@en', "<ex://o>"]
    rows: list[Quad] = [
        (f"<ex://s{chance.randrange(9)}>", "<ex://p>", chance.choice(objects), chance.choice(["", "<ex://g>"]))
        for _ in range(3000)
    ]
    mirror = Mirror()
    for batch in itertools.batched(rows, at_once):
        mirror.add(batch)

    def counted(*contexts: str) -> dict[str | None, int]:
        query = Query("select ?s (count(*) as ?n) { ?s ?p ?o } group by ?s", contexts=contexts)
        answer = evaluate(mirror, query)
        assert isinstance(answer, Solutions)
        return {subject: int(str(count).split('"')[1]) for subject, count in answer.rows}

    for _ in range(3):
        assert counted() == collections.Counter(row[0] for row in rows)
        assert counted("<ex://g>") == collections.Counter(row[0] for row in rows if row[3])
        chance.shuffle(rows)
        mirror.remove(rows[-900:])
        del rows[-900:]
        assert mirror.size == len(rows)
