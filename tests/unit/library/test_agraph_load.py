"""agraph_load: what is loaded, what is refused, and that nothing of a part that fails is there."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agraph_bench import Client, running
from data_server import TERMS, Files, held, part, serving, triples
from pretended_agraph import Run

from library import agraph_load


@pytest.fixture
def files() -> Iterator[Files]:
    with serving() as each:
        yield each


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Client]:
    with running("--data", str(tmp_path / "data")) as client:
        client.call("PUT", "/repositories/r")
        add(client, "ex://instance0", "0")
        yield client


def add(client: Client, subject: str, number: str) -> None:
    triple = {"subj": f"<{subject}>", "pred": "<ex://id>", "obj": f'"{number}"'}
    assert client.call("PUT", "/repositories/r/statement", triple).status == 204


def given(server: Client, folder: Path, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    ledger = str(folder / "ledger" / "loads.jsonl")
    login = {"port": server.port, "user": "test", "password": "xyzzy", "repository": "r", "timeout": 20}
    return {**login, "ledger": ledger, "demonstration": TERMS, "parts": list(parts), **more}


def test_parts_of_all_kinds_are_loaded_once(server: Client, files: Files, tmp_path: Path, run: Run) -> None:
    turtle = b"@prefix : <ex://> .\n:t :p 1, 1.0 . <#x> :p <> .\n"
    parts = [
        part(files, "twice.nt", triples("a", 2) + triples("a", 2)),
        part(files, "packed.nt", triples("b", 3), compression="gzip", id="packed#1/2of3"),
        part(files, "some.nq", b"<ex://q> <ex://p> <ex://o> <ex://g> .\n", content_type="application/n-quads"),
        part(files, "some.ttl", turtle, content_type="text/turtle", statements=None, bytes=None, base="ex://base"),
    ]
    first = run(agraph_load, **given(server, tmp_path, *parts))
    assert first["changed"], first
    assert [each["statements"] for each in first["added"]] == [4, 3, 1, 3]
    assert first["done"][0] == "removed the statement of the demonstration"
    assert (first["statements"], first["demonstration"]) == (11, False)
    there = held(server)
    assert there["<ex://a1> <ex://p> <ex://o>"] == 2
    assert there["<ex://q> <ex://p> <ex://o> <ex://g>"] == 1
    assert there["<ex://base#x> <ex://p> <ex://base>"] == 1
    assert there.total() == 11
    again = run(agraph_load, **given(server, tmp_path, *parts))
    assert (again["changed"], again["added"], again["statements"]) == (False, [], 11)
    known = run(agraph_load, **given(server, tmp_path, state="known"))
    assert known["loaded"] == first["added"]
    assert (known["changed"], known["demonstration"]) == (False, False)


def test_check_mode_says_what_it_would_do_and_makes_nothing(
    server: Client, files: Files, tmp_path: Path, run: Run
) -> None:
    wanted = given(server, tmp_path, part(files, "a.nt", triples("a", 2), url=None, bytes=None))
    answer = run(agraph_load, check=True, **wanted)
    assert answer["done"] == ["would remove the statement of the demonstration", "would load a.nt"]
    assert (answer["changed"], answer["added"]) == (True, [{"id": "a.nt", "statements": 2}])
    assert (held(server).total(), files.asked, (tmp_path / "ledger").exists()) == (1, [], False)


def test_what_is_only_known_keeps_the_demonstration(server: Client, tmp_path: Path, run: Run) -> None:
    answer = run(agraph_load, **given(server, tmp_path, state="known"))
    assert (answer["changed"], answer["demonstration"], answer["statements"]) == (False, True, 1)


def test_data_that_look_like_the_demonstration_stay(server: Client, files: Files, tmp_path: Path, run: Run) -> None:
    same = part(files, "a.nt", b'<ex://instance0> <ex://id> "0" .\n')
    assert run(agraph_load, **given(server, tmp_path, same))["statements"] == 1
    other = part(files, "b.nt", triples("b", 1))
    assert run(agraph_load, **given(server, tmp_path, same, other))["statements"] == 2
    assert held(server)['<ex://instance0> <ex://id> "0"'] == 1


def test_bad_data_are_named_with_the_servers_words_and_the_part_is_left_out(
    server: Client, files: Files, tmp_path: Path, run: Run
) -> None:
    good = part(files, "good.nt", triples("a", 2))
    bad = part(files, "bad.nt", triples("b", 3) + b"nonsense\n", statements=None)
    answer = run(agraph_load, **given(server, tmp_path, good, bad))
    assert answer["failed"]
    assert answer["msg"].startswith("bad.nt is refused by AllegroGraph, and nothing of it was loaded: ")
    assert "line 4" in answer["msg"]
    assert held(server) == dict.fromkeys(["<ex://a0> <ex://p> <ex://o>", "<ex://a1> <ex://p> <ex://o>"], 1)
    corrected = run(agraph_load, **given(server, tmp_path, good, part(files, "bad.nt", triples("b", 3), id="better")))
    assert (corrected["added"], corrected["statements"]) == ([{"id": "better", "statements": 3}], 5)


def test_bad_data_at_the_beginning_of_much_are_said_too(server: Client, files: Files, tmp_path: Path, run: Run) -> None:
    bad = part(files, "bad.nt", b"nonsense\n" + triples("b", 40_000), statements=None)
    assert "line 1" in run(agraph_load, **given(server, tmp_path, bad))["msg"]
    assert held(server).total() == 0


def test_another_number_than_was_parsed_is_not_committed(
    server: Client, files: Files, tmp_path: Path, run: Run
) -> None:
    wrong = part(files, "a.nt", triples("a", 3), statements=4)
    message = run(agraph_load, **given(server, tmp_path, wrong))["msg"]
    assert message.startswith("a.nt has 4 statements by our parser, and AllegroGraph counts 3 in the same data")
    assert held(server).total() == 0


def test_a_server_that_does_not_say_how_many_is_asked(
    server: Client, files: Files, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible.module_utils.agraph_client import Server

    stream = Server.stream
    monkeypatch.setattr(Server, "stream", lambda *given, **more: stream(*given, **more) and None)
    add(server, "ex://before", "1")
    answer = run(agraph_load, **given(server, tmp_path, part(files, "a.nt", triples("a", 3))))
    assert answer["added"] == [{"id": "a.nt", "statements": 3}]


def test_what_does_not_come_whole_is_not_loaded(server: Client, files: Files, tmp_path: Path, run: Run) -> None:
    whole = part(files, "a.nt", triples("a", 300))
    files.status["a.nt"] = 403
    assert "could not be fetched" in (refused := run(agraph_load, **given(server, tmp_path, whole))["msg"])
    assert "not good any more (403)" in refused
    assert str(files.port) not in refused
    del files.status["a.nt"]
    gone = {**whole, "url": files.url("gone")}
    assert "not there any more (404)" in run(agraph_load, **given(server, tmp_path, gone))["msg"]
    longer = {**whole, "bytes": whole["bytes"] + 1}
    assert "it was changed meanwhile" in run(agraph_load, **given(server, tmp_path, longer))["msg"]
    assert held(server).total() == 0


def test_what_is_not_packed_as_it_says_is_not_loaded(server: Client, files: Files, tmp_path: Path, run: Run) -> None:
    packed = part(files, "a.nt", triples("a", 3), compression="gzip")
    files.content["a.nt"] = b"no gzip at all" + bytes(packed["bytes"] - 14)
    message = run(agraph_load, **given(server, tmp_path, packed))["msg"]
    assert message.startswith("a.nt is refused by AllegroGraph, and nothing of it was loaded: The data does not unpack")
    assert held(server).total() == 0


def test_a_load_that_has_no_time_left_says_how_far_it_came(
    server: Client, files: Files, tmp_path: Path, run: Run
) -> None:
    message = run(agraph_load, **given(server, tmp_path, part(files, "a.nt", triples("a", 3)), timeout=0))["msg"]
    assert message.startswith("The time is over with 0 of 1 parts loaded. Give it more with -e federation_load_timeout")
    assert held(server).total() == 0


def test_a_download_that_breaks_off_is_taken_up(
    server: Client, files: Files, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible.module_utils import agraph_load as protocol

    monkeypatch.setattr(protocol, "PAUSE", 0.01)
    whole = part(files, "a.nt", triples("a", 300))
    files.cuts[:] = [1000, 2000]
    assert run(agraph_load, **given(server, tmp_path, whole))["statements"] == 300
    assert [wanted for _, wanted in files.asked] == [None, "bytes=1000-", "bytes=3000-"]
    files.cuts[:] = [1000, *[0] * 20]
    other = part(files, "b.nt", triples("b", 300))
    message = run(agraph_load, **given(server, tmp_path, other))["msg"]
    assert message.startswith("b.nt could not be fetched, and nothing of it was loaded: it broke off after 1000 of ")
    assert held(server).total() == 300
    files.cuts[:] = [1000]
    changing = part(files, "c.nt", triples("c", 300))
    files.later["c.nt"] = triples("d", 300)
    assert "it was changed while it was fetched" in run(agraph_load, **given(server, tmp_path, changing))["msg"]
    assert held(server).total() == 300


def test_a_repository_that_was_emptied_is_loaded_again_only_when_that_is_meant(
    server: Client, files: Files, tmp_path: Path, run: Run
) -> None:
    whole = part(files, "a.nt", triples("a", 3))
    run(agraph_load, **given(server, tmp_path, whole))
    server.call("DELETE", "/repositories/r/statements")
    for state in ("known", "loaded"):
        message = run(agraph_load, **given(server, tmp_path, whole, state=state))["msg"]
        assert message.startswith("The repository r holds 0 statements, and 3 were loaded into it")
        assert "-e federation_load_again=true" in message
    answer = run(agraph_load, **given(server, tmp_path, whole, again=True))
    assert (answer["done"][0], answer["statements"]) == ("forgot what was loaded before", 3)
    # Meant once more, by somebody who repeats an interrupted run as it was.
    assert not run(agraph_load, **given(server, tmp_path, whole, again=True))["changed"]


def test_another_repositorys_loads_are_not_this_ones(server: Client, files: Files, tmp_path: Path, run: Run) -> None:
    server.call("PUT", "/repositories/other")
    whole = part(files, "a.nt", triples("a", 3))
    for repository in ("r", "other"):
        assert run(agraph_load, **given(server, tmp_path, whole, repository=repository))["statements"] == 3
    server.call("DELETE", "/repositories/other/statements")
    assert not run(agraph_load, **given(server, tmp_path, whole))["changed"]


def test_duplicates_that_the_repository_suppresses_are_noticed(
    server: Client, files: Files, tmp_path: Path, run: Run
) -> None:
    server.call("PUT", "/repositories/r/suppressDuplicates", {"type": "spog"})
    twice = part(files, "a.nt", triples("a", 2) + triples("a", 2))
    message = run(agraph_load, **given(server, tmp_path, twice))["msg"]
    assert "holds 2 statements, and 4 were expected" in message
    assert "does it suppress duplicates?" in message


def test_a_load_waits_for_another_one_on_the_same_node(server: Client, files: Files, tmp_path: Path, run: Run) -> None:
    wanted = given(server, tmp_path, part(files, "a.nt", triples("a", 3)), timeout=1)
    (tmp_path / "ledger").mkdir()
    lock = os.open(tmp_path / "ledger" / "loads.lock", os.O_RDWR | os.O_CREAT)
    try:
        os.write(lock, b"4711\n")
        fcntl.flock(lock, fcntl.LOCK_EX)
        message = run(agraph_load, **wanted)["msg"]
    finally:
        os.close(lock)
    assert message.startswith("An earlier load is still at work on this node (process 4711) after 1 s")
    assert run(agraph_load, **wanted)["statements"] == 3


def test_a_ledger_that_is_not_one_is_an_error(server: Client, tmp_path: Path, run: Run) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "loads.jsonl").write_text('{"repository": "r", "opened": "http://x"}\nwhat\n')
    message = run(agraph_load, **given(server, tmp_path))["msg"]
    assert "has something else in its line 2" in message


def test_a_password_that_is_wrong_is_one_sentence(server: Client, tmp_path: Path, run: Run) -> None:
    answer = run(agraph_load, **given(server, tmp_path, password="hunter2"))
    assert "refuses the user test or the password" in answer["msg"]
    assert "hunter2" not in str(answer)


def test_it_says_how_far_it_is(server: Client, files: Files, tmp_path: Path, run: Run) -> None:
    parts = [part(files, name, triples(name, 3)) for name in ("a", "b")]
    run(agraph_load, **given(server, tmp_path, *parts, progress_url=files.url("progress")))
    said = json.loads(files.content["progress"])
    size = sum(each["bytes"] for each in parts)
    assert said == {"parts": 2, "part": 2, "bytes": size, "statements": 6, "state": "done"}
    bad = part(files, "c", b"nonsense\n")
    run(agraph_load, **given(server, tmp_path, bad, progress_url=files.url("progress")))
    assert json.loads(files.content["progress"])["state"] == "failed"
    # Nobody there to hear it.
    late = part(files, "d", triples("d", 1))
    assert run(agraph_load, **given(server, tmp_path, late, progress_url="http://127.0.0.1:9/"))["statements"] == 7
