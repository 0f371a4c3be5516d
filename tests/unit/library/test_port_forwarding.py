"""Tunnels as the modules use them: real sessions to an agent on loopback, with a pretended AllegroGraph behind it."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.port_forwarding import ForwardedPort, ForwardingError, Instance
from botocore.exceptions import ClientError
from pretended_agraph import ROOT, Agraph, Run, served
from session_manager_bench import Bench, api, aws_environment, bench, wait_for

from library import agraph_federated_query, federation_tunnel

# The module forks; its own process has no threads, the tests' has the gateway's.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")

NODE, OLD_NODE, STRANGER = "i-0123456789abcdef0", "i-0123456789abcdef1", "i-0123456789abcdef2"
PLUGIN = str(Path(sys.executable).parent / "session-manager-plugin")
ANSWER = {"names": ["avg"], "values": [['"0.5"^^<http://www.w3.org/2001/XMLSchema#decimal>']]}
MEMBERS = [{"index": 0, "id": "i-0aaa", "address": "10.0.1.5"}]


@dataclass
class Place:
    """A gateway with agents and an API, which the environment leads to."""

    bench: Bench

    @property
    def live(self) -> list[str]:
        """The sessions that have not ended."""
        return [each.id for each in self.bench.gateway.sessions.describe("us-west-2", history=False)]

    @property
    def started(self) -> int:
        return len(self.bench.gateway.sessions.describe("us-west-2", history=True)) + len(self.live)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with bench(tmp_path) as made, api(made.gateway) as endpoint:
        made.node(NODE)
        for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
            monkeypatch.delenv(name)
        for name, value in aws_environment(endpoint).items():
            monkeypatch.setenv(name, value)
        yield Place(made)
        wait_for(lambda: not _plugins(), 5)


def _plugins() -> list[int]:
    """The plugins that this process has started and that have not ended."""
    listed = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "pid=,args="], check=False, capture_output=True, text=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "session-manager-plugin" in line]


def forwarded(port: int, local_port: int = 0, instance: str = NODE, plugin: str = PLUGIN, seconds: float = 10) -> Any:
    where = Instance(instance, "the manager", plugin, "us-west-2")
    return ForwardedPort(where, port, time.monotonic() + seconds, local_port)


def version(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=10) as answer:
        return str(json.load(answer))


def test_a_port_is_open_as_long_as_the_block_lasts(place: Place, agraph: Agraph) -> None:
    with forwarded(agraph.port) as tunnel:
        assert tunnel.local_port != agraph.port
        assert version(tunnel.local_port) == "8.5.2"
        assert len(place.live) == 1
        assert (tunnel.is_open, tunnel.trouble) == (True, None)
    assert (place.live, _plugins()) == ([], [])
    with pytest.raises(OSError):
        version(tunnel.local_port)


def test_it_is_closed_when_the_block_fails(place: Place, agraph: Agraph) -> None:
    with pytest.raises(KeyboardInterrupt), forwarded(agraph.port):
        raise KeyboardInterrupt
    assert (place.live, _plugins()) == ([], [])


def test_an_old_agent_will_do(place: Place, agraph: Agraph) -> None:
    place.bench.node(OLD_NODE, agent_version="3.0.100.0")
    with (
        forwarded(agraph.port, instance=OLD_NODE) as tunnel,
        socket.create_connection(("127.0.0.1", tunnel.local_port), timeout=10) as connection,
    ):
        connection.sendall(b"GET /version HTTP/1.0\r\n\r\n")
        answer = b""
        while b"8.5.2" not in answer:
            answer += connection.recv(1000)


def test_an_instance_that_is_not_connected(place: Place) -> None:
    with pytest.raises(ForwardingError) as said, forwarded(10035, instance=STRANGER):
        raise AssertionError("it must not open")
    assert str(said.value).startswith(f"The manager ({STRANGER}) is not connected to Systems Manager, so no session")


def test_a_port_where_nobody_listens_is_known_after_the_first_try(place: Place, closed_port: int) -> None:
    with forwarded(closed_port) as tunnel:
        with pytest.raises(OSError):
            version(tunnel.local_port)
        wait_for(lambda: tunnel.trouble)
        assert tunnel.trouble == (
            f"Nothing listens on port {closed_port} of the manager ({NODE}). Does AllegroGraph run there?"
        )


def test_a_port_of_this_machine_that_is_taken(place: Place, agraph: Agraph) -> None:
    with pytest.raises(ForwardingError) as said, forwarded(agraph.port, local_port=agraph.port):
        raise AssertionError("it must not open")
    assert str(said.value).startswith(f"Port {agraph.port} of this machine is taken")
    assert (place.live, _plugins()) == ([], [])


@pytest.mark.parametrize(
    ("program", "seconds", "sentence"),
    [
        (None, 60, "cannot run: No such file or directory. Install AWS's own, or set ansible_aws_ssm_plugin"),
        (
            "echo 'Something is wrong.' >&2; exit 1",
            60,
            f"could not open a session to the manager ({NODE}) (Something is wrong).",
        ),
        ("exec sleep 1000", 1, f"No session to the manager ({NODE}) was open in time."),
    ],
)
def test_a_plugin_that_does_not_work(
    place: Place, tmp_path: Path, program: str | None, seconds: float, sentence: str
) -> None:
    plugin = tmp_path / "session-manager-plugin"
    if program is not None:
        plugin.write_text(f"#!/bin/sh\n{program}\n")
        plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(ForwardingError) as said, forwarded(10035, plugin=str(plugin), seconds=seconds):
        raise AssertionError("it must not open")
    assert sentence in str(said.value)
    assert (place.live, _plugins()) == ([], [])


def test_a_session_that_ends_by_itself_is_noticed(place: Place, agraph: Agraph) -> None:
    with forwarded(agraph.port) as tunnel:
        place.bench.gateway.sessions.terminate(place.live[0])
        wait_for(lambda: not tunnel.is_open)
        assert "has ended: the instance or its SSM agent is gone, or nothing happened in it" in tunnel.trouble


def test_credentials_that_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel = forwarded(10035)

    class Refusing:
        def start_session(self, **given: Any) -> None:
            response: Any = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
            raise ClientError(response, "StartSession")

    monkeypatch.setattr(tunnel, "_client", lambda *given, **named: Refusing())
    with pytest.raises(ForwardingError) as said, tunnel:
        raise AssertionError("it must not open")
    assert "have ssm:StartSession allowed on the instance and on the document AWS-StartPort" in str(said.value)


# The query


def question(agraph: Agraph, **changes: Any) -> dict[str, Any]:
    return {
        # Nobody is there: it has to be a tunnel.
        "manager_host": "192.0.2.1",
        "manager_port": agraph.port,
        "members": MEMBERS,
        "repository": "r",
        "user": agraph.user,
        "password": agraph.password,
        "query": "SELECT (AVG(?o) AS ?avg) { ?s ?p ?o }",
        "timeout": 20,
        "region": "us-west-2",
        "tunnel": {"instance_id": NODE, "plugin": PLUGIN},
        **changes,
    }


@pytest.fixture
def session_server() -> Iterator[Agraph]:
    """Another pretended AllegroGraph, for a session that has a port of its own."""
    yield from served()


@pytest.mark.parametrize("own_port", [False, True], ids=["main port", "port of its own"])
def test_a_query_through_a_tunnel(
    place: Place, agraph: Agraph, session_server: Agraph, run: Run, own_port: bool
) -> None:
    there = session_server if own_port else agraph
    agraph.answers["/session"] = (200, json.dumps(f"http://127.0.0.1:{there.port}/session-one"))
    there.answers["/session-one"] = (200, json.dumps(ANSWER))
    answer = run(agraph_federated_query, **question(agraph))
    assert answer.get("table", answer).splitlines()[3] == "| 0.5 |"
    assert len(there.asked("GET", "/session-one")) == 1
    assert len(there.asked("POST", "/session-one/session/close")) == 1
    assert (place.live, place.started, _plugins()) == ([], 2 if own_port else 1, [])


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    place: Place, agraph: Agraph, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    agraph.answers["/session-one"] = (200, json.dumps(ANSWER))
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:1")
    monkeypatch.setenv("no_proxy", os.environ["AWS_ENDPOINT_URL"].rpartition("/")[2].partition(":")[0])
    assert run(agraph_federated_query, **question(agraph)).get("names") == ["avg"]


def test_a_session_s_port_where_nobody_listens(place: Place, agraph: Agraph, closed_port: int, run: Run) -> None:
    agraph.answers["/session"] = (200, json.dumps(f"http://127.0.0.1:{closed_port}/session-one"))
    began = time.monotonic()
    answer = run(agraph_federated_query, **question(agraph, timeout=6))
    assert "failed" in answer
    assert time.monotonic() - began < 12
    assert (place.live, _plugins()) == ([], [])


def test_a_manager_without_allegrograph(place: Place, agraph: Agraph, closed_port: int, run: Run) -> None:
    answer = run(agraph_federated_query, **question(agraph, manager_port=closed_port))
    assert answer["msg"] == (
        f"Nothing listens on port {closed_port} of the manager ({NODE}). Does AllegroGraph run there?"
    )


def test_the_time_is_bounded_through_a_tunnel(place: Place, agraph: Agraph, run: Run) -> None:
    agraph.delays["/session-one"] = 30
    began = time.monotonic()
    answer = run(agraph_federated_query, **question(agraph, timeout=4))
    assert answer["msg"].startswith("The query took longer than 4 s and was given up.")
    assert time.monotonic() - began < 10
    assert (place.live, _plugins()) == ([], [])


# The tunnel for a browser


def holding(agraph: Agraph, local_port: int, **changes: Any) -> dict[str, Any]:
    wanted = {"instance_id": NODE, "plugin": PLUGIN, "region": "us-west-2", "port": agraph.port, "timeout": 10}
    return {**wanted, "local_port": local_port, **changes}


def while_held(local_port: int, act: Callable[[], None]) -> threading.Thread:
    """Do something as soon as the tunnel serves."""

    def work() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                assert version(local_port) == "8.5.2"
            except OSError:
                time.sleep(0.05)
            else:
                act()
                return

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_tunnel_is_held_for_as_long_as_is_asked(place: Place, agraph: Agraph, closed_port: int, run: Run) -> None:
    answer = run(federation_tunnel, **holding(agraph, closed_port, seconds=1))
    assert (answer["version"], answer["changed"]) == ("8.5.2", False)
    assert 1 <= answer["seconds"] < 3
    assert (place.live, _plugins()) == ([], [])


def test_a_tunnel_is_held_until_the_file_comes(
    place: Place, agraph: Agraph, closed_port: int, run: Run, tmp_path: Path
) -> None:
    thread = while_held(closed_port, (tmp_path / "stop").touch)
    answer = run(federation_tunnel, **holding(agraph, closed_port, stop_file=str(tmp_path / "stop")))
    thread.join()
    assert "seconds" in answer, answer
    assert (place.live, _plugins()) == ([], [])


def test_a_tunnel_is_held_no_longer_than_its_run_lives(
    place: Place, agraph: Agraph, closed_port: int, run: Run
) -> None:
    process = subprocess.Popen(["sleep", "1000"])

    def end() -> None:
        process.kill()
        process.wait()

    thread = while_held(closed_port, end)
    answer = run(federation_tunnel, **holding(agraph, closed_port, process=process.pid))
    thread.join()
    assert "seconds" in answer, answer
    assert (place.live, _plugins()) == ([], [])


def test_a_tunnel_that_ends_by_itself_is_an_error(place: Place, agraph: Agraph, closed_port: int, run: Run) -> None:
    def end() -> None:
        # The module has asked for the version, too.
        wait_for(lambda: len(agraph.asked("GET", "/version")) == 2)
        place.bench.gateway.sessions.terminate(place.live[0])

    thread = while_held(closed_port, end)
    answer = run(federation_tunnel, **holding(agraph, closed_port))
    thread.join()
    assert f"The session that leads to port {agraph.port} of the manager ({NODE}) has ended" in answer["msg"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_module_that_is_told_to_end_closes_its_tunnel(
    place: Place, agraph: Agraph, closed_port: int, number: signal.Signals
) -> None:
    given = {"ANSIBLE_MODULE_ARGS": holding(agraph, closed_port)}
    program = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]; import pretended_agraph\n"
        # Whoever runs the tests in the background has Ctrl-C ignored, and what they start has it from them.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from ansible.module_utils.testing import patch_module_args\n"
        "from library import federation_tunnel\n"
        f"with patch_module_args({given['ANSIBLE_MODULE_ARGS']!r}): federation_tunnel.main()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while_held(closed_port, lambda: process.send_signal(number)).join()
        process.wait(10)
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: place.live == [])
    with pytest.raises(OSError):
        version(closed_port)


def test_what_is_wrong_with_a_tunnel_is_said_before_aws_is_asked(agraph: Agraph, closed_port: int, run: Run) -> None:
    taken = run(federation_tunnel, **holding(agraph, agraph.port))["msg"]
    assert taken == (
        f"Port {agraph.port} of this machine is taken, by another tunnel or a server of your own: end that, or choose "
        f"another port with -e federation_tunnel_port={agraph.port + 1}"
    )
    assert "federation_tunnel_port 0 is no port" in run(federation_tunnel, **holding(agraph, 0))["msg"]
    assert (
        "federation_tunnel_seconds -1 is no time"
        in run(federation_tunnel, **holding(agraph, closed_port, seconds=-1))["msg"]
    )


def test_check_mode_opens_nothing(agraph: Agraph, closed_port: int, run: Run) -> None:
    assert run(federation_tunnel, check=True, **holding(agraph, closed_port))["seconds"] == 0
