#!/usr/bin/python
"""Tells what `up` would make, change or remove, and what it costs, before it does."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_plan_info
short_description: Tell what up would make, change or remove, and what that costs
description:
  - Holds what is wanted of a federation against what M(federation_resources_info) has found, and looks at the rest by
    describe, get and list calls only. Returns an entry for each thing that there is or that is wanted.
  - What is inside of AllegroGraph is not looked at.
  - Prices are AWS's on-demand prices of us-west-2, without traffic. One that is not known here is said, not guessed.
version_added: 0.1.0
options:
  names:
    description:
      - The tags of each thing that is wanted, with its C(Name), by what it is - C(vpc), C(manager) and so on. Further
        C(node_policy), the name of the policy in the nodes' role, and C(secrets), the names of the passwords.
    required: true
    type: dict
  resources:
    description: What M(federation_resources_info) has found, of all kinds.
    required: true
    type: dict
  settings:
    description: What is wanted, by the setting's name without its prefix.
    required: true
    type: dict
    suboptions:
      vpc_cidr: {description: The VPC's addresses., required: true, type: str}
      public_subnet_cidr: {description: The manager's subnet., required: true, type: str}
      private_subnet_cidr: {description: The members' subnet., required: true, type: str}
      manager_ports: {description: What of the manager is open., required: true, type: list, elements: str}
      allowed_cidr: {description: To whom it is open., default: "", type: str}
      member_count: {description: How many members there are to be., required: true, type: int}
      discard_data: {description: Whether members may go with their triples., default: false, type: bool}
      instance_type: {description: The type of instances that are launched., required: true, type: str}
      image_id: {description: Their image., required: true, type: str}
      image_has_agraph: {description: Whether AllegroGraph is on it., default: true, type: bool}
      agraph_version: {description: The version that is installed otherwise., default: "", type: str}
      root_volume_gb: {description: Their root disk in GiB; V(0) for the image's own., default: 0, type: int}
      data_volume_gb: {description: Their disk for the data in GiB; V(0) for none., default: 0, type: int}
      key_name: {description: The key pair, or nothing., default: "", type: str}
      key_file: {description: Where its private key is written., default: "", type: str}
      node_policy: {description: The ARN of the policy that the nodes' role has., default: "", type: str}
      node_policy_document: {description: The document in the role, where there is no ARN., default: {}, type: dict}
      trust_policy_document: {description: The document that says who takes the role., required: true, type: dict}
      expire_days: {description: After how many days objects in the bucket expire., default: 1, type: int}
      expire_prefix: {description: Which of them., default: "", type: str}
      ttl_hours: {description: After how many hours the instances of a new one end., default: 0, type: float}
      ends: {description: When the instances end themselves; empty for never., default: "", type: str}
  uploads:
    description: The files that would be sent to the bucket for the nodes, by their names.
    default: []
    type: list
    elements: str
  servers:
    description:
      - What M(agraph_installation) has said on each node in check mode, as C(name), C(id) and C(answer); without an
        answer where a node could not be asked.
    default: []
    type: list
    elements: dict
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - looks
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: See what up would do
  federation_plan_info:
    region: us-west-2
    names: "{{ tags_by_what_it_is }}"
    resources: "{{ found.resources }}"
    settings:
      vpc_cidr: 10.0.0.0/16
      public_subnet_cidr: 10.0.0.0/24
      private_subnet_cidr: 10.0.1.0/24
      manager_ports: ["10035", 16000-17000]
      allowed_cidr: 203.0.113.7/32
      member_count: 2
      instance_type: t3.medium
      image_id: ami-0123456789abcdef0
      trust_policy_document: "{{ lookup('ansible.builtin.file', 'ec2_assumes_role.json') | from_json }}"
  register: planned
"""

