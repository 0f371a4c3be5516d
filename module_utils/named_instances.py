"""EC2 instances that are known by their names: which of them are missing, launching them, and mending what is there."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import ClientError

from ansible.module_utils import ec2_instances
from ansible.module_utils.ec2_instances import DEAD, InstanceError, Record, described, tags_of, wait_for

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
