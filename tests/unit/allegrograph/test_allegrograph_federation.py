import http.server
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from agraph_bench import Client

from sandbox.allegrograph import federation
from sandbox.allegrograph.federation import Reference, references
from sandbox.allegrograph.mirror import Mirror
from sandbox.allegrograph.refusal import RefusedError

XSD = "http://www.w3.org/2001/XMLSchema#"
AVERAGE = "select (avg(?o) as ?avg) { ?s <ex://id> ?o }"
COUNT = "select (count(*) as ?n) { ?s ?p ?o }"


@pytest.mark.parametrize(
    ("specification", "members"),
    [
        ("r", [Reference("r")]),
        ("<r>", [Reference("r")]),
        (
            "<c:r> + <http://u:p@h:10035/repositories/r>",
            [Reference("c:r"), Reference("http://u:p@h:10035/repositories/r")],
        ),
        ("(<a> + <b>){null <ex://g>}", [Reference("a", ("", "<ex://g>")), Reference("b", ("", "<ex://g>"))]),
        ("<a>{<ex://g>}+<b>", [Reference("a", ("<ex://g>",)), Reference("b")]),
    ],
)
def test_specifications(specification: str, members: list[Reference]) -> None:
    assert references(specification) == members


@pytest.mark.parametrize("specification", ["", "+", "(<a>", "<a>)", "{null}", "<a>[rdfs++]", "<a> & <b>"])
def test_bad_specifications_are_refused(specification: str) -> None:
    with pytest.raises(RefusedError):
        references(specification)


def triple(number: int, copies: int = 1) -> str:
    return f'<ex://instance{number}> <ex://id> "{number}"^^<{XSD}integer> .\n' * copies


def remote(client: Client, name: str = "r", user: str = "test:xyzzy") -> str:
    return f"<http://{user}@127.0.0.1:{client.port}/repositories/{name}>"


@pytest.fixture
def members(more_servers: Callable[..., Client]) -> list[Client]:
    found = []
    for number in range(2):
        member = more_servers()
        member.call("PUT", "/repositories/r")
        member.load("r", triple(number))
        found.append(member)
    return found


@pytest.fixture
def session(client: Client, members: list[Client]) -> str:
    return client.session(store=" + ".join(remote(each) for each in members))


def value(client: Client, session: str, query: str) -> str:
    text: str = client.values(session, query)[0][0]
    return text.split('"')[1]


def test_average_over_remote_members_follows_their_changes(client: Client, members: list[Client], session: str) -> None:
    assert value(client, session, AVERAGE) == "0.5"
    members[1].load("r", triple(1))
    assert value(client, session, AVERAGE)[:6] == "0.6666"
    members[0].call("DELETE", "/repositories/r/statements")
    assert value(client, session, AVERAGE) == "1.0"
    assert client.call("GET", session + "/size").text == "2"


def test_duplicates_count_within_and_across_members(client: Client, members: list[Client], session: str) -> None:
    members[0].call("DELETE", "/repositories/r/statements")
    members[0].load("r", triple(7, 2) + f'<ex://x> <ex://id> "07"^^<{XSD}integer> <ex://g> .\n' * 2)
    members[1].call("DELETE", "/repositories/r/statements")
    members[1].load("r", triple(7, 3) + f'<ex://x> <ex://id> "07"^^<{XSD}integer> <ex://g> .\n')
    assert value(client, session, COUNT) == "8"
    assert value(client, session, AVERAGE) == "7.0"
    assert value(client, session, "select (count(*) as ?n) { graph <ex://g> { ?s ?p ?o } }") == "1"
    assert client.select(session, COUNT, context="<ex://g>").json["values"][0][0].startswith('"3"')
    assert client.select(session, COUNT, context="null").json["values"][0][0].startswith('"5"')
    assert client.call("GET", session + "/contexts").json == [{"contextID": "<ex://g>"}]
    assert len(client.call("GET", session + "/statements").json) == 8
    assert len(client.call("GET", session + "/statements", {"limit": "3", "offset": "4"}).json) == 3
    assert client.call("GET", session + "/size", {"context": "null"}).text == "5"


def test_spellings_of_one_value_within_a_member(client: Client, members: list[Client], session: str) -> None:
    members[0].load("r", f'<ex://instance0> <ex://id> "00"^^<{XSD}integer> .\n' + triple(0))
    assert value(client, session, COUNT) == "4"


def test_answers_are_exact_where_they_are_clear(client: Client, members: list[Client], session: str) -> None:
    members[0].load("r", f'<ex://x> <ex://exact> "042"^^<{XSD}integer>, "1.50"^^<{XSD}decimal> .', "text/turtle")
    found = client.values(session, "select ?o { ?s <ex://exact> ?o } order by ?o")
    assert found == [[f'"1.50"^^<{XSD}decimal>'], [f'"042"^^<{XSD}integer>']]


