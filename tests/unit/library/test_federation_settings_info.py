"""federation_settings_info: one sentence for each setting that cannot work, before anything is made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.federation_settings import problems_with_logs
from pretended_agraph import Run

from library import federation_settings_info

GOOD: dict[str, Any] = {
    "name": "agraph",
    "region": "us-west-2",
    "member_count": "2",
    "vpc_cidr": "10.0.0.0/16",
    "public_subnet_cidr": "10.0.0.0/24",
    "private_subnet_cidr": "10.0.1.0/24",
    "allowed_cidr": "203.0.113.7/32",
    "instance_type": "t3.medium",
}


@pytest.fixture
def settings(aws: Any, image: str) -> dict[str, Any]:
    """Good settings for that account."""
    return {**GOOD, "image_id": image}


def test_good_settings_say_whose_account_it_is(settings: dict[str, Any], run: Run) -> None:
    answer = run(federation_settings_info, **settings)
    assert (answer["account"], answer["changed"]) == ("123456789012", False)


def test_they_say_what_it_costs_where_the_price_is_known(settings: dict[str, Any], run: Run) -> None:
    # Three t3.medium, the gateway, two addresses.
    assert run(federation_settings_info, **{**settings, "member_count": 2})["hourly_cost"] == 0.1798
    unusual = {**settings, "instance_type": "m5.large"}
    assert run(federation_settings_info, **unusual)["hourly_cost"] is None


LOGS = {"folder": "logs", "mb": 20, "paths": [], "timeout": 120}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"mb": 0}, "federation_logs_mb '0' is no size: give whole MB, 1 or more."),
        ({"timeout": "soon"}, "federation_logs_timeout 'soon' is no time: give whole seconds, 1 or more."),
        ({"folder": ""}, "federation_logs_folder is empty"),
        ({"paths": ["log/*"]}, "federation_logs_paths '['log/*']' is no list of absolute paths"),
        ({"paths": "/var/log/x"}, "federation_logs_paths '/var/log/x' is no list of absolute paths"),
    ],
)
def test_what_is_wrong_with_logs_is_said(wrong: dict[str, Any], sentence: str) -> None:
    assert list(problems_with_logs(LOGS)) == []
    (said,) = problems_with_logs({**LOGS, **wrong})
    assert said.startswith(sentence)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "Agraph"}, "federation_name 'Agraph' would be refused by AWS"),
        ({"name": "a--b"}, "federation_name 'a--b' would be refused by AWS"),
        ({"name": "x" * 33}, "would be refused by AWS"),
        ({"name": "all"}, "federation_name 'all' is reserved"),
        ({"name": "ssm-one"}, "federation_name 'ssm-one' begins with aws or ssm"),
        ({"region": "mars-west-1"}, "federation_region 'mars-west-1' is no region of AWS"),
        ({"member_count": 0}, "federation_member_count 0 is too small"),
        ({"member_count": "-3"}, "federation_member_count -3 is too small"),
        ({"member_count": 1.5}, "federation_member_count '1.5' is not a number"),
        ({"member_count": "two"}, "federation_member_count 'two' is not a number"),
        ({"member_count": 252}, "federation_member_count 252 is more than the 251 addresses"),
        ({"vpc_cidr": "10.0.0.0"}, "federation_vpc_cidr '10.0.0.0' is not an IPv4 network"),
        ({"vpc_cidr": "10.0.0.0/8"}, "federation_vpc_cidr 10.0.0.0/8 has a size that AWS refuses"),
        ({"vpc_cidr": "10.0.0.0/255.255.0.0"}, "federation_vpc_cidr '10.0.0.0/255.255.0.0' is not an IPv4 network"),
        ({"vpc_cidr": "ten"}, "federation_vpc_cidr 'ten' is not an IPv4 network"),
        ({"vpc_cidr": "10.0.0.1/16"}, "federation_vpc_cidr '10.0.0.1/16' is not an IPv4 network"),
        ({"public_subnet_cidr": "10.0.1.0/25"}, "overlap"),
        ({"private_subnet_cidr": "10.1.0.0/24"}, "federation_private_subnet_cidr 10.1.0.0/24 lies outside"),
        ({"allowed_cidr": "203.0.113.7"}, "federation_allowed_cidr '203.0.113.7' is not an IPv4 network"),
        ({"access": "private"}, "federation_access 'private' is unknown: use public or tunnel."),
        ({"allowed_cidr": ""}, "federation_allowed_cidr and federation_address_service are both empty: "),
        (
            {"allowed_cidr": "0.0.0.0/0"},
            "federation_allowed_cidr 0.0.0.0/0 would let the whole world reach the manager",
        ),
        ({"image_id": ""}, "the classic tutorial's was ami-5616d82e"),
        ({"image_id": "ami-0123456789abcdef0"}, "federation_ami_id ami-0123456789abcdef0 does not exist"),
        ({"instance_type": "t3.gigantic"}, "federation_instance_type 't3.gigantic' is not offered in us-west-2"),
        ({"key_name": "k", "key_file": ""}, "federation_key_file is empty"),
        *(
            ({"ttl_hours": hours}, f"federation_ttl_hours '{hours}' is no number of hours")
            for hours in (-1, "soon", "", "nan", "inf", "1e3", "8 h", 87601, True)
        ),
        *(
            ({"root_volume_gb": size}, f"federation_root_volume_gb '{size}' is no size")
            for size in (-1, "big", "", 7.5, 16385, "8 GB")
        ),
        ({"tags": "Cost=1"}, "federation_tags 'Cost=1' are no tags: write them like "),
        ({"tags": {"Role": "x"}}, "federation_tags has the key 'Role', by which a federation is known"),
        ({"tags": {"aws:x": "y"}}, "federation_tags has the key 'aws:x', and AWS keeps aws: for itself"),
        ({"tags": {"Cost": "1;2"}}, "federation_tags has the tag 'Cost': '1;2', which not every service"),
        ({"tags": {"x" * 129: "y"}}, "which not every service of AWS's takes"),
        ({"tags": {f"k{each}": "v" for each in range(46)}}, "federation_tags has 46 tags, and AWS has room for 44"),
        ({"on_failure": "weep"}, "federation_on_failure 'weep' is unknown"),
        ({"timeouts": {"agent_timeout": "soon"}}, "federation_agent_timeout 'soon' is no time"),
        (
            {"session_manager_plugin": "/nowhere/plugin"},
            "The session-manager-plugin /nowhere/plugin cannot run: No such",
        ),
    ],
)
def test_what_is_wrong_is_said(settings: dict[str, Any], run: Run, wrong: dict[str, Any], sentence: str) -> None:
    answer = run(federation_settings_info, **{**settings, **wrong})
    assert answer["failed"]
    assert sentence in answer["msg"]
    assert len(answer["problems"]) == 1


@pytest.mark.parametrize(
    ("purpose", "setting"),
    [("status", "status"), ("stop", "stop"), ("start", "agent"), ("down", "gateway"), ("down", "settle")],
)
def test_a_verb_that_makes_nothing_looks_at_its_own_times(
    settings: dict[str, Any], run: Run, purpose: str, setting: str
) -> None:
    wrong = {"timeouts": {f"{setting}_timeout": "soon", "profile_timeout": "late"}}
    answer = run(federation_settings_info, **{**settings, **wrong, "purpose": purpose})
    assert answer["msg"] == f"federation_{setting}_timeout 'soon' is no time: give whole seconds, 1 or more."


@pytest.fixture
def teller() -> Iterator[Callable[[int, str], str]]:
    """Make services that answer whoever asks with a status and a text, and return their URLs."""
    servers: list[ThreadingHTTPServer] = []

    def make(status: int, text: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *arguments: Any) -> None:
                """Say nothing."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def test_without_a_network_the_callers_own_address_is_asked_for(
    settings: dict[str, Any], run: Run, teller: Callable[[int, str], str]
) -> None:
    mine = {**settings, "allowed_cidr": "", "address_service": teller(200, "198.51.100.7\n")}
    assert run(federation_settings_info, **mine)["caller_cidr"] == "198.51.100.7/32"
    # Whoever names a network is asked for nothing.
    named = {**mine, "allowed_cidr": "203.0.113.0/24", "address_service": "http://127.0.0.1:9/"}
    assert run(federation_settings_info, **named)["caller_cidr"] == ""


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (200, "<html>Please sign in</html>", "answers '<html>Please sign in</html>', which is no IPv4 address"),
        (200, "", "answers '', which is no IPv4 address"),
        (200, "2001:db8::7\n", "which is no IPv4 address"),
        (503, "198.51.100.7\n", "/: HTTP Error 503"),
    ],
)
def test_an_address_that_cannot_be_found_out_is_an_error_and_never_the_world(
    settings: dict[str, Any], run: Run, teller: Callable[[int, str], str], status: int, text: str, said: str
) -> None:
    answer = run(federation_settings_info, **{**settings, "allowed_cidr": "", "address_service": teller(status, text)})
    assert answer["failed"]
    assert answer["msg"].startswith("Your own public address could not be found out (http://127.0.0.1:")
    assert said in answer["msg"]
    assert answer["msg"].endswith("the network that may reach the manager, such as 203.0.113.7/32.")