RETURN = r"""
entries:
  description: What becomes of each thing, in the order in which up turns to it.
  returned: success
  type: list
  elements: dict
  contains:
    action: {description: "C(make), C(change), C(remove) or C(keep).", type: str, returned: always}
    kind: {description: For example C(NAT gateway)., type: str, returned: always}
    name: {description: Its name., type: str, returned: always}
    id: {description: Its id or ARN; C(null) where it is still to be made., type: str, returned: always}
    why: {description: What it is made with or what of it changes; may be empty., type: str, returned: always}
    cost_hour:
      description: USD an hour once up has ended, of what is removed at present; C(null) where the price is not known.
      type: float
      returned: always
    cost_now: {description: USD an hour at present., type: float, returned: always}
cost_hour:
  description: USD an hour once up has ended, of all whose price is known.
  returned: success
  type: float
cost_month:
  description: The same for a month of 730 hours.
  returned: success
  type: float
cost_hour_now:
  description: USD an hour at present.
  returned: success
  type: float
notes:
  description: What has to be known besides, in sentences.
  returned: success
  type: list
  elements: str
table:
  description: All of it for a person.
  returned: success
  type: str
line:
  description: The numbers as one line for scripts.
  returned: success
  type: str
"""

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.aws_answers import all_of
from ansible.module_utils.federation_plan import Situation, entries
from ansible.module_utils.federation_plan_present import Present, Record
from ansible.module_utils.federation_plan_words import line, notes, table, totals
from ansible.module_utils.private_bucket import Bucket, or_missing
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

TEXT: Record = {"default": ""}
SETTINGS: dict[str, Record] = {
    **{name: {"required": True} for name in ("vpc_cidr", "public_subnet_cidr", "private_subnet_cidr")},
    "manager_ports": {"type": "list", "elements": "str", "required": True},
    "allowed_cidr": TEXT,
    "member_count": {"type": "int", "required": True},
    "discard_data": {"type": "bool", "default": False},
    "instance_type": {"required": True},
    "image_id": {"required": True},
    "image_has_agraph": {"type": "bool", "default": True},
    "agraph_version": TEXT,
    "root_volume_gb": {"type": "int", "default": 0},
    "data_volume_gb": {"type": "int", "default": 0},
    "key_name": {**TEXT, "no_log": False},
    "key_file": {**TEXT, "no_log": False},
    "node_policy": TEXT,
    "node_policy_document": {"type": "dict", "default": {}},
    "trust_policy_document": {"type": "dict", "required": True},
    "expire_days": {"type": "int", "default": 1},
    "expire_prefix": TEXT,
    "ttl_hours": {"type": "float", "default": 0},
    "ends": TEXT,
}
OPTIONS: dict[str, Record] = {
    # Names of passwords are none.
    "names": {"type": "dict", "required": True, "no_log": False},
    "resources": {"type": "dict", "required": True},
    "settings": {"type": "dict", "required": True, "options": SETTINGS},
    "uploads": {"type": "list", "elements": "str", "default": []},
    "servers": {"type": "list", "elements": "dict", "default": []},
}
NAMING = ("enableDnsSupport", "enableDnsHostnames")


