"""What faults do to agents and to the connections of sessions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from session_client import Client
from session_manager_bench import Bench, aws_environment, wait_for
from websockets.exceptions import ConnectionClosed

from sandbox.faults.rules import rules_of
from sandbox.session_manager.sessions import NotConnectedError
from session_manager_plugin import frames

NODE, OTHER = "i-0123456789abcdef0", "i-0123456789abcdef1"
PLUGIN = str(Path(sys.executable).parent / "session-manager-plugin")
COUNTING = b"stty -echo; for i in $(seq 1 300); do echo n$i; sleep 0.002; done; echo d'one'\n"


def set_faults(manager: Bench, *rules: dict[str, Any]) -> None:
    manager.faults.set(rules_of(list(rules)))


def struck(manager: Bench) -> list[int]:
    return [each["struck"] for each in manager.faults.listed()]


def opened(manager: Bench, node: str = NODE) -> Client:
    client = Client(manager, manager.gateway.sessions.start(node))
    client.open()
    client.shake_hands()
    return client


def broken(client: Client) -> ConnectionClosed:
    """Have a client listen until its connection breaks."""
    with pytest.raises(ConnectionClosed) as closed:
        client.until(lambda: False)
    return closed.value


def test_a_session_is_cut_at_its_first_output_and_is_over(manager: Bench, ssm: Any) -> None:
    set_faults(manager, {"session": "cut"})
    client = opened(manager)
    client.send(frames.OUTPUT, b"echo on-$((6*7))\n")
    assert broken(client).rcvd is None
    assert (client.output, client.closed, client.session.status) == (b"", None, "Terminated")
    assert ssm.resume_session(SessionId=client.session.id)["TokenValue"] == ""
    client.open()
    with pytest.raises(ConnectionClosed):
        client.receive(2)
    assert struck(manager) == [1]
    other = opened(manager)
    other.send(frames.OUTPUT, b"echo on-$((6*7))\n")
    other.until(lambda: b"on-42\r\n" in other.output)


def test_what_runs_in_a_session_that_is_cut_ends(manager: Bench) -> None:
    client = opened(manager)
    client.send(frames.OUTPUT, b"echo pid=$$.\n")
    client.until(lambda: re.search(rb"pid=(\d+)\.", client.output))
    found = re.search(rb"pid=(\d+)\.", client.output)
    assert found is not None
    set_faults(manager, {"session": "cut", "bytes": client.session.output + 20})
    client.send(frames.OUTPUT, b"echo some more than twenty bytes; sleep 99\n")
    broken(client)
    wait_for(lambda: not Path(f"/proc/{int(found.group(1))}").exists())


@pytest.mark.parametrize("limit", [0, 500])
def test_a_session_that_is_interrupted_goes_on_and_nothing_is_lost(manager: Bench, limit: int) -> None:
    set_faults(manager, {"session": "interrupted", "bytes": limit})
    client = opened(manager)
    client.send(frames.OUTPUT, COUNTING)
    assert broken(client).rcvd is None
    assert limit <= len(client.output) < limit + frames.MAXIMUM_PAYLOAD + 1
    assert client.session.status == "Disconnected"
    client.open()
    client.until(lambda: b"done\r\n" in client.output)
    assert re.findall(rb"n(\d+)\r\n", client.output) == [b"%d" % number for number in range(1, 301)]
    assert struck(manager) == [1]


def test_the_rule_chooses_by_name_and_counts_the_sessions_that_came_so_far(manager: Bench) -> None:
    manager.node(OTHER)
    set_faults(manager, {"session": "cut", "name": "node-1", "bytes": 5, "after": 1})
    clients = [opened(manager, node) for node in (NODE, OTHER, OTHER)]
    for client in clients[:2]:
        client.send(frames.OUTPUT, b"echo on-$((6*7))\n")
        client.until(lambda client=client: b"on-42\r\n" in client.output)
    clients[2].send(frames.OUTPUT, b"echo on-$((6*7))\n")
    broken(clients[2])
    (listed,) = manager.faults.listed()
    assert (listed["matched"], listed["struck"]) == (2, 1)


def test_the_plugin_leaves_where_a_session_is_cut(manager: Bench, ssm: Any, endpoint: str) -> None:
    set_faults(manager, {"session": "cut"})
    answer = ssm.start_session(Target=NODE)
    answer.pop("ResponseMetadata")
    command = [PLUGIN, json.dumps(answer), "us-west-2", "StartSession", "", json.dumps({"Target": NODE}), endpoint]
    with subprocess.Popen(
        command, env=aws_environment(endpoint), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as plugin:
        assert plugin.stdin is not None
        plugin.stdin.write(b"echo on-$((6*7))\n")
        plugin.stdin.flush()
        assert plugin.wait(15) is not None
        assert plugin.stdout is not None
        assert b"on-42" not in plugin.stdout.read()


def test_an_agent_is_lost_until_the_rule_is_gone(manager: Bench, ssm: Any) -> None:
    manager.node(OTHER)
    client = opened(manager)
    client.send(frames.OUTPUT, b"stty -echo; echo pid=$$.\n")
    client.until(lambda: re.search(rb"pid=\d+\.", client.output))
    set_faults(manager, {"agent": "lost", "name": "node-0"})
    assert broken(client).rcvd is None
    with pytest.raises(NotConnectedError):
        manager.gateway.sessions.start(NODE)
    assert ssm.resume_session(SessionId=client.session.id)["TokenValue"] == ""

    def states() -> dict[str, str]:
        found = ssm.describe_instance_information()["InstanceInformationList"]
        return {each["InstanceId"]: each["PingStatus"] for each in found}

    wait_for(lambda: states() == {NODE: "ConnectionLost", OTHER: "Online"})
    # Also by another set of rules that loses it.
    set_faults(manager, {"agent": "lost", "name": "node-[0]"}, {"session": "cut"})
    node = manager.nodes[NODE]
    node.stop()
    node.start()
    other = manager.node("i-0123456789abcdef2")
    assert manager.gateway.agents.peer(other.instance_id)
    assert manager.gateway.agents.peer(NODE) is None
    assert struck(manager) == [1, 0]
    set_faults(manager)
    wait_for(lambda: states()[NODE] == "Online")
    again = opened(manager)
    again.send(frames.OUTPUT, b"echo on-$((6*7))\n")
    again.until(lambda: b"on-42\r\n" in again.output)


def test_an_agent_that_comes_later_is_not_lost(manager: Bench) -> None:
    set_faults(manager, {"agent": "lost", "name": "node-1"})
    manager.node(OTHER)
    assert struck(manager) == [0]
