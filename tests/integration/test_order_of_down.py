"""The order of `down` is AWS's: with two of its steps swapped, it ends with AWS's refusal, and goes on from there.

The steps are read from the roles themselves. Each test takes the account as the one before left it.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from harness import BIN, ROOT, Run, Sandbox, account, pages, run

pytestmark = pytest.mark.timeout(600)

Pair = tuple[str, str]

# What `down` begins with goes by itself meanwhile; here it begins with nothing, so that one thing is gone when the next
# has its turn, and each refusal has one reason only.
# What swapping two steps of a role, or two whole roles, makes `down` say. They are tried in this order: when a pair's
# turn comes, what stands before it in `down` is gone or goes first, so that nothing else can be in the way.
REFUSED: dict[Pair, str] = {
    ("instances", "network"): "DependencyViolation",
    ("instances", "security_groups"): "DependencyViolation",
    (
        "instances | Terminate the instances, and wait until they are",
        "instances | Release the manager's address",
    ): "InvalidIPAddress.InUse",
    (
        "security_groups | Delete the rules that name groups",
        "security_groups | Delete the security groups",
    ): "DependencyViolation",
    ("nat_gateway", "network"): "DependencyViolation",
    # Here it is not AWS that refuses: nobody asked it to delete what this waits for.
    ("nat_gateway | Delete the gateway", "nat_gateway | Wait until the gateway is deleted"): "is still available",
    (
        "nat_gateway | Wait until the gateway is deleted",
        "nat_gateway | Release the gateway's address",
    ): "InvalidIPAddress.InUse",
    ("security_groups", "network"): "DependencyViolation",
    ("network | Delete the route tables", "network | Delete the VPC"): "DependencyViolation",
}

# Neighbours that AWS takes in either order: nothing of the one stands on anything of the other.
FREE: set[Pair] = {
    ("bucket", "instances"),
    # AWS does not mind; the servers are gone before the passwords, so that an `up` never finds one without the other.
    ("instances", "secrets"),
    ("secrets", "security_groups"),
    ("security_groups", "nat_gateway"),  # a NAT gateway has no security group
    ("network | Detach and delete the internet gateway", "network | Delete the subnets"),
    ("identity", "key_pair"),
    ("key_pair | Remove the private key", "key_pair | Delete the key pair"),  # the file is not AWS's
    ("key_pair", "bucket"),
}

# Neighbours that AWS orders, and whose later step does by itself what AWS asks for first.
# The calls inside such steps have a test of their own: test_the_calls_inside_a_step_are_ordered_too.
EITHER_WAY: set[Pair] = {
    ("network | Delete the subnets", "network | Delete the route tables"),
    (
        "identity | Take the role out of the instance profile, and delete the profile",
        "identity | Take the policies off the role, and delete the role",
    ),
}


def roles() -> list[str]:
    """The roles in the order in which `down` removes what they made."""
    return list(yaml.safe_load((ROOT / "roles/removal/vars/main.yml").read_text())["__removal_order"])


def steps(role: str) -> list[str]:
    """The steps of a role's removal, as `down` shows them."""
    tasks = yaml.safe_load((ROOT / "roles" / role / "tasks/absent.yml").read_text())
    return [f"{role} | {task['name'].removeprefix('absent | ')}" for task in tasks]


def edit(file: Path, change: Callable[[Any], None]) -> None:
    """Change what a YAML file says."""
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def forward(order: list[Any], earlier: int, later: int) -> None:
    """Let the later one of a list come right before the earlier one."""
    order.insert(earlier, order.pop(later))


def swap(pair: Pair, copy: Path) -> None:
    """Swap two steps, or two roles, in a copy of the roles."""
    edit(copy / "removal/vars/main.yml", lambda content: content.update(__removal_endings=[]))
    role = pair[0].partition(" | ")[0]
    if role in pair:
        places = [roles().index(each) for each in pair]
        edit(copy / "removal/vars/main.yml", lambda content: forward(content["__removal_order"], *places))
    else:
        places = [steps(role).index(each) for each in pair]
        edit(copy / role / "tasks/absent.yml", lambda tasks: forward(tasks, *places))


def down(sandbox: Sandbox, pair: Pair, copy: Path) -> Run:
    """Run `down` with a copy of the roles in which a pair is swapped."""
    shutil.copytree(ROOT / "roles", copy)
    swap(pair, copy)
    # A gateway that nobody has asked to go is waited for in vain.
    patience = ["--extra-vars", "federation_gateway_timeout=1"] if REFUSED[pair].startswith("is still") else []
    command = [str(BIN / "ansible-playbook"), "down.yml", *patience]
    return run(command, sandbox.environment | {"ANSIBLE_ROLES_PATH": str(copy)})


def ours(sandbox: Sandbox, what: str) -> list[dict[str, Any]]:
    """The federation's resources of an EC2 kind, for example `SecurityGroups`."""
    operation = "describe" + re.sub("([A-Z])", r"_\1", what).lower()
    return list(
        pages(sandbox.client("ec2"), operation, what, Filters=[{"Name": "tag:Federation", "Values": ["agraph"]}])
    )


def code(call: Callable[..., Any], **arguments: Any) -> str:
    """The code with which AWS refuses a call."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox whose NAT gateways go as slowly as AWS's, measured by how quickly the next step comes."""
    own = Sandbox(tmp_path_factory.mktemp("sandbox"), latency="fast,nat_gateway_delete=12")
    own.start()
    yield own
    own.stop()


@pytest.fixture(scope="module")
def empty(sandbox: Sandbox) -> dict[str, list[str]]:
    """The account before there was a federation."""
    return account(sandbox)


