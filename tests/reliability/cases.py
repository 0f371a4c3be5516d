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
        ("was not launched", "InsufficientInstanceCapacity", "federation_instance_type", "ansible-playbook up.yml"),
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
        ("group agraph-manager-group", "RequestLimitExceeded", "ansible-playbook up.yml"),
        (call("CreateSecurityGroup", error="RequestLimitExceeded", **ALWAYS),),
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
        "Ctrl-C",
        "up",
        ("up was interrupted", "stands, and is paid for", "ansible-playbook down.yml -e federation_name=agraph"),
        interrupted_after="public-routes",
    ),
    Case("`--limit`", "up", ("--limit localhost", "without --limit"), options=("--limit", "localhost")),
)
QUERY: tuple[Case, ...] = ()
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
        ("subnet", "DependencyViolation", "ansible-playbook down.yml"),
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
CASES = (*UP, *QUERY, *DOWN)
