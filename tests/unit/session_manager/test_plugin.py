"""The plugin as aws_ssm runs it: a pipe as standard input, a terminal of size 0x0 as standard output."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from session_manager_bench import Bench, aws_environment, wait_for

from sandbox.session_manager.gateway import Connection
from sandbox.session_manager.sessions import Session
from session_manager_plugin.__main__ import UsageError, parse
from session_manager_plugin.client import _proxy

NODE = "i-0123456789abcdef0"
PLUGIN = str(Path(sys.executable).parent / "session-manager-plugin")


@dataclass
class Running:
    """A plugin at work, and what it has written."""

    process: subprocess.Popen[bytes]
    terminal: int
    session_id: str
    output: bytes = b""

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def until(self, pattern: bytes, seconds: float = 10.0) -> re.Match[bytes]:
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.output)):
            remaining = end - time.monotonic()
            assert remaining > 0, f"{pattern!r} did not come: {self.output!r}"
            if select.select([self.terminal], [], [], remaining)[0]:
                try:
                    self.output += os.read(self.terminal, 65536)
                except OSError:
                    raise AssertionError(f"{pattern!r} did not come before the end: {self.output!r}") from None
        return found


def connected(ssm: Any) -> dict[str, Any]:
    """Start a session; on a busy machine the agent may just be connecting again."""
    end = time.monotonic() + 10
    while True:
        try:
            return dict(ssm.start_session(Target=NODE))
        except ssm.exceptions.TargetNotConnected:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def start(ssm: Any, endpoint: str, *, interactive: bool = False) -> Running:
    answer = connected(ssm)
    answer.pop("ResponseMetadata")
    command = [PLUGIN, json.dumps(answer), "us-west-2", "StartSession", "", json.dumps({"Target": NODE}), endpoint]
    controller, terminal = pty.openpty()
    process: subprocess.Popen[bytes] = subprocess.Popen(
        command,
        env=aws_environment(endpoint),
        stdin=terminal if interactive else subprocess.PIPE,
        stdout=terminal,
        stderr=subprocess.PIPE,
    )
    if not interactive:
        os.close(terminal)
    return Running(process, controller, answer["SessionId"])


@pytest.fixture
def plugin(ssm: Any, endpoint: str) -> Iterator[Running]:
    running = start(ssm, endpoint)
    yield running
    running.process.kill()
    running.process.communicate()
    os.close(running.terminal)


def prepare(running: Running) -> None:
    """What aws_ssm does before its first command."""
    running.until(rb"Starting session with SessionId")
    running.write(b"stty -echo\n")
    running.until(rb"stty -echo")
    running.write(b"PS1='' ; bind 'set enable-bracketed-paste off'; printf '\\n%s\\n' 'MARK'\n")
    running.until(rb"\r\r\nMARK\r\r\n")


def _has_another_client(session: Session, client: Connection) -> bool:
    return session.client not in (None, client)


def test_aws_ssm_s_conversation(plugin: Running) -> None:
    prepare(plugin)
    assert plugin.output.startswith(b"\r\nStarting session with SessionId: " + plugin.session_id.encode() + b"\r\n")
    before = len(plugin.output)
    plugin.write(b"printf '%s\\n' 'BEGIN';\necho | hostname;\nprintf '\\n%s\\n%s\\n' \"$?\" 'END';\n")
    plugin.until(rb"END\r\r\n")
    host = os.uname().nodename.encode()
    assert plugin.output[before:] == b"BEGIN\r\r\n" + host + b"\r\r\n\r\r\n0\r\r\nEND\r\r\n"


def test_it_leaves_at_the_end_of_its_input(plugin: Running, manager: Bench) -> None:
    prepare(plugin)
    begun = time.monotonic()
    plugin.process.communicate(b"\nexit\n", timeout=5)
    assert time.monotonic() - begun < 1
    assert plugin.process.returncode == 0
    session = manager.gateway.sessions.get(plugin.session_id)
    assert session is not None
    wait_for(lambda: session.status in ("Terminated", "Disconnected"))


def test_it_leaves_though_nobody_reads_its_output(plugin: Running) -> None:
    prepare(plugin)
    plugin.write(b"yes\n")
    time.sleep(0.5)
    plugin.process.communicate(b"", timeout=5)


def test_a_lot_of_input_arrives_whole(plugin: Running) -> None:
    prepare(plugin)
    plugin.write(b"cat > /dev/null <<'EOF'\n" + b"0123456789abcdef" * 63 + b"\n")
    for _ in range(200):
        plugin.write(b"0123456789abcdef" * 63 + b"\n")
    plugin.write(b"EOF\nwc -c <<'EOF'\n" + (b"x" * 99 + b"\n") * 50 + b"EOF\n")
    plugin.until(rb"5000\r", seconds=20)


def test_a_cut_is_resumed_and_nothing_is_lost(plugin: Running, manager: Bench) -> None:
    prepare(plugin)
    plugin.write(b"for i in $(seq 1 60); do echo n$i; sleep 0.02; done; echo d'one'\n")
    for line in (b"n5", b"n20"):
        plugin.until(line + rb"\r")
        session = manager.gateway.sessions.get(plugin.session_id)
        assert session is not None
        client = session.client
        assert isinstance(client, Connection)
        client._connection.transport.abort()
        wait_for(partial(_has_another_client, session, client))
    plugin.until(rb"done\r", seconds=20)
    assert re.findall(rb"n(\d+)\r", plugin.output) == [b"%d" % number for number in range(1, 61)]
    plugin.write(b"echo still-$((6*7))\n")
    plugin.until(rb"still-42")


def test_a_session_that_ends_from_outside_ends_the_plugin(plugin: Running, ssm: Any) -> None:
    prepare(plugin)
    ssm.terminate_session(SessionId=plugin.session_id)
    plugin.until(rb"Exiting session with sessionId: " + plugin.session_id.encode())
    assert plugin.process.wait(5) == 0


def test_a_cut_session_that_is_over_ends_the_plugin(plugin: Running, manager: Bench) -> None:
    prepare(plugin)
    session = manager.gateway.sessions.get(plugin.session_id)
    assert session is not None
    session.ended = time.time()
    client = session.client
    assert isinstance(client, Connection)
    client.close()
    plugin.until(rb"timed out")
    assert plugin.process.wait(5) == 0


def test_sigterm_ends_the_far_shell_too(plugin: Running, manager: Bench) -> None:
    prepare(plugin)
    plugin.write(b"echo pid=$$; sleep 1000\n")
    pid = int(plugin.until(rb"pid=(\d+)")[1])
    plugin.process.send_signal(signal.SIGTERM)
    assert plugin.process.wait(5) == 0
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def test_a_person_s_terminal_is_raw_while_the_session_lasts(ssm: Any, endpoint: str) -> None:
    running = start(ssm, endpoint, interactive=True)
    termios.tcsetwinsize(running.terminal, (33, 111))
    before = termios.tcgetattr(running.terminal)
    running.until(rb"[$#] ")
    assert not termios.tcgetattr(running.terminal)[3] & termios.ICANON
    os.write(running.terminal, b"stty size\n")
    running.until(rb"33 111\r\n")
    os.write(running.terminal, b"sleep 1000\n")
    running.until(rb"sleep 1000\r\n")
    os.write(running.terminal, b"\x03")
    termios.tcsetwinsize(running.terminal, (20, 70))
    time.sleep(0.3)
    os.write(running.terminal, b"stty size\n")
    running.until(rb"20 70\r\n")
    os.write(running.terminal, b"exit\n")
    running.until(rb"Exiting session")
    assert running.process.wait(5) == 0
    assert termios.tcgetattr(running.terminal) == before
    os.close(running.terminal)


def test_a_gateway_that_is_not_there_is_one_sentence() -> None:
    answer = {"SessionId": "s-1", "TokenValue": "t", "StreamUrl": "ws://127.0.0.1:1/v1/data-channel/s-1"}
    ended = subprocess.run(
        [PLUGIN, json.dumps(answer), "us-west-2", "StartSession"], input=b"", capture_output=True, check=False
    )
    assert ended.returncode == 1
    assert b"Cannot perform start session:" in ended.stdout
    assert b"Traceback" not in ended.stdout + ended.stderr


def test_alone_it_says_that_it_is_there() -> None:
    ended = subprocess.run([PLUGIN], capture_output=True, text=True, check=True)
    assert "The Session Manager plugin was installed successfully" in ended.stdout
    assert subprocess.run([PLUGIN, "--version"], capture_output=True, text=True, check=True).stdout == "1.2.0.0\n"


def test_its_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.dumps({"SessionId": "s", "TokenValue": "t", "StreamUrl": "wss://example/x"})
    request = parse([answer, "eu-west-1", "StartSession", "someone", "{}", "https://ssm.example"])
    assert (request.region, request.profile, request.endpoint) == ("eu-west-1", "someone", "https://ssm.example")
    assert parse([answer, "eu-west-1", "StartSession"]).profile == ""
    monkeypatch.setenv("AWS_SSM_START_SESSION_RESPONSE", answer)
    assert parse(["AWS_SSM_START_SESSION_RESPONSE", "eu-west-1", "StartSession"]).token == "t"
    for wrong in (["x"], ["{}", "r", "StartSession"], [answer, "r", "Dance"], ["[]", "r", "StartSession"]):
        with pytest.raises(UsageError):
            parse(wrong)


def test_an_address_of_this_machine_is_never_asked_of_a_proxy() -> None:
    assert _proxy("ws://127.66.0.1:4567/x") is None
    assert _proxy("ws://localhost:1/x") is None
    assert _proxy("wss://ssmmessages.us-west-2.amazonaws.com/x") is True


def test_it_starts_fast_and_without_boto3() -> None:
    code = "import sys, session_manager_plugin.client; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    seconds = []
    for _ in range(5):
        begun = time.monotonic()
        subprocess.run([sys.executable, "-c", code], check=True)
        seconds.append(time.monotonic() - begun)
    # 0.11 s on a quiet machine; the bound leaves room for a busy one.
    assert min(seconds) < 0.4
