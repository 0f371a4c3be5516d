#!/usr/bin/python
"""Keeps EC2 instances that are each known by name: what is missing is launched, and none is ever counted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_named_instances
short_description: Keep EC2 instances that are known by their names
description:
  - Launches each wanted instance that is not there, starts the stopped ones, repairs tags and security groups, and
    waits until all run.
  - Those of an entry with C(indexes) are launched by one call, since EC2 lets an account make only two such calls a
    second; either all of them come or none. The call gives each of them all tags but its own number, which it gets
    when it runs. Whatever is left without a number, since a run died before that, gets one the next time, or ends.
  - Their metadata service takes requests with a session's token only, and answers to the instance itself alone (one
    hop); where that was changed, it is repaired. Their disks are encrypted, of the type C(gp3), and end with them.
  - A launch that fails because the instance profile is too new is tried again, since nothing else tells when a profile
    is usable.
  - With O(state=absent) terminates everything in the scope, or O(ids) of it, and waits until it is terminated, if
    O(wait).
  - M(amazon.aws.ec2_instance) counts instances or handles one at a time, with five calls for each.
version_added: 0.1.0
options:
  state:
    description: Whether the instances are to be there.
    choices: [present, absent]
    default: present
    type: str
  scope:
    description: The tags that all instances of this caller carry; no other instance is looked at.
    required: true
    type: dict
  ids:
    description:
      - Which of the scope's instances are to be absent, by their ids; none of them with an empty list, and all that
        there are without it.
    type: list
    elements: str
  instances:
    description: The wanted instances.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The C(Name) tag.
        required: true
        type: str
      indexes:
        description:
          - Stands for that many instances. The name of each ends with a hyphen and its index, from 0, which is also its
            tag C(Index); until it runs, its name ends before the hyphen.
        type: int
      tags:
        description: Further tags. An instance that lost its name is known by them.
        default: {}
        type: dict
      subnet_id:
        description: The subnet.
        type: str
      group_ids:
        description: The security groups.
        default: []
        type: list
        elements: str
  image_id:
    description: The image to launch.
    type: str
  instance_type:
    description: The type to launch.
    type: str
  instance_profile:
    description: The name of the instance profile.
    type: str
  key_name:
    description: The name of the key pair, or nothing.
    default: ""
    type: str
  user_data:
    description: What runs at first boot.
    default: ""
    type: str
  shutdown_behavior:
    description: What becomes of an instance that shuts itself down. Only for instances that are launched.
    choices: [stop, terminate]
    default: stop
    type: str
  root_volume_gb:
    description: The size of the root disk in GiB; V(0) for the image's own. Only for instances that are launched.
    default: 0
    type: int
  data_volume_gb:
    description:
      - The size of a second disk in GiB, encrypted, of the type C(gp3), which ends with the instance; V(0) for none.
        Only for instances that are launched.
    default: 0
    type: int
  data_device:
    description: The name of that disk for EC2.
    default: /dev/sdf
    type: str
  profile_timeout:
    description: How long to try again while the instance profile is not yet usable, in seconds.
    default: 180
    type: int
  wait:
    description: Whether to wait until the instances are terminated. Those that are wanted are always waited for.
    default: true
    type: bool
  timeout:
    description: How long to wait until all instances run, or are terminated, in seconds.
    default: 300
    type: int
attributes:
  check_mode:
    description: Can run in check mode and says what it would do.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Keep two workers
  ec2_named_instances:
    region: us-west-2
    scope: {Project: example}
    image_id: ami-0123456789abcdef0
    instance_type: t3.medium
    instances:
      - {name: example-worker, indexes: 2, subnet_id: subnet-0123, group_ids: [sg-0123]}

- name: End them
  ec2_named_instances:
    region: us-west-2
    scope: {Project: example}
    state: absent
"""

RETURN = r"""
instances:
  description: The wanted instances, each with C(name), C(id), C(state) and C(private_ip).
  returned: when O(state=present)
  type: list
  elements: dict
launched:
  description: The names of those that were launched.
  returned: success
  type: list
  elements: str
terminated:
  description: The names of those that were terminated; the ids of those that had no number yet.
  returned: success
  type: list
  elements: str
"""

import contextlib
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils import ec2_instances
from ansible.module_utils.ec2_instances import DEAD, InstanceError, described, tags_of, wait_for
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

