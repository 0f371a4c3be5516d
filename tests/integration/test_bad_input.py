"""Settings that cannot work: one clear sentence, an exit code, and nothing made."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import BIN, ROOT, Run, Sandbox, account, run

pytestmark = pytest.mark.timeout(600)

# What a traceback or an exception of Python's leaves on a screen.
PYTHONS_OWN = ("Traceback", "Exception", "Errno", "Error(", "<class", "object at 0x", "{{")

SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "no members": (
        {"federation_member_count": 0},
        "federation_member_count 0 is too small: a federation needs at least 1 member.",
    ),
    "fewer than no members": (
        {"federation_member_count": -1},
        "federation_member_count -1 is too small: a federation needs at least 1 member.",
    ),
    "members in words": (
        {"federation_member_count": "many"},
        "federation_member_count 'many' is not a number: say how many members hold triples, 1 or more.",
    ),
    "half a member": (
        {"federation_member_count": 1.5},
        "federation_member_count '1.5' is not a number: say how many members hold triples, 1 or more.",
    ),
    "more members than addresses": (
        {"federation_member_count": 252},
        "federation_member_count 252 is more than the 251 addresses of federation_private_subnet_cidr 10.0.1.0/24: "
        "choose a larger subnet or fewer members.",
    ),
    "subnets that overlap": (
        {"federation_private_subnet_cidr": "10.0.0.128/25"},
        "federation_public_subnet_cidr 10.0.0.0/24 and federation_private_subnet_cidr 10.0.0.128/25 overlap: "
        "choose two separate parts of the VPC.",
    ),
    "a subnet outside the VPC": (
        {"federation_private_subnet_cidr": "10.1.0.0/24"},
        "federation_private_subnet_cidr 10.1.0.0/24 lies outside federation_vpc_cidr 10.0.0.0/16: "
        "choose a part of the VPC.",
    ),
    "a network that is none": (
        {"federation_vpc_cidr": "ten dot"},
        "federation_vpc_cidr 'ten dot' is not an IPv4 network in CIDR notation: write it like 10.0.0.0/16, "
        "with no bits set behind the prefix.",
    ),
    "the whole world": (
        {"federation_allowed_cidr": "0.0.0.0/0"},
        "federation_allowed_cidr 0.0.0.0/0 would let the whole world reach the manager: name your own network, leave "
        "it empty for your own address alone, or mean it with -e federation_allow_world=true.",
    ),
    "nobody who tells the own address": (
        {"federation_address_service": "http://127.0.0.1:9/"},
        "Your own public address could not be found out (http://127.0.0.1:9/: Connection refused): set ",
    ),
    "bits behind the prefix": (
        {"federation_public_subnet_cidr": "10.0.0.7/24"},
        "federation_public_subnet_cidr '10.0.0.7/24' is not an IPv4 network in CIDR notation: write it like "
        "10.0.0.0/16, with no bits set behind the prefix.",
    ),
    "a name in capitals": (
        {"federation_name": "Agraph"},
        "federation_name 'Agraph' would be refused by AWS: use 2 to 32 lower-case letters, digits and single hyphens, "
        "beginning with a letter and not ending with a hyphen.",
    ),
    "a name with a space": ({"federation_name": "my graph"}, "federation_name 'my graph' would be refused by AWS: "),
    "a name that is too long": ({"federation_name": "a" * 33}, f"federation_name '{'a' * 33}' would be refused by AWS"),
    "a word that is unknown": (
        {"federation_on_failure": "perhaps"},
        "federation_on_failure 'perhaps' is unknown: use remove or keep.",
    ),
    "an unknown image": (
        {"federation_ami_id": "ami-0123456789abcdef0"},
        "federation_ami_id ami-0123456789abcdef0 does not exist in us-west-2 or is not shared with this account: "
        "name an image of that region that has AllegroGraph on it.",
    ),
    "an unknown type": (
        {"federation_instance_type": "t9.huge"},
        "federation_instance_type 't9.huge' is not offered in us-west-2: use one like t3.medium.",
    ),
    "an unknown region": (
        {"federation_region": "us-wst-2"},
        "There is no AWS region 'us-wst-2'; set federation_region to one that is, perhaps us-west-2 or ",
    ),
    "a setting that is misspelt": (
        {"federation_membercount": 3},
        "There is no setting federation_membercount; perhaps federation_member_count ",
    ),
}


@pytest.fixture(scope="module")
def unchanged(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The sandbox, whose account is in the end as it was in the beginning."""
    before = account(sandbox)
    yield sandbox
    assert account(sandbox) == before


