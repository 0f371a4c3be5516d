#!/usr/bin/python
"""Finds everything in AWS that belongs to one federation: the tags and the IAM path are its only state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_resources_info
short_description: Find what belongs to a federation
description:
  - Finds the resources that carry the tag C(Federation) with the federation's name, the roles and profiles under its
    IAM path, its bucket and its secrets, by describe calls only; never by the tagging API, which also names the dead.
  - Terminated instances and deleted gateways do not count; failed gateways do, since they are still there.
version_added: 0.1.0
options:
  name:
    description: The federation's name.
    required: true
    type: str
  kinds:
    description: What to look for; everything by default.
    type: list
    elements: str
    choices:
      - vpcs
      - internet_gateways
      - subnets
      - route_tables
      - nat_gateways
      - addresses
      - security_groups
      - instances
      - key_pairs
      - roles
      - instance_profiles
      - buckets
      - secrets
  bucket:
    description: The name of the federation's bucket, which has no tag at the moment it is made.
    default: ""
    type: str
  settle:
    description:
      - How long to look again while nothing is found, in seconds; with 0, once.
      - A run that died may have left a call behind that AWS has yet to finish.
    default: 0
    type: int
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - looks
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Find the network
  federation_resources_info:
    name: agraph
    region: us-west-2
    kinds: [vpcs, subnets]
  register: found

- name: Show the first subnet's addresses
  ansible.builtin.debug:
    msg: "{{ found.resources.subnets[0].cidr }}"
"""

RETURN = r"""
resources:
  description: For each kind that was looked for, a list of what there is; each with C(id), C(name) and C(tags).
  returned: success
  type: dict
all:
  description: The same as one list, each with C(kind), C(id) and C(name).
  returned: success
  type: list
  elements: dict
"""

import contextlib
import functools
import time
from collections.abc import Callable
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.aws_answers import all_of
from ansible.module_utils.security_rules import in_words
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

Record = dict[str, Any]
GONE = {"terminated", "deleted"}
# Seconds between two looks.
PAUSE = 1.0


def described(it: Record, identity: str, /, **details: Any) -> Record:
    """Shape what a describe call says of one resource."""
    tags = {tag["Key"]: tag["Value"] for tag in it.get("Tags", [])}
    return {"id": it[identity], "name": tags.get("Name", ""), "tags": tags, **details}


def vpc(it: Record) -> Record:
    """Shape a VPC."""
    return described(it, "VpcId", cidr=it["CidrBlock"])


def internet_gateway(it: Record) -> Record:
    """Shape an internet gateway."""
    attached = [each["VpcId"] for each in it.get("Attachments", []) if each.get("VpcId")]
    return described(it, "InternetGatewayId", vpc_id=attached[0] if attached else None)


def subnet(it: Record) -> Record:
    """Shape a subnet."""
    return described(it, "SubnetId", cidr=it["CidrBlock"], vpc_id=it["VpcId"], zone=it["AvailabilityZone"])


def route_table(it: Record) -> Record:
    """Shape a route table."""
    subnets = [each["SubnetId"] for each in it.get("Associations", []) if each.get("SubnetId")]
    routes = {
        route["DestinationCidrBlock"]: route.get("NatGatewayId") or route.get("GatewayId") or ""
        for route in it.get("Routes", [])
        if route.get("Origin") == "CreateRoute" and route.get("DestinationCidrBlock")
    }
    return described(it, "RouteTableId", vpc_id=it["VpcId"], subnet_ids=subnets, routes=routes)


def nat_gateway(it: Record) -> Record:
    """Shape a NAT gateway."""
    addresses = [each["AllocationId"] for each in it.get("NatGatewayAddresses", []) if each.get("AllocationId")]
    return described(
        it,
        "NatGatewayId",
        state=it["State"],
        subnet_id=it["SubnetId"],
        failure=it.get("FailureMessage", ""),
        allocation_id=addresses[0] if addresses else None,
    )


def address(it: Record) -> Record:
    """Shape an Elastic IP."""
    return described(
        it,
        "AllocationId",
        public_ip=it["PublicIp"],
        association_id=it.get("AssociationId") or None,
        instance_id=it.get("InstanceId") or None,
    )


def security_group(it: Record) -> Record:
    """Shape a security group; one whose rules name groups keeps those from being deleted."""
    rules = it.get("IpPermissions", []) + it.get("IpPermissionsEgress", [])
    return described(
        it,
        "GroupId",
        group_name=it["GroupName"],
        description=it["Description"],
        vpc_id=it.get("VpcId"),
        names_groups=any(rule.get("UserIdGroupPairs") for rule in rules),
        ingress=in_words(it.get("IpPermissions", [])),
        egress=in_words(it.get("IpPermissionsEgress", [])),
    )


def instance(it: Record) -> Record:
    """Shape an instance."""
    shaped = described(
        it,
        "InstanceId",
        state=it["State"]["Name"],
        private_ip=it.get("PrivateIpAddress"),
        public_ip=it.get("PublicIpAddress"),
        type=it["InstanceType"],
        key_name=it.get("KeyName", ""),
        group_ids=[each["GroupId"] for each in it.get("SecurityGroups", [])],
        metadata=it.get("MetadataOptions", {}),
    )
    return {**shaped, "role": shaped["tags"].get("Role"), "index": shaped["tags"].get("Index")}