Record = dict[str, Any]
# More at once only meets EC2's throttle.
CALLS_AT_ONCE = 5
# EC2 has buckets of its own for launches and tags, and other users of the account drink from them, too.
THROTTLED = AWSRetry.jittered_backoff(retries=12, delay=2, max_delay=20)
# A request that somebody lures a process on the node into making has no token, and none that was routed comes back.
METADATA = {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}
# What a launch makes. The interface has the tags, too, so that a policy can tell it from others' interfaces.
TAGGED = ("instance", "volume", "network-interface")
NOT_YET_USABLE = "Invalid IAM Instance Profile name"


def expand(wanted: list[Record]) -> list[Record]:
    """Return one entry an instance: an entry with indexes, a series, stands for several."""
    each_one = []
    for entry in wanted:
        tags = {key: str(value) for key, value in entry["tags"].items() if key != "Name"}
        if entry["indexes"] is None:
            each_one.append({**entry, "tags": tags, "series": None})
        for index in range(entry["indexes"] or 0):
            own = {"name": f"{entry['name']}-{index}", "tags": {**tags, "Index": str(index)}}
            each_one.append({**entry, **own, "series": entry["name"]})
    return each_one


def is_unnumbered(want: Record, have: Record) -> bool:
    """Tell whether an instance was launched for a series, and has not got a number yet."""
    tags = tags_of(have)
    return want["series"] is not None and tags.get("Name") == want["series"] and "Index" not in tags


def assign(wanted: list[Record], existing: list[Record]) -> dict[str, Record]:
    """Give each wanted name the living instance that has it, or else that has all its other tags, or has no number."""
    free = sorted(
        (each for each in existing if each["State"]["Name"] not in DEAD),
        key=lambda each: (str(each["LaunchTime"]), each.get("AmiLaunchIndex", 0)),
    )
    assigned: dict[str, Record] = {}
    tests: list[Callable[[Record, Record], bool]] = [
        lambda want, have: tags_of(have).get("Name") == want["name"],
        lambda want, have: bool(want["tags"]) and want["tags"].items() <= tags_of(have).items(),
        is_unnumbered,
    ]
    for fits in tests:
        for want in wanted:
            found = next((have for have in free if fits(want, have)), None)
            if found is not None and want["name"] not in assigned:
                assigned[want["name"]] = found
                free.remove(found)
    return assigned


def launches(missing: list[Record]) -> list[list[Record]]:
    """Return which of the missing instances one call can launch: those of a series."""
    together: dict[str, list[Record]] = {}
    for want in missing:
        together.setdefault(want["series"] or want["name"], []).append(want)
    return list(together.values())


def launch_token(wants: list[Record], existing: list[Record]) -> str:
    """Name a launch so that repeating it in the same place, before anything died there, cannot launch twice."""
    names = [want["name"] for want in wants]
    dead = sorted(each["InstanceId"] for each in existing if tags_of(each).get("Name") in {*names, wants[0]["series"]})
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join([wants[0]["subnet_id"] or "", *names, *dead])))


def not_launched(wants: list[Record]) -> str:
    """Return the beginning of a sentence."""
    names = [str(want["name"]) for want in wants]
    if len(names) == 1:
        return f"{names[0]} was not launched"
    return f"{', '.join(names[:-1])} and {names[-1]} were not launched"