class Looks:
    """What federation_resources_info does not say, looked at by itself."""

    def __init__(self, module: Any) -> None:
        self.module, self.params = module, module.params
        self.names, self.settings = module.params["names"], module.params["settings"]
        self.ec2 = module.client("ec2")

    def seen(self, has: Present) -> Record:
        """Return what `federation_plan.Situation` wants to have seen."""
        vpc = has.vpc["id"] if has.vpc else ""
        return {
            "dns": bool(vpc) and self.has_dns(vpc),
            "default_group_has_rules": bool(vpc) and self.default_group_has_rules(vpc),
            "node_role": self.node_role(has.role),
            "node_profile": self.node_profile(has.profile),
            "bucket_repairs": self.bucket_repairs(has.bucket),
            "foreign_key_pair": "" if has.key_pair else self.key_pair(self.settings["key_name"]),
            "key_file_exists": Path(self.settings["key_file"]).expanduser().is_file(),
            "image_gib": self.image_gib(),
            "volumes": self.volumes(),
            "uploads": self.params["uploads"],
            "servers": [
                {"name": each["name"], "id": each["id"], "steps": each["answer"]["behind"] or each["answer"]["done"]}
                for each in self.params["servers"]
                if "behind" in each["answer"]
            ],
        }

    def has_dns(self, vpc: str) -> bool:
        """Tell whether names are resolved in a VPC, and given."""
        answers = {each: self.ec2.describe_vpc_attribute(VpcId=vpc, Attribute=each) for each in NAMING}
        return all(answer[name[0].upper() + name[1:]]["Value"] for name, answer in answers.items())

    def default_group_has_rules(self, vpc: str) -> bool:
        """Tell whether the security group that EC2 gave the VPC has rules."""
        filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
        groups = self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        return any(each["IpPermissions"] or each["IpPermissionsEgress"] for each in groups)

    def node_role(self, role: Record | None) -> Record:
        """Return the tags of the nodes' role, and what of it is not as wanted."""
        if role is None:
            return {"tags": {}, "changes": []}
        iam, name = self.module.client("iam"), role["name"]
        found = iam.get_role(RoleName=name)["Role"]
        trusts = compare_policies(found["AssumeRolePolicyDocument"], self.settings["trust_policy_document"])
        return {
            "tags": in_one(found.get("Tags", [])),
            "changes": [*(["who takes it"] if trusts else []), *self.policy_changes(iam, name)],
        }

    def policy_changes(self, iam: Any, role: str) -> list[str]:
        """Say what a role may do and should not, or the other way round."""
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        wanted = [self.settings["node_policy"]] if self.settings["node_policy"] else []
        changes = ["its policies"] if [each["PolicyArn"] for each in attached] != wanted else []
        if not wanted:
            name = self.names["node_policy"]
            written = or_missing(lambda: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
            if written is None or compare_policies(written, self.settings["node_policy_document"]):
                changes.append(f"what it may do ({name})")
        return changes

    def node_profile(self, profile: Record | None) -> Record:
        """Return the tags of the nodes' profile, and what of it is not as wanted."""
        if profile is None:
            return {"tags": {}, "changes": []}
        found = self.module.client("iam").get_instance_profile(InstanceProfileName=profile["name"])["InstanceProfile"]
        roles = [each["RoleName"] for each in found["Roles"]]
        changes = [] if roles == [self.names["node_role"]["Name"]] else ["its role"]
        return {"tags": in_one(found.get("Tags", [])), "changes": changes}

    def bucket_repairs(self, bucket: Record | None) -> list[str]:
        """Return what of the bucket is not as wanted."""
        if bucket is None:
            return []
        settings, tags = self.settings, {key: str(value) for key, value in self.names["bucket"].items()}
        found = Bucket(self.module.client("s3"), bucket["name"], self.module.region)
        return list(found.repairs(tags, settings["expire_days"], settings["expire_prefix"]))

    def key_pair(self, name: str) -> str:
        """Return the id of the account's key pair of that name; empty where it has none."""
        filters = [{"Name": "key-name", "Values": [name]}]
        found = self.ec2.describe_key_pairs(Filters=filters)["KeyPairs"] if name else []
        return next((str(each["KeyPairId"]) for each in found if each["KeyName"] == name), "")

    def image_gib(self) -> int | None:
        """Return the size of the image's own root disk; None where it does not say."""
        images = self.ec2.describe_images(ImageIds=[self.settings["image_id"]])["Images"]
        roots = {each["RootDeviceName"] for each in images}
        disks = [disk for each in images for disk in each.get("BlockDeviceMappings", [])]
        sizes = [disk["Ebs"].get("VolumeSize") for disk in disks if "Ebs" in disk and disk["DeviceName"] in roots]
        return next((int(each) for each in sizes if each), None)

    def volumes(self) -> list[Record]:
        """Return the federation's disks, with whose they are."""
        federation = self.names["vpc"]["Federation"]
        filters = [{"Name": "tag:Federation", "Values": [federation]}]
        return [
            {
                "id": each["VolumeId"],
                "name": in_one(each.get("Tags", [])).get("Name", ""),
                "gib": each["Size"],
                "instance_id": next((it["InstanceId"] for it in each["Attachments"]), None),
            }
            for each in all_of(self.ec2, "describe_volumes", "Volumes", Filters=filters)
            if each["State"] not in ("deleting", "deleted")
        ]


def in_one(tags: list[Record]) -> dict[str, str]:
    """Return AWS's list of tags as a dictionary."""
    return {each["Key"]: each["Value"] for each in tags}


def main() -> None:
    """Look, compare, and shape it for a person and for scripts."""
    module = AnsibleAWSModule(argument_spec=OPTIONS, supports_check_mode=True)
    names, settings, found = (module.params[each] for each in ("names", "settings", "resources"))
    has = Present(names, settings, found)
    try:
        situation = Situation(names, settings, found, Looks(module).seen(has))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"Could not look at the federation {names['vpc']['Federation']}")
    planned = entries(situation)
    not_asked = [each["name"] for each in module.params["servers"] if "behind" not in each["answer"]]
    said = notes(planned, {**settings, "not_asked": not_asked}, has.instances)
    module.exit_json(
        changed=False,
        entries=[asdict(each) for each in planned],
        notes=said,
        table=table(planned, said),
        line=line(planned),
        **totals(planned),
    )


if __name__ == "__main__":
    main()
