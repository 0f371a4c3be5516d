"""agraph_load interrupted at every point there is, and repeated: each statement is there as often as the data have it.

A point is a request to AllegroGraph, a line of the ledger, or a piece of data on its way. A process that is killed does
nothing more, not even tidy up; one whose request or answer is lost goes on as it likes.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pretended_agraph  # noqa: F401  # has Ansible find module_utils
import pytest
from agraph_bench import Client, running
from ansible.module_utils.testing import patch_module_args
from data_server import TERMS, Files, held, part, serving, triples

from library import agraph_load
from sandbox.allegrograph.targets import SessionTarget

DATA = [triples("a", 2) + triples("a", 1), triples("b", 2)]
WANTED = {"<ex://a0> <ex://p> <ex://o>": 2, "<ex://a1> <ex://p> <ex://o>": 1} | {
    f"<ex://b{each}> <ex://p> <ex://o>": 1 for each in range(2)
}
MOST_POINTS = 100


class Killed(BaseException):
    """The process is no more."""


class Interruption:
    """Ends or disturbs what runs at one of its points, the one with this number."""

    def __init__(self, kind: str, point: int, where: str = "") -> None:
        self.kind, self.left, self.where = kind, point, where
        self.struck = self.dead = False

    def passes(self, what: str, act: Callable[[], Any], half: Callable[[], Any] = lambda: None) -> Any:
        """Do something that could be the last thing that is done; `half` is what is left of it where it breaks off."""
        from ansible.module_utils.agraph_client import UnreachableError

        if self.dead:
            raise Killed
        self.left -= what.endswith(self.where)
        if not what.endswith(self.where) or self.left != 0:
            return act()
        self.struck = True
        if self.kind == "killed in it":
            half()
        elif self.kind != "request lost":
            act()
        if self.kind.startswith("killed"):
            self.dead = True
            raise Killed
        raise UnreachableError("http://127.0.0.1 did not answer: the connection was closed.")


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Interruption]:
    """Have the next run interrupted."""
    from ansible.module_utils import load_ledger
    from ansible.module_utils.agraph_client import AgraphError, Server
    from ansible.module_utils.load_source import Source

    send, stream, append, pieces = Server._send, Server.stream, load_ledger._append, Source.pieces
    current = Interruption("none", 0)

    def half_a_line(path: Path, line: bytes) -> None:
        with path.open("ab") as file:
            file.write(line[: len(line) // 2])

    def broken_pieces(source: Any) -> Iterator[bytes]:
        for each in pieces(source):
            yield each[: len(each) // 2]
            current.passes("data", lambda: None)
            yield each[len(each) // 2 :]

    def note(path: Path, line: bytes) -> None:
        # A file on the node itself has no answer to lose.
        if current.kind.startswith("killed"):
            current.passes("ledger", lambda: append(path, line), lambda: half_a_line(path, line))
        else:
            append(path, line)

    def still_coming(*given: Any) -> None:
        """The process is dead, and its request on the way."""

        def ask() -> None:
            with contextlib.suppress(AgraphError):
                send(*given)

        threading.Thread(target=ask).start()

    def sent(server: Any, request: Any) -> Any:
        path = urllib.parse.urlsplit(request.full_url).path
        return current.passes(path, lambda: send(server, request), lambda: still_coming(server, request))

    monkeypatch.setattr(Server, "_send", sent)
    monkeypatch.setattr(Server, "stream", lambda *given: current.passes(given[1], lambda: stream(*given)))
    monkeypatch.setattr(load_ledger, "_append", note)
    monkeypatch.setattr(Source, "pieces", broken_pieces)

    def begin(kind: str, point: int, where: str = "") -> Interruption:
        current.__init__(kind, point, where)  # type: ignore[misc]
        return current

    return begin


class Place:
    """A server, and repositories in it: one for each trial."""

    def __init__(self, client: Client, files: Files, folder: Path) -> None:
        self.client, self.folder = client, folder
        self.parts = [part(files, f"part{number}", content) for number, content in enumerate(DATA)]
        self.repository = ""

    def begin(self, name: str) -> None:
        self.repository = name
        assert self.client.call("PUT", f"/repositories/{name}").status == 204
        terms = {"subj": TERMS["subject"], "pred": TERMS["predicate"], "obj": TERMS["object"]}
        assert self.client.call("PUT", f"/repositories/{name}/statement", terms).status == 204

    def run(self, module: ModuleType = agraph_load, **more: Any) -> None:
        """Run the module, to its end or to that of the process."""
        login = {"port": self.client.port, "user": "test", "password": "xyzzy", "repository": self.repository}
        ledger = str(self.folder / self.repository / "loads.jsonl")
        given = {**login, "ledger": ledger, "parts": self.parts, "demonstration": TERMS, "timeout": 20, **more}
        with patch_module_args({**given, "_ansible_remote_tmp": "/tmp"}), pytest.raises((SystemExit, Killed)):
            module.main()

    def check(self, capsys: pytest.CaptureFixture[str], title: str) -> None:
        """Repeat the load, and see that it is exact, and that a third time has nothing to do."""
        from ansible.module_utils.load_ledger import Ledger

        capsys.readouterr()
        self.run(state="known")
        self.run()
        self.run()
        known, second, third = (json.loads(line) for line in capsys.readouterr().out.split("\n") if line)
        assert "failed" not in second, f"{title}: {second}"
        assert held(self.client, self.repository) == WANTED, title
        assert (third["changed"], third["statements"]) == (False, 5), title
        assert known["statements"] == sum(each["statements"] for each in known["loaded"]) + known["demonstration"]
        ledger = Ledger(self.folder / self.repository / "loads.jsonl", self.repository)
        assert ledger.sessions == [], title
        assert ledger.loaded == {"part0": 3, "part1": 2}, title


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running("--data", str(tmp_path / "data")) as client, serving() as files:
        yield Place(client, files, tmp_path)


@pytest.mark.parametrize("kind", ["killed in it", "killed after it", "request lost", "answer lost"])
def test_every_point(
    place: Place, interrupt: Callable[..., Interruption], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for point in range(1, MOST_POINTS):
        place.begin(f"r{point}")
        interruption = interrupt(kind, point)
        place.run()
        struck = interruption.struck
        interrupt("none", 0)
        place.check(capsys, f"{kind}, point {point}")
        if not struck:
            # Two parts of some requests each, and what goes before and after.
            assert point > 15
            return
    pytest.fail("there is no end of points")


def test_interrupted_again_and_again(
    place: Place,
    interrupt: Callable[..., Interruption],
    capsys: pytest.CaptureFixture[str],
    notice: Callable[[str], None],
) -> None:
    seed = random.randrange(1 << 32)
    notice(f"the loads that are interrupted again and again began from seed {seed}")
    chance = random.Random(seed)
    kinds = ["killed in it", "killed after it", "request lost", "answer lost"]
    for trial in range(10):
        place.begin(f"r{trial}")
        plan = [(chance.choice(kinds), chance.randint(1, 25)) for _ in range(4)]
        for kind, point in plan:
            interrupt(kind, point)
            place.run()
        interrupt("none", 0)
        place.check(capsys, f"seed {seed}, trial {trial}: {plan}")


@pytest.mark.parametrize("begun", [False, True], ids=["before it began", "in the middle of it"])
def test_a_commit_that_is_under_way_when_its_process_dies(
    place: Place,
    interrupt: Callable[..., Interruption],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    begun: bool,
) -> None:
    """The next load finds out for certain what becomes of it, be the server ever so slow."""
    commit, arrived, may_go_on, ended = SessionTarget.commit, *(threading.Event() for _ in range(3))
    number = itertools.count()

    def slow(target: SessionTarget) -> None:
        if next(number):
            commit(target)
            return
        try:
            if begun:
                with target._lock:
                    arrived.set()
                    assert may_go_on.wait(10)
                    commit(target)
            else:
                arrived.set()
                assert may_go_on.wait(10)
                commit(target)
        finally:
            ended.set()

    monkeypatch.setattr(SessionTarget, "commit", slow)
    place.begin("r")
    interrupt("killed in it", 1, "/commit")
    place.run()
    assert arrived.wait(10)
    interrupt("none", 0)
    if begun:
        threading.Timer(0.3, may_go_on.set).start()
    place.check(capsys, "a commit under way")
    may_go_on.set()
    assert ended.wait(10)
    assert held(place.client, "r") == WANTED


def test_a_session_that_may_still_commit_is_not_taken_for_gone(
    place: Place, interrupt: Callable[..., Interruption], capsys: pytest.CaptureFixture[str]
) -> None:
    place.begin("r")
    interrupt("killed after it", 1, "/commit")
    place.run()
    interrupt("request lost", 1, "/session/close")
    capsys.readouterr()
    place.run()
    assert "may still commit what it has, and does not close" in capsys.readouterr().out
    interrupt("none", 0)
    place.check(capsys, "a session that did not close")