@pytest.fixture(scope="module")
def aws(unchanged: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment in which the sandbox's API is under an address that is not the sandbox's, as AWS is."""
    host, _, port = str(unchanged.state["endpoint"]).removeprefix("http://").partition(":")

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((host, int(port))) as far:
                there = threading.Thread(target=pass_on, args=(self.request, far))
                there.start()
                pass_on(far, self.request)
                there.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as relay:
        threading.Thread(target=relay.serve_forever).start()
        yield {
            **unchanged.environment,
            "HOME": str(tmp_path_factory.mktemp("home")),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{relay.server_address[1]}",
        }
        relay.shutdown()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes, and the end of it."""
    try:
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # the other side has had enough
        pass


def keys(sandbox: Sandbox) -> dict[str, str]:
    """The sandbox's keys, as a user has them in the environment."""
    state = sandbox.state
    return {"AWS_ACCESS_KEY_ID": state["access_key_id"], "AWS_SECRET_ACCESS_KEY": state["secret_access_key"]}


def up_on_aws(environment: dict[str, str], **settings: Any) -> Run:
    """Run `up` with the inventory of AWS."""
    command = [str(BIN / "ansible-playbook"), "-i", "inventory/aws", "up.yml", "--extra-vars", json.dumps(settings)]
    return run(command, environment)


def assert_is_refused(sandbox: Sandbox, calls_before: int, done: Run, sentence: str) -> None:
    """One sentence, the last on the screen, and not one call that would change anything."""
    assert done.returncode != 0, str(done)
    assert done.last_line.startswith(f"ERROR: {sentence}"), str(done)
    assert done.last_line.endswith((".", "aws sts get-caller-identity")), str(done)
    assert not [word for word in PYTHONS_OWN if word in done.stdout + done.stderr], str(done)
    assert done.stderr == "", str(done)
    assert [call for call in sandbox.journal()[calls_before:] if call["changing"]] == [], str(done)


@pytest.mark.parametrize(("settings", "sentence"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_that_cannot_work(unchanged: Sandbox, settings: dict[str, Any], sentence: str) -> None:
    calls = len(unchanged.journal())
    assert_is_refused(unchanged, calls, unchanged.playbook("up", **settings), sentence)


def test_a_session_manager_plugin_that_is_no_program(unchanged: Sandbox, tmp_path: Path) -> None:
    plugin = tmp_path / "session-manager-plugin"
    plugin.write_text("This is a page that was downloaded instead of the program.\n")
    plugin.chmod(0o755)
    calls = len(unchanged.journal())
    done = unchanged.playbook("up", ansible_aws_ssm_plugin=str(plugin))
    sentence = (
        f"The session-manager-plugin {plugin} cannot run: Exec format error. "
        "Install AWS's own, or set ansible_aws_ssm_plugin to one that runs."
    )
    assert_is_refused(unchanged, calls, done, sentence)


def test_everything_that_is_wrong_is_said_at_once(unchanged: Sandbox) -> None:
    calls = len(unchanged.journal())
    done = unchanged.playbook("up", federation_name="A", federation_member_count=0, federation_query_timeout="soon")
    assert_is_refused(unchanged, calls, done, "federation_name 'A' would be refused by AWS")
    assert " federation_member_count 0 is too small" in done.last_line
    assert " federation_query_timeout 'soon' is no time: give whole seconds, 1 or more." in done.last_line


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"federation_query_file": "none.rq"}, f"There is no file {ROOT}/none.rq for federation_query_file: "),
        (
            {"federation_result_file": "answer.json", "federation_output": "csv"},
            "federation_result_file is the table's JSON and goes with no other form: ",
        ),
    ],
)
def test_a_question_that_cannot_be_asked(unchanged: Sandbox, settings: dict[str, Any], sentence: str) -> None:
    calls = len(unchanged.journal())
    assert_is_refused(unchanged, calls, unchanged.playbook("query", **settings), sentence)


def test_aws_without_credentials(unchanged: Sandbox, aws: dict[str, str]) -> None:
    calls = len(unchanged.journal())
    done = up_on_aws(aws)
    assert_is_refused(unchanged, calls, done, "No AWS credentials were found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID ")
    # Credentials may also come from the instance that a run is on; looking there where there is none is short.
    assert done.seconds < 15, str(done)


def test_aws_with_credentials_that_are_refused(unchanged: Sandbox, aws: dict[str, str]) -> None:
    calls = len(unchanged.journal())
    done = up_on_aws({**aws, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-this-one"})
    assert_is_refused(unchanged, calls, done, "AWS refuses these credentials (InvalidClientTokenId: ")
    assert "not-this-one" not in done.stdout


def test_aws_without_an_image(unchanged: Sandbox, aws: dict[str, str]) -> None:
    calls = len(unchanged.journal())
    done = up_on_aws({**aws, **keys(unchanged)}, federation_allowed_cidr="203.0.113.7/32")
    assert_is_refused(unchanged, calls, done, "There is neither an image with AllegroGraph on it nor a tarball: ")


def test_aws_where_nobody_says_who_may_reach_the_manager(unchanged: Sandbox, aws: dict[str, str]) -> None:
    calls = len(unchanged.journal())
    done = up_on_aws({**aws, **keys(unchanged)}, federation_ami_id="ami-5616d82e", federation_address_service="")
    assert_is_refused(unchanged, calls, done, "federation_allowed_cidr and federation_address_service are both empty: ")
