"""The agent: who it says it is, when it comes, how it goes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from session_manager_bench import ROOT, bench, wait_for

NODE = "i-00000000000000001"


def test_it_registers_as_the_metadata_service_says_after_the_delay(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def authorise(instance_id: str, access_key_id: str) -> str | None:
        asked.append((instance_id, access_key_id))
        return None

    with bench(tmp_path, authorise) as made:
        begun = time.monotonic()
        node = made.node(NODE, online_delay=1.0)
        assert time.monotonic() - begun > 1.0
        assert asked == [(NODE, "ASIATHEROLESKEY00000")]
        node.stop()
        begun = time.monotonic()
        node.start()
        wait_for(lambda: made.gateway.agents.peer(NODE))
        assert time.monotonic() - begun < 1.0, "the delay is that of a boot, not of a restart"


def test_a_restart_before_it_registered_does_not_begin_the_boot_anew(tmp_path: Path) -> None:
    with bench(tmp_path) as made:
        begun = time.monotonic()
        node = made.node(NODE, online=False, online_delay=3.0)
        assert node.process is not None
        wait_for((tmp_path / NODE / "run/booted").exists, 2)
        time.sleep(1.0)
        node.stop()
        restarted = time.monotonic()
        node.start()
        wait_for(lambda: made.gateway.agents.peer(NODE), 5)
        assert time.monotonic() - begun > 3.0, "a restart is no short cut"
        assert time.monotonic() - restarted < 3.0, "what the boot takes is not taken twice"


def test_it_tries_again_while_it_is_not_allowed(tmp_path: Path) -> None:
    reasons: list[str | None] = ["the role carries no policy of Systems Manager"]
    with bench(tmp_path, lambda instance_id, access_key_id: reasons[0]) as made:
        made.node(NODE, online=False)
        time.sleep(0.8)
        assert made.gateway.agents.get(NODE) is None
        reasons[0] = None
        wait_for(lambda: made.gateway.agents.peer(NODE), 5)


def test_it_waits_for_a_gateway_that_cannot_be_reached_and_ends_when_told(tmp_path: Path) -> None:
    with bench(tmp_path) as made:
        node = made.node(NODE, online=False, gateway="127.0.0.1:1")
        time.sleep(0.5)
        begun = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - begun < 2


def test_an_agent_that_falls_silent_is_dropped(tmp_path: Path) -> None:
    with bench(tmp_path) as made:
        node = made.node(NODE)
        assert node.process is not None
        node.process.send_signal(19)
        wait_for(lambda: made.gateway.agents.peer(NODE) is None, 5)
        node.process.send_signal(18)
        wait_for(lambda: made.gateway.agents.peer(NODE), 5)


def test_settings_that_cannot_be_used_are_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox.session_manager.agent", "--settings", str(tmp_path / "none.json")]
    environment = {"PATH": os.environ["PATH"]}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1


def test_twenty_agents_at_once(tmp_path: Path) -> None:
    with bench(tmp_path) as made:
        names = [f"i-{number:017x}" for number in range(20)]
        for name in names:
            made.node(name, online=False)
        wait_for(lambda: all(made.gateway.agents.peer(name) for name in names), 30)
