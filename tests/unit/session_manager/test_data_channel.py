"""The data channel as a client sees it: the recorded client side replayed, duplicates, cuts, the end."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path

import pytest
from session_client import Client
from session_manager_bench import Bench, wait_for
from websockets.exceptions import ConnectionClosed

from sandbox.session_manager.sessions import NotConnectedError
from session_manager_plugin import frames
from session_manager_plugin.frames import Frame

NODE = "i-0123456789abcdef0"
RECORDING = Path(__file__).parents[2] / "data" / "ssm-session-frames.jsonl"


@pytest.fixture
def client(manager: Bench) -> Client:
    """A client whose session has started and shaken hands."""
    made = Client(manager, manager.gateway.sessions.start(NODE))
    made.open()
    made.shake_hands()
    return made


def recorded(number: int) -> list[tuple[str, Frame | None, float]]:
    """What the client of the recording's session sent: the time, and the frame or None for the opening text."""
    records = [json.loads(line) for line in RECORDING.read_text().splitlines()]
    session = list(dict.fromkeys(record["session"] for record in records))[number]
    return [
        (record["kind"], Frame.decode(base64.b64decode(record["data"])) if record["kind"] == "binary" else None, at)
        for record in records
        if record["session"] == session and record["from"] == "client"
        for at in [record["t"]]
    ]


@pytest.mark.parametrize("number", [0, 1], ids=["raw command", "cut and resumed"])
def test_the_recorded_client_side_replays(manager: Bench, number: int) -> None:
    """Its texts, inputs and pauses as they were; acknowledgements name the message ids of this run's frames."""
    client = Client(manager, manager.gateway.sessions.start(NODE))
    wanted = [b"\r\n0\r\n"] + ([b"line 1\r\n", b"line 5\r\n"] if number else [])
    for kind, frame, _ in recorded(number):
        if kind == "text":
            if client.connection is not None:
                client.cut()
            client.open()
        elif frame is not None and frame.message_type == frames.INPUT_STREAM:
            if frame.payload_type == frames.HANDSHAKE_RESPONSE:
                client.until(lambda: 0 in client.seen)
            else:
                client.until(lambda: 1 in client.seen)
            if frame.payload == b"\nexit\n":
                client.until(lambda: all(each in client.output for each in wanted))
            assert client.connection is not None
            client.connection.send(frame.encode())
            client.until(lambda sequence=frame.sequence: sequence in client.acknowledged)
        elif frame is not None and frames.acknowledged_sequence(frame) == 7 and number:
            # Here the recorded connection was cut: after the command's first line.
            client.until(lambda: b"line 1\r\n" in client.output)
    client.until(lambda: client.closed is not None)
    assert client.closed is not None
    assert client.closed.json()["SessionId"] == client.session.id
    assert client.closed.json()["DestinationId"] == NODE
    assert client.seen[0].payload_type == frames.HANDSHAKE_REQUEST
    assert client.seen[1].payload_type == frames.HANDSHAKE_COMPLETE
    for line in wanted:
        assert client.output.count(line) == 1


def test_output_is_held_until_the_client_has_said_something(client: Client) -> None:
    client.listen(0.5)
    assert set(client.seen) == {0, 1}
    client.send(frames.SIZE, b'{"cols":120,"rows":40}')
    client.until(lambda: b"$ " in client.output or b"# " in client.output)
    client.send(frames.OUTPUT, b"stty size\n")
    client.until(lambda: b"40 120\r\n" in client.output)


def test_input_is_used_once_however_often_it_comes_and_acknowledged_each_time(client: Client) -> None:
    for _ in range(3):
        client.send(frames.OUTPUT, b"echo counted-$((6*7))\n", sequence=1)
    client.send(frames.OUTPUT, b"echo last-$((6*7))\n", sequence=3)
    client.listen(0.5)
    assert b"last-42" not in client.output
    client.send(frames.OUTPUT, b"stty -echo\n", sequence=2)
    client.until(lambda: b"last-42\r\n" in client.output)
    assert client.output.count(b"counted-42\r\n") == 1
    assert client.acknowledged.count(1) == 3


def test_output_that_nobody_acknowledges_is_sent_again(client: Client) -> None:
    client.acknowledging = False
    client.send(frames.OUTPUT, b"echo again-$((6*7))\n")
    client.until(lambda: b"again-42\r\n" in client.output)
    before = dict(client.seen)
    client.seen.clear()
    client.listen(0.6)
    assert {number: frame.payload for number, frame in client.seen.items() if number in before} == {
        number: frame.payload for number, frame in before.items() if number > 1
    }


