"""Runs the real playbooks against a sandbox of the test's own, and looks at the account as AWS's API shows it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from sandbox.faults.control import ask

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

# What AWS itself keeps showing for a while after it is gone.
ENDED_STATES = {"terminated", "deleted"}


@dataclass(frozen=True)
class Run:
    """One command that has ended."""

    command: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def lines(self) -> list[str]:
        """The lines of standard output that are not empty."""
        return [line for line in self.stdout.splitlines() if line.strip()]

    @property
    def last_line(self) -> str:
        """What the person at the terminal reads last."""
        return self.lines[-1] if self.lines else ""

    @property
    def removed(self) -> int:
        """How many things a `down` says that it has removed; it must end by saying, twice, that nothing is left."""
        assert (self.returncode, self.last_line) == (0, "leftovers: 0"), str(self)
        found = re.fullmatch(r"down: removed (\d+), left 0", self.lines[-2])
        assert found, str(self)
        return int(found[1])

    @property
    def changed(self) -> int:
        """The number of tasks that changed something, over all hosts, as the closing recap counts them."""
        found = re.findall(r"\bchanged=(\d+)", self.stdout)
        assert found, f"no recap in:\n{self}"
        return sum(int(count) for count in found)

    @property
    def changes(self) -> list[str]:
        """The names of the tasks that changed something, in order."""
        shown = r"^  \w+ \| (.*): (?:changed|would change)(?: on \d+ of \d+)?(?: \(\d+ s\))?$"
        return re.findall(shown, self.stdout, flags=re.MULTILINE)

    def __str__(self) -> str:
        command = " ".join(self.command)
        ending = f"exit {self.returncode} after {self.seconds:.1f} s"
        return f"$ {command}\n{self.stdout}\n--- stderr\n{self.stderr}\n--- {ending}"


def run(command: list[str], environment: Mapping[str, str], timeout: float = 300) -> Run:
    """Run a command from the project's root, for `timeout` seconds at most (then subprocess.TimeoutExpired)."""
    begun = time.monotonic()
    ended = subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, timeout=timeout, check=False
    )
    return Run(tuple(command), ended.returncode, ended.stdout, ended.stderr, time.monotonic() - begun)


class Sandbox:
    """A sandbox with a home of its own, so that tests disturb neither each other nor one that a person uses."""

    def __init__(self, home: Path, latency: str = "fast") -> None:
        self.home = home
        self.latency = latency
        # The user's own AWS settings stay outside: what a test needs of them it sets itself.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AGRAPH_"))}
        self.environment = inherited | {
            "SANDBOX_HOME": str(home),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(BIN.parent),
        }

    def command(self, *arguments: str, timeout: float = 120) -> Run:
        """Run `python -m sandbox ARGUMENTS`."""
        return run([sys.executable, "-m", "sandbox", *arguments], self.environment, timeout)

    def start(self) -> None:
        """Start it, or fail with what it said."""
        started = self.command("start", "--latency", self.latency)
        assert started.returncode == 0, str(started)

    def stop(self) -> None:
        """Stop it, or fail with what it said."""
        stopped = self.command("stop")
        assert stopped.returncode == 0, str(stopped)

    @property
    def state(self) -> dict[str, Any]:
        """What the running sandbox says about itself: process id, endpoint, keys, region."""
        return dict(json.loads((self.home / "state.json").read_text()))

    def client(self, service: str, tls: bool = True) -> Any:
        """A boto3 client of the sandbox's operator, for S3 with TLS or without."""
        state = self.state
        make: Any = boto3.client  # typed by one overload a service; here the service is a variable
        return make(
            service,
            endpoint_url=state["endpoint_s3" if service == "s3" and tls else "endpoint"],
            verify=state["authority"],
            region_name=state["region"],
            aws_access_key_id=state["access_key_id"],
            aws_secret_access_key=state["secret_access_key"],
        )

    def superuser(self, federation: str = "agraph") -> str:
        """USER:PASSWORD of a federation's superuser, for curl."""
        found = self.client("ssm").get_parameter(Name=f"/{federation}/superuser", WithDecryption=True)
        return f"test:{found['Parameter']['Value']}"

    def journal(self) -> list[dict[str, Any]]:
        """Every API call so far, oldest first."""
        return [json.loads(line) for line in (self.home / "journal.jsonl").read_text().splitlines()]

    def faults(self, rules: list[dict[str, Any]]) -> None:
        """Have things go wrong as these rules say, in place of those before; all counts begin again."""
        ask(self.home, do="set", rules=rules)

    def listed_faults(self) -> list[dict[str, Any]]:
        """The rules in force, with how many each `matched` and `struck`."""
        return ask(self.home, do="list")

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self.faults([])

    def on_node(self, instance_id: str, command: str) -> str:
        """Run a shell command on a node with Run Command, and return what it prints."""
        ssm = self.client("ssm")
        sent = ssm.send_command(
            InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters={"commands": [command]}
        )["Command"]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)["CommandInvocations"]
            if answer and answer[0]["Status"] not in {"Pending", "InProgress"}:
                assert answer[0]["Status"] == "Success", answer
                return str(answer[0]["CommandPlugins"][0]["Output"])
            time.sleep(0.1)
        raise AssertionError(f"{command} on {instance_id} had not ended after 30 s")

    def playbook(self, verb: str, *options: str, timeout: float = 300, **settings: object) -> Run:
        """Run a verb (`up`, `query`, `down`) with settings as extra variables of their own types."""
        command = [str(BIN / "ansible-playbook"), f"{verb}.yml", *options]
        if settings:
            command += ["--extra-vars", json.dumps(settings)]
        return run(command, self.environment, timeout)


def pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    """All items of a describe or list call, over all its pages."""
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**arguments):
            yield from page.get(key, [])
    else:
        yield from getattr(client, operation)(**arguments).get(key, [])


def stands(item: Any) -> bool:
    """Whether a described thing is still there, rather than one that AWS shows for a while after its end."""
    if not isinstance(item, dict):
        return True
    state = item.get("State", item.get("Status", ""))
    return (state.get("Name") if isinstance(state, dict) else state) not in ENDED_STATES


def account(sandbox: Sandbox) -> dict[str, list[str]]:
    """Everything in the account, by the describe call that shows it; equal snapshots mean that nothing is left."""
    ec2, iam, s3, ssm = (sandbox.client(service) for service in ("ec2", "iam", "s3", "ssm"))
    instances = [i for r in pages(ec2, "describe_instances", "Reservations") for i in r["Instances"]]
    found: dict[str, Any] = {
        "instances": instances,
        "roles": pages(iam, "list_roles", "Roles"),
        "instance profiles": [
            # When a role was last used is no part of what there is.
            {**each, "Roles": [{**role, "RoleLastUsed": None} for role in each["Roles"]]}
            for each in pages(iam, "list_instance_profiles", "InstanceProfiles")
        ],
        "policies": pages(iam, "list_policies", "Policies", Scope="Local"),
        "users": pages(iam, "list_users", "Users"),
        "buckets": s3.list_buckets()["Buckets"],
        "parameters": pages(ssm, "describe_parameters", "Parameters"),
    }
    for operation, key in {
        "describe_addresses": "Addresses",
        "describe_dhcp_options": "DhcpOptions",
        "describe_internet_gateways": "InternetGateways",
        "describe_key_pairs": "KeyPairs",
        "describe_nat_gateways": "NatGateways",
        "describe_network_acls": "NetworkAcls",
        "describe_network_interfaces": "NetworkInterfaces",
        "describe_route_tables": "RouteTables",
        "describe_security_groups": "SecurityGroups",
        "describe_security_group_rules": "SecurityGroupRules",
        "describe_subnets": "Subnets",
        "describe_volumes": "Volumes",
        "describe_vpc_endpoints": "VpcEndpoints",
        "describe_vpcs": "Vpcs",
    }.items():
        found[operation] = pages(ec2, operation, key)
    found = {name: list(items) for name, items in found.items()}
    ended = [item for item in found["instances"] + found["describe_nat_gateways"] if not stands(item)]
    dead = {item.get("InstanceId") or item["NatGatewayId"] for item in ended}
    found["describe_tags"] = [t for t in pages(ec2, "describe_tags", "Tags") if t["ResourceId"] not in dead]
    return {
        name: sorted(json.dumps(item, default=str, sort_keys=True) for item in items if stands(item))
        for name, items in found.items()
    }
