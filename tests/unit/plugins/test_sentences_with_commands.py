"""What a sentence says to type: the command as it has to be typed here, also after Ctrl-C."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from plugins.plugin_utils.commands import completed, options
from plugins.plugin_utils.interruptions import interrupted

HERE = Path("/checkout")


def test_a_run_without_options_leaves_commands_as_they_are() -> None:
    text = "Repeat with: ansible-playbook down.yml -e federation_name=agraph"
    assert completed(text, options((), {}, HERE)) == text


def test_inventory_and_settings_are_repeated() -> None:
    given = options(
        ["/checkout/inventory/aws", "/elsewhere/my aws"], {"federation_region": "eu-west-1", "other": 1}, HERE
    )
    assert completed("Repeat with: ansible-playbook down.yml, then look.", given) == (
        "Repeat with: ansible-playbook down.yml -i inventory/aws -i '/elsewhere/my aws' "
        "-e federation_region=eu-west-1, then look."
    )


def test_what_a_command_says_itself_counts() -> None:
    given = options((), {"federation_name": "all", "federation_member_count": 3}, HERE)
    said = completed("ansible-playbook down.yml -e federation_name=one, or ansible-playbook up.yml", given)
    assert said == (
        "ansible-playbook down.yml -e federation_name=one -e federation_member_count=3, or "
        "ansible-playbook up.yml -e federation_name=all -e federation_member_count=3"
    )


def test_secrets_and_what_is_for_one_run_are_not_repeated() -> None:
    settings = {
        "federation_agraph_password": "hush",
        "federation_take_over": True,
        "federation_on_failure": "keep",
        "federation_discard_data": True,
        "federation_query": "SELECT *",
        "federation_query_file": "q.rq",
        "federation_tunnel_port": 18035,
        "federation_result_file": "r.json",
        "federation_output": "csv",
        "federation_output_file": "r.csv",
    }
    assert options((), settings, HERE) == {}


def test_values_that_ansible_or_a_shell_would_cut_arrive_whole() -> None:
    value = {"federation_key_file": "/my keys/it's.pem"}
    _, word = shlex.split(options((), value, HERE)["federation_key_file"])
    assert json.loads(word) == value


def test_an_interrupted_up_says_what_stands_and_how_to_go_on() -> None:
    said = interrupted("up", "agraph", ["network | Make the VPC agraph-vpc", "bucket | Make the bucket b"])
    assert said == (
        "up was interrupted. What it had made until then (2 changes, the last: bucket | Make the bucket b) stands, and "
        "is paid for: see it with ansible-playbook leftovers.yml -e federation_name=agraph, go on with "
        "ansible-playbook up.yml -e federation_name=agraph, or remove it with "
        "ansible-playbook down.yml -e federation_name=agraph"
    )


def test_an_interrupted_down_and_query() -> None:
    assert interrupted("down", "agraph", ["x"]).startswith(
        "down was interrupted. What it had not removed until then (1 change, the last: x) stands, and is paid for: "
    )
    assert interrupted("query", "agraph", []) == "query was interrupted."
    assert interrupted("stop", "agraph", []) == (
        "stop was interrupted, and what AWS had been asked for until then goes on there: see it with "
        "ansible-playbook status.yml -e federation_name=agraph, and go on with "
        "ansible-playbook stop.yml -e federation_name=agraph"
    )