def test_the_world_may_come_in_where_it_is_meant(settings: dict[str, Any], run: Run) -> None:
    answer = run(federation_settings_info, **{**settings, "allowed_cidr": "0.0.0.0/0", "allow_world": True})
    assert not answer.get("failed")


@pytest.mark.parametrize("tags", [{}, {"CostCenter": 42, "Team": "Graph + Co", "Größe": ""}])
def test_further_tags(settings: dict[str, Any], run: Run, tags: dict[str, Any]) -> None:
    assert not run(federation_settings_info, **{**settings, "tags": tags}).get("failed")


@pytest.mark.parametrize("allowed_cidr", ["", "0.0.0.0/0"])
def test_nobody_comes_in_beside_a_tunnel(settings: dict[str, Any], run: Run, allowed_cidr: str) -> None:
    answer = run(federation_settings_info, **{**settings, "access": "tunnel", "allowed_cidr": allowed_cidr})
    assert answer["caller_cidr"] == ""


@pytest.mark.parametrize("hours", [0, "0", 8, "0.5", 0.0125, " 24 ", 87600])
def test_hours_to_live(settings: dict[str, Any], run: Run, hours: Any) -> None:
    assert not run(federation_settings_info, **{**settings, "ttl_hours": hours}).get("failed")


def test_all_that_is_wrong_is_said_at_once(settings: dict[str, Any], run: Run) -> None:
    answer = run(federation_settings_info, **{**settings, "name": "A", "member_count": 0, "image_id": ""})
    assert len(answer["problems"]) == 3


