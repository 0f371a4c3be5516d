"""The faults: what goes wrong, in which verb, and what the sentence that the user reads has to name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Rule = dict[str, Any]
ALWAYS = {"times": None}
KEEP = {"federation_on_failure": "keep"}


@dataclass(frozen=True)
class Case:
    """One fault in one verb."""

    fault: str
    """In the user's words."""
    verb: str
    says: tuple[str, ...] = ()
    """What the last sentence has to have in it; nothing where the verb succeeds in spite of the fault."""
    rules: tuple[Rule, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    stands: bool = False
    """Whether there is a federation before."""
    interrupted_after: str = ""
    """The run is interrupted, as by Ctrl-C, when it has printed this."""

    @property
    def slow(self) -> bool:
        """Whether it takes a whole `up` and a `down`, and more."""
        return self.verb == "up" and self.survived

    @property
    def survived(self) -> bool:
        """Whether the verb succeeds."""
        return not self.says

    def __str__(self) -> str:
        return f"{self.verb}: {self.fault}"


def call(operation: str, **what: Any) -> Rule:
    """Return a rule about a call."""
    return {"operation": operation, **what}


UP = (
    Case(
        "no further VPC is allowed",
        "up",
        ("VPC agraph-vpc", "VpcLimitExceeded", "ask AWS for more", "ansible-playbook up.yml"),
        (call("CreateVpc", error="VpcLimitExceeded"),),
    ),
    Case(
        "no further Elastic IP is allowed",
        "up",
        ("address agraph-nat-address", "AddressLimitExceeded", "ask AWS for more", "ansible-playbook up.yml"),
        (call("AllocateAddress", error="AddressLimitExceeded"),),
    ),
    Case(
        "the credentials may not make a gateway",
        "up",
        ("gateway agraph-nat-gateway", "UnauthorizedOperation", "have it allowed", "ansible-playbook up.yml"),
        (call("CreateNatGateway", error="UnauthorizedOperation"),),
    ),
    Case(
        "the credentials may not make a role",
        "up",
        ("role agraph-node-role", "AccessDenied", "have it allowed", "ansible-playbook up.yml"),
        (call("CreateRole", error="AccessDenied"),),
    ),
    Case(
        "AWS has no room for one of the instances",
        "up",
        ("not launched", "InsufficientInstanceCapacity", "federation_instance_type", "ansible-playbook up.yml"),
        (call("RunInstances", after=1, error="InsufficientInstanceCapacity", **ALWAYS),),
    ),
    Case(
        "AWS answers 500 again and again",
        "up",
        ("subnet agraph-public-subnet", "CreateSubnet", "ansible-playbook up.yml"),
        (call("CreateSubnet", status=500, **ALWAYS),),
    ),
    Case(
        "AWS answers 500 once",
        "up",
        (),
        (call("CreateSubnet", status=500),),
    ),
    Case(
        "one in five calls is throttled",
        "up",
        (),
        ({"share": 0.2, "seed": 3, "error": "RequestLimitExceeded", "service": "ec2"},),
    ),
    Case(
        "AWS throttles a call for ever",
        "up",
        ("lease /agraph/lease", "ThrottlingException", "wait a minute", "ansible-playbook up.yml"),
        (call("PutParameter", error="ThrottlingException", **ALWAYS),),
    ),
    Case(
        "the network is lost",
        "up",
        ("instance profile agraph-node-profile", "ansible-playbook up.yml"),
        (call("CreateInstanceProfile", drop="before", **ALWAYS),),
    ),
    Case(
        "a connection breaks after AWS has done its work",
        "up",
        (),
        (call("AllocateAddress", drop="after"), call("CreateVpc", drop="after")),
    ),
    Case(
        "the gateway fails",
        "up",
        ("nat-", "did not become available", "InternalError", "ansible-playbook up.yml"),
        ({"nat_gateway": "failed", "code": "InternalError"},),
    ),
    Case(
        "an instance dies before it runs",
        "up",
        ("agraph-member-0", "i-", "died before it was running", "Server.InternalError", "ansible-playbook up.yml"),
        ({"instance": "dies_pending", "name": "*-member-0"},),
    ),
    Case(
        "an instance dies while its agent is waited for",
        "up",
        ("agraph-member-0", "i-", "while its SSM agent was waited for", "ansible-playbook up.yml"),
        (
            {"instance": "dies", "name": "*-member-0", "seconds": 25},
            {"agent": "never_online", "name": "*-member-0"},
        ),
    ),
    Case(
        "an agent never comes online",
        "up",
        ("agraph-member-0", "i-", "never registered", "5 s", "get-console-output"),
        ({"agent": "never_online", "name": "*-member-0"},),
        {"federation_agent_timeout": 5},
    ),
    Case(
        "AllegroGraph does not start",
        "up",
        ("Member 0", "i-", "did not answer", "Is AllegroGraph installed", "ansible-playbook up.yml"),
        ({"allegrograph": "never_starts", "name": "*-member-0"},),
        {"federation_server_timeout": 5},
    ),
    Case(
        "AllegroGraph answers 500",
        "up",
        ("Member 0", "i-", "500", "ansible-playbook up.yml"),
        ({"allegrograph": "error", "name": "*-member-0"},),
        {"federation_server_timeout": 5},
    ),
    Case(
        "a session is cut",
        "up",
        ("Member 0", "i-", "ansible-playbook up.yml"),
        ({"session": "cut", "name": "*-member-0", "times": None},),
    ),
    Case(
        "a session is interrupted",
        "up",
        (),
        ({"session": "interrupted", "name": "*-member-0", "bytes": 200},),
    ),
    Case(
        "Ctrl-C",
        "up",
        ("up was interrupted", "stands, and is paid for", "ansible-playbook down.yml -e federation_name=agraph"),
        interrupted_after="public-routes",
    ),
    Case("`--limit`", "up", ("--limit localhost", "without --limit"), options=("--limit", "localhost")),
)
QUERY = (
    Case(
        "a member's AllegroGraph dies in the middle of the query",
        "query",
        ("member 0 (i-", "10.0."),
        ({"allegrograph": "dies_in_query", "name": "*-member-0"},),
        stands=True,
    ),
    Case(
        "a member's AllegroGraph answers 500",
        "query",
        ("member 0 (i-", "10.0."),
        ({"allegrograph": "error", "name": "*-member-0"},),
        stands=True,
    ),
    Case(
        "the manager's AllegroGraph answers 500",
        "query",
        ("manager", "500"),
        ({"allegrograph": "error", "name": "*-manager"},),
        stands=True,
    ),
    Case(
        "the manager's AllegroGraph dies in the middle of the query",
        "query",
        ("manager",),
        ({"allegrograph": "dies_in_query", "name": "*-manager"},),
        stands=True,
    ),
    Case(
        "the network is lost",
        "query",
        ("EC2 cannot be asked in us-west-2", "see to the network"),
        (call("DescribeInstances", drop="before", **ALWAYS),),
        stands=True,
    ),
    Case(
        "one in five calls is throttled",
        "query",
        (),
        ({"share": 0.2, "seed": 1, "error": "RequestLimitExceeded"},),
        stands=True,
    ),
)
DOWN = (
    Case(
        "the credentials may not end the instances",
        "down",
        ("UnauthorizedOperation", "have it allowed", "ansible-playbook down.yml"),
        (call("TerminateInstances", error="UnauthorizedOperation"),),
        stands=True,
    ),
    Case(
        "somebody else's instance stands in the network",
        "down",
        ("subnet", "DependencyViolation", "take it out", "ansible-playbook down.yml"),
        (call("DeleteSubnet", error="DependencyViolation", message="The subnet has dependencies.", **ALWAYS),),
        stands=True,
    ),
    Case(
        "one in five calls is throttled",
        "down",
        (),
        ({"share": 0.2, "seed": 5, "error": "RequestLimitExceeded", "service": "ec2"},),
        stands=True,
    ),
)
LEFTOVERS = (
    Case(
        "one in five calls is throttled",
        "leftovers",
        (),
        ({"share": 0.2, "seed": 1, "error": "RequestLimitExceeded"},),
    ),
)
CASES = (*UP, *QUERY, *DOWN, *LEFTOVERS)