@pytest.fixture(scope="module")
def federation(
    sandbox: Sandbox, empty: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """The account with a federation that has everything that a federation can have."""
    key = tmp_path_factory.mktemp("key") / "agraph-ssh.pem"
    made = sandbox.playbook(
        "up", federation_member_count=1, federation_key_name="agraph-ssh", federation_key_file=str(key)
    )
    assert made.returncode == 0, str(made)
    return account(sandbox)


def test_each_two_neighbouring_steps_are_known_as_ordered_or_free() -> None:
    neighbours = set(itertools.pairwise(roles()))
    for role in roles():
        neighbours |= set(itertools.pairwise(steps(role)))
    in_order = set(itertools.combinations(roles(), 2)) | neighbours
    known = [*REFUSED, *FREE, *EITHER_WAY]
    assert neighbours - set(known) == set(), "new steps: does AWS take them in another order?"
    assert set(known) - in_order == set(), "steps that are not, or not in this order"
    assert len(known) == len(set(known))


def test_the_calls_inside_a_step_are_ordered_too(sandbox: Sandbox, federation: dict[str, list[str]]) -> None:
    ec2, iam, s3 = (sandbox.client(service) for service in ("ec2", "iam", "s3"))
    (gateway,) = ours(sandbox, "InternetGateways")
    assert code(ec2.delete_internet_gateway, InternetGatewayId=gateway["InternetGatewayId"]) == "DependencyViolation"
    for table in ours(sandbox, "RouteTables"):
        assert code(ec2.delete_route_table, RouteTableId=table["RouteTableId"]) == "DependencyViolation"
    (profile,) = iam.list_instance_profiles(PathPrefix="/agraph/")["InstanceProfiles"]
    (role,) = profile["Roles"]
    inside = {"InstanceProfileName": profile["InstanceProfileName"], "RoleName": role["RoleName"]}
    refused = code(iam.delete_instance_profile, InstanceProfileName=profile["InstanceProfileName"])
    assert refused == "DeleteConflict"
    assert code(iam.delete_role, RoleName=role["RoleName"]) == "DeleteConflict"
    iam.remove_role_from_instance_profile(**inside)
    # Outside of the profile it is the attached policy that keeps the role.
    assert code(iam.delete_role, RoleName=role["RoleName"]) == "DeleteConflict"
    iam.add_role_to_instance_profile(**inside)
    (bucket,) = (each["Name"] for each in s3.list_buckets()["Buckets"])
    # `down` will find it there.
    s3.put_object(Bucket=bucket, Key="left/behind", Body=b"by an interrupted run")
    assert code(s3.delete_bucket, Bucket=bucket) == "BucketNotEmpty"
    assert account(sandbox) == federation


def put_back_rule(sandbox: Sandbox) -> None:
    """Let one group's rule name the other again: a swap before this one took it."""
    manager, member = sorted(group["GroupId"] for group in ours(sandbox, "SecurityGroups"))
    for one, other in ((manager, member), (member, manager)):
        sandbox.client("ec2").authorize_security_group_ingress(
            GroupId=one, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]}]
        )


def put_back_route_table(sandbox: Sandbox) -> None:
    """Make a route table again: a swap before this one took them."""
    (vpc,) = ours(sandbox, "Vpcs")
    tags = [{"Key": "Federation", "Value": "agraph"}]
    sandbox.client("ec2").create_route_table(
        VpcId=vpc["VpcId"], TagSpecifications=[{"ResourceType": "route-table", "Tags": tags}]
    )


def put_back_group(sandbox: Sandbox) -> None:
    """Make a security group again: a swap before this one took them."""
    (vpc,) = ours(sandbox, "Vpcs")
    tags = [{"Key": "Federation", "Value": "agraph"}]
    sandbox.client("ec2").create_security_group(
        GroupName="put-back",
        Description="put back",
        VpcId=vpc["VpcId"],
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
    )


PREPARATIONS: dict[Pair, Callable[[Sandbox], None]] = {
    (
        "security_groups | Delete the rules that name groups",
        "security_groups | Delete the security groups",
    ): put_back_rule,
    ("security_groups", "network"): put_back_group,
    ("network | Delete the route tables", "network | Delete the VPC"): put_back_route_table,
}


@pytest.mark.parametrize("pair", REFUSED, ids=" before ".join)
def test_a_swap_is_refused(sandbox: Sandbox, federation: dict[str, list[str]], pair: Pair, tmp_path: Path) -> None:
    if pair in PREPARATIONS:
        PREPARATIONS[pair](sandbox)
    before = len(sandbox.journal())
    refused = down(sandbox, pair, tmp_path / "roles")
    assert refused.returncode != 0, str(refused)
    assert refused.last_line.startswith("ERROR: "), str(refused)
    assert REFUSED[pair] in refused.last_line, str(refused)
    failed = re.findall(r"^  (\w+ \| .*): failed", refused.stdout, flags=re.MULTILINE)
    assert len(failed) == 1, str(refused)
    assert failed[0].startswith(pair[1]), str(refused)
    # Once for each of two groups at most: what AWS refuses for good is not asked again and again.
    refusals = [call["operation"] for call in sandbox.journal()[before:] if call["error"] == REFUSED[pair]]
    assert len(refusals) <= 2, f"{refusals}\n{refused}"


def test_down_goes_on_from_there_and_leaves_nothing(
    sandbox: Sandbox, empty: dict[str, list[str]], federation: dict[str, list[str]]
) -> None:
    assert sandbox.playbook("down").removed > 0
    assert account(sandbox) == empty