class Instances:
    """The instances of one scope."""

    def __init__(self, client: Any, parameters: Record) -> None:
        self.client = client
        self.parameters = parameters
        self.root_device = ""
        """The root disk's name in the image; found out before the first launch."""
        self.names: dict[str, str] = {}
        """What to call an instance, by its id, whatever its tags say."""

    def existing(self) -> list[Record]:
        """Describe all instances of the scope, the dead included as long as EC2 shows them."""
        found: list[Record] = described(self.client, self.parameters["scope"])
        return found

    def look_at_image(self) -> None:
        """Find out what the image calls its root disk."""
        image = self.parameters["image_id"]
        images = self.client.describe_images(aws_retry=True, ImageIds=[image])["Images"]
        if not images:
            raise InstanceError(f"The image {image} does not exist here: name one of this region.")
        self.root_device = str(images[0]["RootDeviceName"])

    def launch(self, wants: list[Record], token: str) -> dict[str, str]:
        """Launch instances with one call, again for as long as their profile is not usable yet; return ids by name."""
        deadline = time.monotonic() + self.parameters["profile_timeout"]
        ids: dict[str, str] = {}
        while missing := [want for want in wants if want["name"] not in ids]:
            try:
                asked = self._launch_arguments(missing, token)
                launched = self.client.run_instances(aws_retry=True, **asked)["Instances"]
                alive = sorted(
                    (each for each in launched if each["State"]["Name"] not in DEAD),
                    key=lambda each: each.get("AmiLaunchIndex", 0),
                )
                ids |= {want["name"]: str(each["InstanceId"]) for want, each in zip(missing, alive, strict=False)}
                # EC2 remembers the token of instances that have died since: this is another launch.
                token = str(uuid.uuid4())
            except ClientError as error:
                problem = error.response["Error"]
                if NOT_YET_USABLE not in problem["Message"]:
                    raise InstanceError(f"{not_launched(missing)}: {problem['Code']}: {problem['Message']}") from error
                if time.monotonic() > deadline:
                    raise InstanceError(
                        f"{not_launched(missing)} within {self.parameters['profile_timeout']} s because the "
                        f"instance profile {self.parameters['instance_profile']} is still unknown to EC2: "
                        "repeat the run, it goes on from here."
                    ) from error
                time.sleep(ec2_instances.POLL_SECONDS)
        return ids

    def _wanted_tags(self, want: Record) -> dict[str, str]:
        return {**self.parameters["scope"], **want["tags"], "Name": want["name"]}

    def _launch_arguments(self, wants: list[Record], token: str) -> Record:
        first, tags = wants[0], self._wanted_tags(wants[0])
        if len(wants) > 1:
            # All of them get the same; what is each one's own comes when they run.
            tags = {**tags, "Name": first["series"]}
            del tags["Index"]
        tag_list = [{"Key": key, "Value": value} for key, value in tags.items()]
        disk = {"Encrypted": True, "VolumeType": "gp3", "DeleteOnTermination": True}
        disks: list[Record] = [{"DeviceName": self.root_device, "Ebs": {**disk}}]
        if size := self.parameters["root_volume_gb"]:
            disks[0]["Ebs"]["VolumeSize"] = size
        if size := self.parameters["data_volume_gb"]:
            disks.append({"DeviceName": self.parameters["data_device"], "Ebs": {**disk, "VolumeSize": size}})
        arguments = {
            "ImageId": self.parameters["image_id"],
            "InstanceType": self.parameters["instance_type"],
            "KeyName": self.parameters["key_name"],
            "UserData": self.parameters["user_data"],
            "InstanceInitiatedShutdownBehavior": self.parameters["shutdown_behavior"],
            "SubnetId": first["subnet_id"],
            "SecurityGroupIds": first["group_ids"],
            "IamInstanceProfile": {"Name": self.parameters["instance_profile"]}
            if self.parameters["instance_profile"]
            else None,
            "MetadataOptions": METADATA,
            "BlockDeviceMappings": disks,
            "TagSpecifications": [{"ResourceType": kind, "Tags": tag_list} for kind in TAGGED],
        }
        return {
            "MinCount": len(wants),
            "MaxCount": len(wants),
            "ClientToken": token,
            **{name: value for name, value in arguments.items() if value},
        }

    def repairs(self, want: Record, have: Record) -> list[Callable[[], Any]]:
        """Return what has to be done so that an existing instance is as wanted."""
        identity, client = have["InstanceId"], self.client
        todo: list[Callable[[], Any]] = []
        tags = self._wanted_tags(want)
        wrong = [{"Key": key, "Value": value} for key, value in tags.items() if tags_of(have).get(key) != value]
        if wrong:
            parts = [each["Ebs"]["VolumeId"] for each in have.get("BlockDeviceMappings", []) if "Ebs" in each]
            parts += [each["NetworkInterfaceId"] for each in have.get("NetworkInterfaces", [])]
            todo.append(lambda: client.create_tags(aws_retry=True, Resources=[identity, *parts], Tags=wrong))
        groups = {each["GroupId"] for each in have.get("SecurityGroups", [])}
        if want["group_ids"] and groups != set(want["group_ids"]):
            wanted = {"InstanceId": identity, "Groups": want["group_ids"]}
            todo.append(lambda: client.modify_instance_attribute(aws_retry=True, **wanted))
        if not METADATA.items() <= have.get("MetadataOptions", {}).items():
            todo.append(
                lambda: client.modify_instance_metadata_options(aws_retry=True, InstanceId=identity, **METADATA)
            )
        if have["State"]["Name"] in ("stopping", "stopped"):
            todo.append(lambda: self._start(identity))
        return todo

    def _start(self, identity: str) -> None:
        self.wait_for({identity: "stopped"})
        self.client.start_instances(aws_retry=True, InstanceIds=[identity])

    def wait_for(self, states: dict[str, str]) -> dict[str, Record]:
        """Wait until each instance is in its state; one that EC2 does not show is not there yet, or no longer."""
        found: dict[str, Record] = wait_for(self.existing, states, self.parameters["timeout"], self.names)
        return found

    def terminate(self, identities: list[str]) -> None:
        """Terminate all at once, or one by one when EC2 has forgotten some: one unknown id fails the batch."""
        try:
            self.client.terminate_instances(aws_retry=True, InstanceIds=identities)
        except ClientError as error:
            if not error.response["Error"]["Code"].startswith("InvalidInstanceID"):
                raise
            if len(identities) > 1:
                for identity in identities:
                    self.terminate([identity])