@pytest.mark.parametrize(("purpose", "good"), [("down", False), ("leftovers", True), ("status", True)])
def test_all_is_good_for_looking_only(settings: dict[str, Any], run: Run, purpose: str, good: bool) -> None:
    answer = run(federation_settings_info, purpose=purpose, name="all", region="us-west-2")
    assert answer.get("failed", False) is not good


def test_down_needs_no_more_than_the_name(settings: dict[str, Any], run: Run) -> None:
    answer = run(federation_settings_info, purpose="down", name="agraph", region="us-west-2")
    assert answer["account"] == "123456789012"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("#!/bin/sh\necho 'no such library' >&2\nexit 1\n", "no such library"),
        ("#!/bin/sh\necho >&2\nexit 3\n", "it ended with 3"),
        ("no program", "Exec format error"),
    ],
)
def test_a_plugin_that_cannot_run(tmp_path: Path, program: str, reason: str) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(program)
    plugin.chmod(0o755)
    said = federation_settings_info.problem_with_plugin(str(plugin))
    assert said is not None
    assert said.startswith(f"The session-manager-plugin {plugin} cannot run: {reason}. Install AWS's own")


def test_no_credentials(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    answer = run(federation_settings_info, **GOOD, image_id="ami-0123456789abcdef0")
    assert answer["problems"] == [f"No AWS credentials were found: {federation_settings_info.CREDENTIALS_HELP}"]