def key_pair(it: Record) -> Record:
    """Shape a key pair, which is called by its own name and not by its tag."""
    return {**described(it, "KeyPairId"), "name": it["KeyName"]}


# kind: (operation, where they stand in the answer, how to shape one)
EC2: dict[str, tuple[str, str, Callable[[Record], Record]]] = {
    "vpcs": ("describe_vpcs", "Vpcs", vpc),
    "internet_gateways": ("describe_internet_gateways", "InternetGateways", internet_gateway),
    "subnets": ("describe_subnets", "Subnets", subnet),
    "route_tables": ("describe_route_tables", "RouteTables", route_table),
    "nat_gateways": ("describe_nat_gateways", "NatGateways", nat_gateway),
    "addresses": ("describe_addresses", "Addresses", address),
    "security_groups": ("describe_security_groups", "SecurityGroups", security_group),
    "instances": ("describe_instances", "Reservations[].Instances[]", instance),
    "key_pairs": ("describe_key_pairs", "KeyPairs", key_pair),
}
IAM = {
    "roles": ("list_roles", "Roles", "Role"),
    "instance_profiles": ("list_instance_profiles", "InstanceProfiles", "InstanceProfile"),
}
KINDS = [*EC2, *IAM, "buckets", "secrets"]


def find_in_ec2(client: Any, kind: str, federation: str) -> list[Record]:
    """Find by the tag, and hold the answer against it: not every filter is obeyed everywhere."""
    operation, wanted, shape = EC2[kind]
    filters = [{"Name": "tag:Federation", "Values": [federation]}]
    found = all_of(client, operation, wanted, **{"Filter" if kind == "nat_gateways" else "Filters": filters})
    shaped = [shape(each) for each in found]
    return [each for each in shaped if each["tags"].get("Federation") == federation and each.get("state") not in GONE]


def find_in_iam(client: Any, kind: str, federation: str) -> list[Record]:
    """Find by the path, which is part of a role from its creation, and hold the answer against it."""
    operation, key, prefix = IAM[kind]
    path = f"/{federation}/"
    found = all_of(client, operation, key, PathPrefix=path)
    return [{"id": each["Arn"], "name": each[f"{prefix}Name"], "tags": {}} for each in found if each["Path"] == path]


def find_bucket(client: Any, name: str) -> list[Record]:
    """Find the bucket by its name, which is derived and belongs to nobody else."""
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return []
        raise
    return [{"id": name, "name": name, "tags": {}}]


def find_secrets(client: Any, federation: str) -> list[Record]:
    """Find the SecureStrings under the federation's path that carry its tag; the lease is not one of them."""
    filters = [
        {"Key": "Path", "Option": "OneLevel", "Values": [f"/{federation}"]},
        {"Key": "Type", "Option": "Equals", "Values": ["SecureString"]},
        {"Key": "tag:Federation", "Option": "Equals", "Values": [federation]},
    ]
    found = all_of(client, "describe_parameters", "Parameters", ParameterFilters=filters)
    return [{"id": each["Name"], "name": each["Name"], "tags": {}} for each in found]


def find(module: Any, kinds: list[str]) -> dict[str, list[Record]]:
    """Find the resources of the wanted kinds."""
    federation, bucket = module.params["name"], module.params["bucket"]
    client = functools.cache(module.client)
    resources: dict[str, list[Record]] = {}
    for kind in kinds:
        if kind in EC2:
            resources[kind] = find_in_ec2(client("ec2"), kind, federation)
        elif kind in IAM:
            resources[kind] = find_in_iam(client("iam"), kind, federation)
        elif kind == "secrets":
            resources[kind] = find_secrets(client("ssm"), federation)
        else:
            resources[kind] = find_bucket(client("s3"), bucket) if bucket else []
    return resources


def find_within(module: Any, kinds: list[str]) -> dict[str, list[Record]]:
    """Look until there is something, or until the time to settle is over."""
    deadline = time.monotonic() + module.params["settle"]
    while not any((resources := find(module, kinds)).values()) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return resources


def main() -> None:
    """Find, and return it twice: by kind, and as one list."""
    options = {
        "name": {"required": True},
        "kinds": {"type": "list", "elements": "str", "choices": KINDS},
        "bucket": {"default": ""},
        "settle": {"type": "int", "default": 0},
    }
    module = AnsibleAWSModule(argument_spec=options, supports_check_mode=True)
    try:
        resources = find_within(module, module.params["kinds"] or KINDS)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"Could not look for what belongs to federation {module.params['name']}")
    everything = [
        {"kind": kind, "id": each["id"], "name": each["name"] or each["id"]}
        for kind in resources
        for each in resources[kind]
    ]
    module.exit_json(changed=False, resources=resources, all=everything)


if __name__ == "__main__":
    main()