def test_local_members_and_graphs(client: Client, members: list[Client]) -> None:
    client.call("PUT", "/repositories/here")
    client.load("here", triple(2) + f'<ex://x> <ex://id> "9"^^<{XSD}integer> <ex://g> .\n')
    both = client.session(store=f"<here> + {remote(members[0])}")
    assert value(client, both, COUNT) == "3"
    default_only = client.session(store=f"<here>{{null}} + {remote(members[0])}{{null}}")
    assert value(client, default_only, AVERAGE) == "1.0"
    graph_only = client.session(store="<here>{<ex://g>}")
    assert value(client, graph_only, AVERAGE) == "9.0"
    assert client.call("GET", graph_only + "/size").text == "1"
    client.load("here", triple(4))
    assert value(client, default_only, AVERAGE) == "2.0"


def test_a_federation_is_read_only(client: Client, session: str) -> None:
    answer = client.call("POST", session + "/statements", None, triple(5), "text/turtle")
    assert answer.status == 400
    assert "read-only" in answer.text
    assert client.call("POST", session, {"query": "insert data { <ex://a> <ex://b> 1 }"}).status == 400
    assert client.call("DELETE", session + "/statements").status == 400


def test_namespaces_of_a_federation(client: Client, session: str) -> None:
    client.call("PUT", session + "/namespaces/e", body="ex://", content_type="text/plain")
    assert value(client, session, "select (avg(?o) as ?a) { ?s e:id ?o }") == "0.5"


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_member_that_is_down_is_named(
    client: Client, members: list[Client], more_servers: Callable[..., Client]
) -> None:
    port = unused_port()
    answer = client.call(
        "POST", "/session", {"store": f"{remote(members[0])} + <http://test:xyzzy@127.0.0.1:{port}/repositories/r>"}
    )
    assert answer.status == 500
    assert f"http://127.0.0.1:{port}/repositories/r does not answer: Connection refused" in answer.text
    assert "xyzzy" not in answer.text


def test_a_member_that_goes_away_is_named_by_the_query(client: Client, members: list[Client], session: str) -> None:
    assert value(client, session, AVERAGE) == "0.5"
    members[1].call("DELETE", "/repositories/r")
    answer = client.select(session, AVERAGE)
    assert answer.status == 500
    assert f"http://127.0.0.1:{members[1].port}/repositories/r answered 404" in answer.text


def test_wrong_credentials_are_named(client: Client, members: list[Client]) -> None:
    answer = client.call("POST", "/session", {"store": remote(members[0], user="test:wrong")})
    assert answer.status == 500
    assert "refused user 'test': wrong user name or password" in answer.text
    answer = client.call("POST", "/session", {"store": f"<http://127.0.0.1:{members[0].port}/repositories/r>"})
    assert "refused a request without credentials" in answer.text


def test_a_member_without_read_access_is_named(client: Client, members: list[Client]) -> None:
    members[0].call("PUT", "/users/nobody", {"password": "pw"})
    answer = client.call("POST", "/session", {"store": remote(members[0], user="nobody:pw")})
    assert (answer.status, "no read access" in answer.text) == (500, True)


def test_unknown_local_member_and_reasoning(client: Client) -> None:
    assert client.call("POST", "/session", {"store": "<nowhere> + <nothing>"}).status == 404
    answer = client.call("POST", "/session", {"store": "<a>[rdfs++]"})
    assert (answer.status, "Reasoning" in answer.text) == (400, True)


def test_the_copy_is_kept_while_the_members_stand(
    client: Client, members: list[Client], session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[object] = []
    original = federation._gather

    def gather(found: Sequence[federation.AnyMember]) -> Mirror:
        fetched.append(found)
        return original(found)

    monkeypatch.setattr(federation, "_gather", gather)
    for _ in range(3):
        assert value(client, session, AVERAGE) == "0.5"
    assert len(fetched) == 1
    members[0].load("r", triple(3))
    value(client, session, AVERAGE)
    assert len(fetched) == 2


def test_a_session_on_one_local_repository_may_be_written(client: Client, repository: str) -> None:
    session = client.session(store="<r>")
    assert client.call("POST", session + "/statements", None, triple(1), "text/turtle").status == 200
    client.call("POST", session + "/commit")
    assert client.call("GET", "/repositories/r/size").text == "1"


PROMISED = "".join(triple(number) for number in range(20))


class _BreaksOff(http.server.BaseHTTPRequestHandler):
    """A member that promises more triples than it sends."""

    def do_GET(self) -> None:
        body = {"generation": b"1", "contexts": b"[]"}.get(self.path.split("?")[0].rpartition("/")[2])
        self.send_response(200)
        self.send_header("Content-Length", str(len(PROMISED) if body is None else len(body)))
        self.end_headers()
        # As luck will have it, it ends with a whole line.
        self.wfile.write(PROMISED[: PROMISED.index("\n") + 1].encode() if body is None else body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def test_triples_that_end_early_are_never_taken_for_all_of_them(client: Client) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _BreaksOff) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        label = f"http://127.0.0.1:{server.server_address[1]}/repositories/r"
        answer = client.select(client.session(store=f"<{label}>"), COUNT)
        server.shutdown()
    words = f"The federation's member {label} does not answer: it broke off."
    assert (answer.status, answer.text) == (500, words)
