"""agraph_users: the superuser gets its password once, and the reader may read one repository and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from agraph_bench import running
from ansible.module_utils.agraph_client import AgraphError, RefusedError, Repository, Server
from ansible.module_utils.agraph_users import Login, settle_reader, settle_superuser

SUPERUSER, READER = Login("test", "a-secret-of-the-federation"), Login("reader", "another-secret")
GIVEN = ["gave the superuser test a password of the federation's own"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Yield a server as an image has it: its superuser test has the password xyzzy."""
    with running("--data", str(tmp_path / "data")) as client:
        yield Server("127.0.0.1", client.port, "test", "xyzzy")


@pytest.fixture
def ours(server: Server) -> Server:
    """Return the server with a repository, asked by the superuser with the federation's password."""
    settle_superuser(server, SUPERUSER, "xyzzy", check_mode=False)
    settled = server.asked_by(SUPERUSER.user, SUPERUSER.password)
    for name in ("r", "other"):
        Repository(settled, name).create()
    return settled


def test_the_superusers_password_is_replaced_once(server: Server) -> None:
    assert settle_superuser(server, SUPERUSER, "xyzzy", check_mode=True) == GIVEN
    assert settle_superuser(server, SUPERUSER, "xyzzy", check_mode=False) == GIVEN
    assert settle_superuser(server, SUPERUSER, "xyzzy", check_mode=False) == []
    with pytest.raises(RefusedError, match="refuses the user test"):
        server.json("GET", "/users")


@pytest.mark.parametrize(("before", "words"), [("wrong", "neither"), ("", "not the password"), (None, "not the pass")])
def test_a_server_with_another_password_is_an_error_without_it(server: Server, before: str | None, words: str) -> None:
    with pytest.raises(AgraphError) as said:
        settle_superuser(server, SUPERUSER, before, check_mode=False)
    assert f"takes {words}" in str(said.value)
    assert "federation_agraph_password" in str(said.value)
    assert SUPERUSER.password not in str(said.value)


def test_the_reader_reads_one_repository_and_may_do_nothing_else(ours: Server) -> None:
    assert settle_reader(ours, READER, "r", check_mode=False) == ["made the user reader", "let the user reader read r"]
    assert settle_reader(ours, READER, "r", check_mode=False) == []
    reader = ours.asked_by(READER.user, READER.password)
    assert reader.json("GET", "/repositories/r/size") == 0
    for method, path in (
        ("GET", "/repositories/other/size"),
        ("PUT", "/repositories/mine"),
        ("DELETE", "/repositories/r"),
        ("GET", "/users"),
    ):
        with pytest.raises(RefusedError) as refused:
            reader.json(method, path)
        assert refused.value.status == 403, path
    with pytest.raises(RefusedError, match="no write access"):
        Repository(reader, "r").add_statement({"subj": "<ex:s>", "pred": "<ex:p>", "obj": "<ex:o>"})


def test_what_somebody_gave_the_reader_is_taken_back(ours: Server) -> None:
    settle_reader(ours, READER, "r", check_mode=False)
    ours.json("PUT", "/users/reader/permissions/super")
    ours.json("PUT", "/users/reader/access", {"read": "true", "write": "true", "catalog": "*", "repository": "*"})
    ours.json("DELETE", "/users/reader/permissions/session")
    ours.change_password("reader", "known to somebody")
    wanted = [
        "gave the user reader its password",
        "let the user reader open sessions",
        "took the permission super from the user reader",
        "took the access to * * from the user reader",
    ]
    assert settle_reader(ours, READER, "r", check_mode=True) == wanted
    assert settle_reader(ours, READER, "r", check_mode=False) == wanted
    assert settle_reader(ours, READER, "r", check_mode=False) == []


def test_the_manager_has_nothing_to_read(ours: Server) -> None:
    assert settle_reader(ours, READER, None, check_mode=False) == ["made the user reader"]
    assert ours.json("GET", "/users/reader/access") == []
    assert ours.json("GET", "/users/reader/permissions") == ["session"]


def test_check_mode_makes_nobody(ours: Server) -> None:
    assert settle_reader(ours, READER, "r", check_mode=True) == ["made the user reader"]
    assert ours.json("GET", "/users") == ["test"]
