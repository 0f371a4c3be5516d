"""No open port at all: a federation that is asked, and looked at, through sessions of SSM; and back to open ports."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from harness import BIN, ROOT, Sandbox, account

pytestmark = pytest.mark.timeout(1800)

TUNNEL: dict[str, Any] = {"federation_access": "tunnel"}
PATIENCE = 600

PORTS = [22, 80, 443, 10035, 10036, *range(16000, 17001, 50)]
AVERAGE = "| 0.5 |"
snapshots: dict[str, Any] = {}


def open_ports(address: str) -> list[int]:
    """The ports at an address that take a connection, each tried with a real one."""

    def takes(port: int) -> bool:
        with socket.socket() as probe:
            probe.settimeout(2)
            try:
                probe.connect((address, port))
                # Whoever relays may take a connection first and then find that it leads nowhere.
                probe.sendall(b"GET /version HTTP/1.0\r\n\r\n")
                return bool(probe.recv(1))
            except OSError:
                return False

    with ThreadPoolExecutor(len(PORTS)) as pool:
        return [port for port, taken in zip(PORTS, pool.map(takes, PORTS), strict=True) if taken]


def manager(sandbox: Sandbox) -> dict[str, Any]:
    found = sandbox.client("ec2").describe_instances(
        Filters=[
            {"Name": "tag:Role", "Values": ["manager"]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
    )
    (instance,) = [each for reservation in found["Reservations"] for each in reservation["Instances"]]
    return dict(instance)


def manager_rules(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The rules by which anybody comes in to the manager."""
    ids = [group["GroupId"] for group in manager(sandbox)["SecurityGroups"]]
    groups = sandbox.client("ec2").describe_security_groups(GroupIds=ids)["SecurityGroups"]
    return [rule for group in groups if "manager" in group["GroupName"] for rule in group["IpPermissions"]]


def live_sessions(sandbox: Sandbox) -> list[str]:
    return [each["SessionId"] for each in sandbox.client("ssm").describe_sessions(State="Active")["Sessions"]]


def eventually(condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def tunnel(sandbox: Sandbox, port: int, **settings: object) -> Iterator[subprocess.Popen[str]]:
    """`tunnel` while it is open."""
    extra = json.dumps({"federation_tunnel_port": port, **settings})
    process = subprocess.Popen(
        [str(BIN / "ansible-playbook"), "tunnel.yml", "--extra-vars", extra],
        cwd=ROOT,
        env=sandbox.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        eventually(lambda: version(port) or process.poll() is not None, "the tunnel did not open", PATIENCE)
        yield process
    finally:
        process.kill()
        process.communicate()


def version(port: int) -> str | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/version", timeout=5) as answer:
            return str(json.load(answer))
    except (urllib.error.URLError, OSError):
        return None


def test_up_opens_no_port_and_the_query_is_answered(sandbox: Sandbox) -> None:
    snapshots["empty"] = account(sandbox)
    made = sandbox.playbook("up", timeout=PATIENCE, **TUNNEL)
    assert made.returncode == 0, str(made)
    assert manager_rules(sandbox) == []
    answer = sandbox.playbook("query", timeout=PATIENCE, **TUNNEL)
    assert answer.returncode == 0, str(answer)
    assert AVERAGE in answer.stdout, str(answer)
    assert live_sessions(sandbox) == []


def test_nothing_is_open_to_the_outside(sandbox: Sandbox) -> None:
    assert open_ports(manager(sandbox)["PublicIpAddress"]) == []
    shut = sandbox.playbook("query", timeout=PATIENCE, federation_query_timeout=5)
    assert shut.last_line.startswith("ERROR: The manager cannot be reached: "), str(shut)


def test_a_second_up_changes_nothing(sandbox: Sandbox) -> None:
    again = sandbox.playbook("up", timeout=PATIENCE, **TUNNEL)
    assert (again.returncode, again.changed) == (0, 0), str(again)


@pytest.mark.parametrize("way", ["Ctrl-C", "seconds", "killed"])
def test_the_web_view_is_at_a_port_of_this_machine_until_it_is_closed(sandbox: Sandbox, way: str) -> None:
    port = free_port()
    with tunnel(sandbox, port, **({"federation_tunnel_seconds": 10} if way == "seconds" else {})) as process:
        assert version(port)
        assert len(live_sessions(sandbox)) == 1
        if way == "Ctrl-C":
            second = sandbox.playbook("tunnel", federation_tunnel_port=port)
            assert second.returncode != 0, str(second)
            assert second.last_line.startswith(f"ERROR: Port {port} of this machine is taken"), str(second)
            process.send_signal(signal.SIGINT)
        elif way == "killed":
            process.kill()
        said, _ = process.communicate(timeout=PATIENCE)
    assert f"AllegroGraph's web view: http://127.0.0.1:{port}/ as user test" in said
    assert "xyzzy" not in said
    if way != "killed":
        assert process.returncode == 0, said
        last = said.splitlines()[-1]
        assert last.startswith(f"tunnel: closed http://127.0.0.1:{port}/ after "), said
    eventually(lambda: live_sessions(sandbox) == [], "the session went on")
    eventually(lambda: version(port) is None, "the port stayed open")


def test_the_other_access_opens_the_ports_and_closes_them_again(sandbox: Sandbox) -> None:
    public = sandbox.playbook("up", timeout=PATIENCE)
    assert (public.returncode, public.changed) == (0, 1), str(public)
    assert 10035 in open_ports(manager(sandbox)["PublicIpAddress"])
    assert AVERAGE in sandbox.playbook("query", timeout=PATIENCE).stdout
    closed = sandbox.playbook("up", timeout=PATIENCE, **TUNNEL)
    assert (closed.returncode, closed.changed) == (0, 1), str(closed)
    assert open_ports(manager(sandbox)["PublicIpAddress"]) == []


def test_what_goes_wrong_in_a_tunnel_is_said(sandbox: Sandbox) -> None:
    instance = manager(sandbox)["InstanceId"]
    sandbox.on_node(instance, "systemctl stop agraph")
    silent = sandbox.playbook("query", timeout=PATIENCE, **TUNNEL)
    assert silent.last_line == (
        f"ERROR: Nothing listens on port 10035 of the manager ({instance}). Does AllegroGraph run there?"
    ), str(silent)
    sandbox.on_node(instance, "systemctl start agraph")
    sandbox.faults([{"agent": "lost", "name": "*-manager"}])
    lost = sandbox.playbook("query", timeout=PATIENCE, **TUNNEL)
    sandbox.clear_faults()
    assert lost.last_line.startswith(f"ERROR: The manager ({instance}) is not connected to Systems Manager"), str(lost)
    odd = sandbox.playbook("query", timeout=PATIENCE, federation_access="somehow")
    assert odd.returncode != 0, str(odd)
    assert "public, tunnel" in odd.last_line, str(odd)


def test_down_leaves_nothing(sandbox: Sandbox) -> None:
    assert sandbox.playbook("down", timeout=PATIENCE).removed > 0
    assert account(sandbox) == snapshots["empty"]
    nobody = sandbox.playbook("tunnel", federation_tunnel_port=free_port())
    assert nobody.last_line.startswith("ERROR: There is no federation named agraph."), str(nobody)