def ensure_present(instances: Instances, wanted: list[Record], check_mode: bool) -> Record:
    """Launch what is missing, repair what is there, end what has no number, and wait until all of it runs."""
    existing = instances.existing()
    assigned = assign(wanted, existing)
    missing = [want for want in wanted if want["name"] not in assigned]
    repairs = [
        do for want in wanted if want["name"] in assigned for do in instances.repairs(want, assigned[want["name"]])
    ]
    ids = {name: have["InstanceId"] for name, have in assigned.items()}
    unnumbered = [
        have["InstanceId"]
        for have in existing
        if have["State"]["Name"] not in DEAD
        and have["InstanceId"] not in ids.values()
        and any(is_unnumbered(want, have) for want in wanted)
    ]
    if not check_mode:
        if missing:
            instances.look_at_image()
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            launched = [pool.submit(instances.launch, each, launch_token(each, existing)) for each in launches(missing)]
            for do in repairs:
                do()
            if unnumbered:
                instances.terminate(unnumbered)
        # Only now, so that one refused launch does not hide what became of the others.
        for launch in launched:
            ids |= launch.result()
        instances.names = {identity: name for name, identity in ids.items()}
        found = instances.wait_for(dict.fromkeys(ids.values(), "running"))
        assigned = {name: found[identity] for name, identity in ids.items()}
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            numbers = [pool.submit(do) for want in missing for do in instances.repairs(want, assigned[want["name"]])]
        for number in numbers:
            number.result()
    return {
        "changed": bool(missing or repairs or unnumbered),
        "launched": [want["name"] for want in missing],
        "terminated": unnumbered,
        "instances": [
            {
                "name": name,
                "id": it["InstanceId"],
                "state": it["State"]["Name"],
                "private_ip": it.get("PrivateIpAddress"),
            }
            for name, it in assigned.items()
        ],
    }


def ensure_absent(instances: Instances, check_mode: bool) -> Record:
    """Terminate everything in the scope, or those of it that are named, and wait for it unless that is not wanted."""
    ids = instances.parameters["ids"]
    dying = [each for each in instances.existing() if each["State"]["Name"] != "terminated"]
    dying = [each for each in dying if ids is None or each["InstanceId"] in ids]
    living = [each for each in dying if each["State"]["Name"] not in DEAD]
    if not check_mode and dying:
        if living:
            instances.terminate([each["InstanceId"] for each in living])
        if instances.parameters["wait"]:
            instances.wait_for({each["InstanceId"]: "terminated" for each in dying})
    names = sorted(tags_of(each).get("Name") or str(each["InstanceId"]) for each in living)
    return {"changed": bool(living), "launched": [], "terminated": names, "instances": []}


def main() -> None:
    """Bring the instances of the scope to the wanted state."""
    wanted = {
        "name": {"required": True},
        "indexes": {"type": "int"},
        "tags": {"type": "dict", "default": {}},
        "subnet_id": {},
        "group_ids": {"type": "list", "elements": "str", "default": []},
    }
    options = {
        "state": {"choices": ["present", "absent"], "default": "present"},
        "scope": {"type": "dict", "required": True},
        "ids": {"type": "list", "elements": "str"},
        "instances": {"type": "list", "elements": "dict", "default": [], "options": wanted},
        "image_id": {},
        "instance_type": {},
        "instance_profile": {},
        "key_name": {"default": "", "no_log": False},
        "user_data": {"default": ""},
        "shutdown_behavior": {"choices": ["stop", "terminate"], "default": "stop"},
        "root_volume_gb": {"type": "int", "default": 0},
        "data_volume_gb": {"type": "int", "default": 0},
        "data_device": {"default": "/dev/sdf"},
        "profile_timeout": {"type": "int", "default": 180},
        "wait": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 300},
    }
    module = AnsibleAWSModule(
        argument_spec=options,
        supports_check_mode=True,
        required_if=[("state", "present", ("image_id", "instance_type"))],
    )
    instances = Instances(module.client("ec2", retry_decorator=THROTTLED), module.params)
    try:
        if module.params["state"] == "present":
            result = ensure_present(instances, expand(module.params["instances"]), module.check_mode)
        else:
            result = ensure_absent(instances, module.check_mode)
    except InstanceError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="Could not bring the instances to the wanted state")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
