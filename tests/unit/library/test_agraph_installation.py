"""agraph_installation: what is done to a node, in which order, and what keeps a tarball from being unpacked."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from module_utils import agraph_installation as installation
from module_utils import agraph_tarball as tarball
from sandbox.allegrograph import distribution

VERSION = "8.5.2"


@pytest.fixture
def wanted(tmp_path: Path) -> installation.Wanted:
    return installation.Wanted(
        version=VERSION,
        sha256="ab" * 32,
        directory=tmp_path / "opt",
        data_directory=tmp_path / "data",
        configuration_file=tmp_path / "etc/agraph.cfg",
        configuration="Port 10035\n",
        license="Licensee somebody\nLicenseKey 1234\n",
        unit="[Unit]\n",
        run_as="root",
        certificate_sha256="",
    )


def as_wanted(wanted: installation.Wanted, **other: Any) -> installation.Found:
    """What is found where everything is as wanted, but for what is named."""
    found = installation.Found(
        release=wanted.release,
        is_complete=True,
        configuration=wanted.configured,
        unit=wanted.unit,
        certificate_sha256="",
        user_exists=True,
        is_enabled=True,
        is_active=True,
    )
    return dataclasses.replace(found, **other)


def test_what_is_as_wanted_is_left_alone(wanted: installation.Wanted) -> None:
    assert installation.steps(wanted, as_wanted(wanted)) == []
    assert installation.difference(wanted, as_wanted(wanted)) == []


def test_an_empty_node_gets_all_of_it_and_nothing_is_stopped(wanted: installation.Wanted) -> None:
    empty = installation.Found(None, False, None, None, "", False, False, False)
    steps = ["make_user", "install", "configure", "write_unit", "switch", "enable", "start"]
    assert installation.steps(wanted, empty) == steps


def test_another_version_is_installed_beside_before_the_server_stops(wanted: installation.Wanted) -> None:
    found = as_wanted(wanted, release="8.4.0-000000000000", is_complete=False)
    assert installation.steps(wanted, found) == ["install", "stop", "switch", "start"]
    assert installation.in_words(["stop", "switch"], wanted) == ["stopped the server", "switched to 8.5.2-abababababab"]


@pytest.mark.parametrize(
    ("found", "steps"),
    [
        ({"configuration": "Port 10036\n"}, ["stop", "configure", "start"]),
        ({"unit": "[Unit]\nAfter=x\n"}, ["stop", "write_unit", "start"]),
        ({"is_active": False}, ["start"]),
        ({"is_enabled": False}, ["enable"]),
        ({"is_active": False, "unit": None}, ["write_unit", "start"]),
    ],
)
def test_a_server_that_runs_is_stopped_only_for_what_it_reads_at_its_start(
    wanted: installation.Wanted, found: dict[str, Any], steps: list[str]
) -> None:
    assert installation.steps(wanted, as_wanted(wanted, **found)) == steps


def test_a_first_password_that_was_left_is_taken_out_without_a_stop(wanted: installation.Wanted) -> None:
    found = as_wanted(wanted, configuration=wanted.configured + "SuperUser test:secret\n")
    assert installation.steps(wanted, found) == ["forget_password"]
    assert installation.difference(wanted, found) == []


def test_a_certificate_that_was_changed_is_written(wanted: installation.Wanted) -> None:
    renewed = dataclasses.replace(wanted, certificate_sha256="cd" * 32)
    assert installation.steps(renewed, as_wanted(wanted)) == ["stop", "write_certificate", "start"]


def test_the_difference_shows_neither_license_nor_password(wanted: installation.Wanted) -> None:
    before = "Port 1\nLicensee somebody\nLicenseKey 1234\nSuperUser test:secret\n"
    shown = installation.difference(wanted, as_wanted(wanted, configuration=before))
    assert [(each["before"], each["after"]) for each in shown] == [("Port 1\n", "Port 10035\n")]


class Commands:
    """Writes down what is run; everything works."""

    def __init__(self) -> None:
        self.run: list[list[str]] = []

    def __call__(self, words: Sequence[str]) -> tuple[int, str]:
        self.run.append(list(words))
        return 0, ""


def test_the_password_stands_in_the_configuration_for_the_first_start_only(wanted: installation.Wanted) -> None:
    node = installation.Node(wanted, Commands())
    node.configure("test", lambda: "a#b")
    assert wanted.configuration_file.read_text() == wanted.configured + "SuperUser test:a\\#b\n"
    assert wanted.configuration_file.stat().st_mode & 0o777 == 0o640
    node.forget_password()
    assert wanted.configuration_file.read_text() == wanted.configured
    # Whoever has users already is not given one again, and nobody asks for the password.
    (wanted.data_directory / "settings").mkdir()
    (wanted.data_directory / "settings/users").touch()
    node.configure("test", lambda: pytest.fail("the password was fetched"))
    assert wanted.configuration_file.read_text() == wanted.configured


def test_a_password_that_the_configuration_cannot_have_is_refused(wanted: installation.Wanted) -> None:
    with pytest.raises(installation.InstallationError, match="a space or a backslash"):
        installation.Node(wanted, Commands()).configure("test", lambda: "a b")


def test_the_installer_writes_into_a_directory_of_the_version(wanted: installation.Wanted, tmp_path: Path) -> None:
    commands = Commands()
    node = installation.Node(wanted, commands)
    node.install_from(tmp_path / "unpacked")
    target = wanted.directory / wanted.release
    assert commands.run == [[str(tmp_path / "unpacked/install-agraph"), str(target), "--no-configure"]]
    assert installation.look(wanted, Commands()).is_complete
    node.switch()
    assert (wanted.directory / "current").resolve() == target


def test_the_version_before_is_kept_and_older_ones_are_not(wanted: installation.Wanted) -> None:
    for each in ("7.0.0-1", "8.4.0-2", wanted.release, ".unpacked"):
        (wanted.directory / each).mkdir(parents=True)
    node = installation.Node(wanted, Commands())
    node.switch()
    node.remove_others("8.4.0-2")
    left = sorted(each.name for each in wanted.directory.iterdir())
    assert left == ["8.4.0-2", wanted.release, "current"]


def test_a_server_that_does_not_start_says_why(wanted: installation.Wanted) -> None:
    log = wanted.data_directory / "log/agraph.log"
    log.parent.mkdir(parents=True)
    log.write_text("ready\nERROR: the port is taken.\n")
    node = installation.Node(wanted, lambda words: (1, "Job failed") if "start" in words else (0, ""))
    with pytest.raises(installation.InstallationError) as caught:
        node.start()
    said = "the server does not start: ERROR: the port is taken. Look on the node with: journalctl -u agraph"
    assert str(caught.value) == said


class Breaking(BaseHTTPRequestHandler):
    """Serves a file, and closes the connection in the middle of it as often as it is told."""

    content = b""
    breaks = 0
    ranges: list[str | None]

    def do_GET(self) -> None:
        kind = type(self)
        asked = self.headers.get("Range")
        kind.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        rest = self.content[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if kind.breaks:
            kind.breaks -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


Serve = Callable[[bytes, int], tuple[str, type[Breaking]]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.setattr(tarball, "PAUSE", 0.01)
    servers: list[ThreadingHTTPServer] = []

    def start(content: bytes, breaks: int) -> tuple[str, type[Breaking]]:
        handler = type("Handler", (Breaking,), {"content": content, "breaks": breaks, "ranges": []})
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/file", handler

    yield start
    for each in servers:
        each.shutdown()
        each.server_close()


def test_what_breaks_off_goes_on_where_it_was(serve: Serve, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4000
    url, handler = serve(content, 2)
    tarball.fetch(url, "a", hashlib.sha256(content).hexdigest(), tmp_path / "a", time.monotonic() + 30)
    assert (tmp_path / "a").read_bytes() == content
    assert len(handler.ranges) == 3
    assert handler.ranges[0] is None


def test_another_content_is_said_with_both_sums_and_not_kept(serve: Serve, tmp_path: Path) -> None:
    url, _ = serve(b"something else", 0)
    with pytest.raises(tarball.TarballError) as caught:
        tarball.fetch(url, "a.tar.gz", "AB" * 32, tmp_path / "a", time.monotonic() + 30)
    found = hashlib.sha256(b"something else").hexdigest()
    assert f"a.tar.gz has the SHA-256 {found}, and {'ab' * 32} was expected: nothing" in str(caught.value)
    assert not (tmp_path / "a").exists()


def test_a_place_where_nobody_answers_is_given_up(tmp_path: Path, closed_port: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(tarball, "PAUSE", 0.01)
    url = f"http://127.0.0.1:{closed_port}/a?X-Amz-Signature=hidden"
    with pytest.raises(
        tarball.TarballError, match=r"a cannot be fetched whole, 0 bytes have come: .*refused"
    ) as caught:
        tarball.fetch(url, "a", "ab" * 32, tmp_path / "a", time.monotonic() + 30)
    assert "hidden" not in str(caught.value)


def test_a_tarball_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(distribution.contents("9.0.2"))
    with pytest.raises(tarball.TarballError, match=r"holds AllegroGraph 9\.0\.2, and federation_agraph_version is 8"):
        tarball.unpack(tmp_path / "a.tar.gz", tmp_path / "unpacked", VERSION, "a.tar.gz")
    unpacked = tarball.unpack(tmp_path / "a.tar.gz", tmp_path / "unpacked", "9.0.2", "a.tar.gz")
    assert unpacked.name == "agraph-9.0.2"


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_what_is_no_tarball_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(tarball.TarballError, match="a cannot be unpacked"):
        tarball.unpack(tmp_path / "a", tmp_path / "unpacked", VERSION, "a")