def test_nothing_is_lost_over_many_cuts(client: Client) -> None:
    client.send(frames.OUTPUT, b"stty -echo; for i in $(seq 1 400); do echo n$i; sleep 0.003; done; echo d'one'\n")
    for _ in range(6):
        client.listen(0.15)
        client.acknowledging = not client.acknowledging
        client.cut()
        client.open()
    client.acknowledging = True
    client.until(lambda: b"done\r\n" in client.output)
    assert re.findall(rb"n(\d+)\r\n", client.output) == [b"%d" % number for number in range(1, 401)]


def test_a_shell_that_ends_while_its_client_is_away_keeps_its_last_words(client: Client) -> None:
    client.send(frames.OUTPUT, b"sleep 0.3; echo last-$((6*7)); exit\n")
    client.until(lambda: 1 in client.acknowledged)
    client.cut()
    time.sleep(0.6)
    client.open()
    client.until(lambda: client.closed is not None)
    assert b"last-42\r\n" in client.output


def test_a_lot_of_output_arrives_whole(client: Client) -> None:
    client.send(frames.OUTPUT, b"stty -echo; head -c 3000000 /dev/zero | tr '\\0' x; echo d'one'\n")
    client.until(lambda: b"done\r\n" in client.seen[max(client.seen)].payload, seconds=30)
    assert client.output.count(b"x") >= 3_000_000
    assert max(len(frame.payload) for frame in client.seen.values()) <= frames.MAXIMUM_PAYLOAD


def test_the_flag_ends_the_session_and_its_processes(client: Client) -> None:
    client.send(frames.OUTPUT, b"echo pid=$$; sleep 1000\n")
    client.until(lambda: b"pid=" in client.output.replace(b"pid=$$", b""))
    client.send(frames.FLAG, frames.terminate_flag())
    client.until(lambda: client.closed is not None)
    pid = int(client.output.replace(b"pid=$$", b"").split(b"pid=")[1].split()[0])
    wait_for(lambda: not Path(f"/proc/{pid}").exists())
    assert client.session.status == "Terminated"


def test_terminate_session_closes_the_channel(client: Client, manager: Bench) -> None:
    manager.gateway.sessions.terminate(client.session.id)
    client.until(lambda: client.closed is not None)
    with pytest.raises(ConnectionClosed):
        client.receive(2)
    client.open()
    with pytest.raises(ConnectionClosed):
        client.receive(2)


def test_a_wrong_token_is_refused(manager: Bench) -> None:
    client = Client(manager, manager.gateway.sessions.start(NODE))
    client.open(token="wrong")
    with pytest.raises(ConnectionClosed) as refused:
        client.receive(2)
    assert refused.value.rcvd is not None
    assert refused.value.rcvd.code == 1008


def test_damaged_frames_are_dropped(client: Client) -> None:
    assert client.connection is not None
    good = Frame(frames.INPUT_STREAM, b"echo good-$((6*7))\n", frames.OUTPUT, 1).encode()
    client.connection.send(good[:-1] + b"X")
    client.connection.send(b"nonsense")
    client.connection.send(good)
    client.until(lambda: b"good-42\r\n" in client.output)


def test_several_sessions_on_one_node_do_not_meet(manager: Bench) -> None:
    clients = [Client(manager, manager.gateway.sessions.start(NODE)) for _ in range(5)]
    for number, client in enumerate(clients):
        client.open()
        client.shake_hands()
        client.send(frames.OUTPUT, f"VALUE={number}\n".encode())
    for client in clients:
        client.send(frames.OUTPUT, b"echo mine-$VALUE-\n")
    for number, client in enumerate(clients):
        client.until(lambda client=client, number=number: f"mine-{number}-".encode() in client.output)


def test_a_session_outlives_a_cut_between_gateway_and_agent(client: Client, manager: Bench) -> None:
    client.send(frames.OUTPUT, b"stty -echo; for i in $(seq 1 40); do echo n$i; sleep 0.02; done; echo d'one'\n")
    client.until(lambda: b"n3\r\n" in client.output)
    peer = manager.gateway.agents.peer(NODE)
    assert peer is not None
    peer.close()
    client.until(lambda: b"done\r\n" in client.output)
    assert re.findall(rb"n(\d+)\r\n", client.output) == [b"%d" % number for number in range(1, 41)]


def test_the_restart_of_an_agent_ends_its_sessions(client: Client, manager: Bench) -> None:
    node = manager.nodes[NODE]
    assert node.stop() == 0
    wait_for(lambda: manager.gateway.agents.peer(NODE) is None)
    with pytest.raises(NotConnectedError):
        manager.gateway.sessions.start(NODE)
    node.start()
    client.until(lambda: client.closed is not None)
    assert client.closed is not None
    assert "restart" in client.closed.json()["Output"]
