"""ec2_named_instances: each instance is known by its name, and none is counted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils import ec2_instances
from ansible.module_utils.ec2_instances import InstanceError
from ansible.module_utils.named_instances import METADATA, Instances, assign, expand, launch_token
from botocore.exceptions import ClientError

from library.ec2_named_instances import ensure_absent, ensure_present

SCOPE = {"Federation": "f"}
MANAGER = {"name": "f-manager", "indexes": None, "tags": {"Role": "manager"}, "subnet_id": "s", "group_ids": ["g"]}
MEMBERS = {"name": "f-member", "indexes": 2, "tags": {"Role": "member"}, "subnet_id": "s", "group_ids": ["g"]}
WANTED = expand([MANAGER, MEMBERS])


class Cloud:
    """EC2, as far as the module asks it; a launched instance runs at the second look."""

    def __init__(self) -> None:
        self.instances: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.refusals: list[str] = []

    def add(self, state: str = "running", **tags: str) -> str:
        identity = f"i-{len(self.instances)}"
        tag_list = [{"Key": key, "Value": value} for key, value in {**SCOPE, **tags}.items()]
        groups = [{"GroupId": "g"}]
        described: dict[str, Any] = {"MetadataOptions": {**METADATA, "State": "applied"}}
        described |= {"InstanceId": identity, "State": {"Name": state}, "Tags": tag_list, "SecurityGroups": groups}
        self.instances.append({**described, "LaunchTime": len(self.instances)})
        return identity

    def add_all(self) -> None:
        for want in WANTED:
            self.add(Name=want["name"], **want["tags"])

    def can_paginate(self, _: str) -> bool:
        return True

    def get_paginator(self, _: str) -> Cloud:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        pages = [{"Reservations": [{"Instances": [{**each, "State": dict(each["State"])} for each in self.instances]}]}]
        moves = {"pending": "running", "shutting-down": "terminated", "stopping": "stopped"}
        for each in self.instances:
            each["State"]["Name"] = moves.get(each["State"]["Name"], each["State"]["Name"])
        return pages

    def run_instances(self, **asked: Any) -> dict[str, Any]:
        self.calls.append("run")
        self.asked.append(asked)
        if self.refusals:
            error: Any = {"Code": "InvalidParameterValue", "Message": self.refusals.pop()}
            raise ClientError({"Error": error}, "RunInstances")
        tags = {tag["Key"]: tag["Value"] for tag in asked["TagSpecifications"][0]["Tags"]}
        for index in range(asked["MaxCount"]):
            self.add("pending", **tags)
            disk = {"Ebs": {"VolumeId": f"vol-{len(self.instances) - 1}"}}
            self.instances[-1] |= {"AmiLaunchIndex": index, "BlockDeviceMappings": [disk]}
        # EC2 does not promise an order.
        return {"Instances": self.instances[: -asked["MaxCount"] - 1 : -1]}

    def create_tags(self, Resources: list[str], Tags: list[dict[str, str]], **_: Any) -> None:  # noqa: N803  # AWS's names
        self.calls.append(f"tag {' '.join(Resources)} {' '.join(f'{each["Key"]}={each["Value"]}' for each in Tags)}")
        have = self._find(Resources[0])
        tags = {tag["Key"]: tag["Value"] for tag in [*have["Tags"], *Tags]}
        have["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]

    def describe_images(self, ImageIds: list[str], **_: Any) -> dict[str, Any]:  # noqa: N803  # AWS's names
        return {"Images": [{"RootDeviceName": "/dev/xvda"}] if ImageIds == ["ami-0"] else []}

    def modify_instance_metadata_options(self, **asked: Any) -> None:
        self.calls.append(f"metadata {asked['InstanceId']} {asked['HttpTokens']} {asked['HttpPutResponseHopLimit']}")

    def modify_instance_attribute(self, **asked: Any) -> None:
        self.calls.append(f"groups {asked['InstanceId']}")

    def start_instances(self, InstanceIds: list[str], **_: Any) -> None:  # noqa: N803  # AWS's names
        self.calls.append(f"start {InstanceIds[0]}")
        self._find(InstanceIds[0])["State"]["Name"] = "pending"

    def terminate_instances(self, InstanceIds: list[str], **_: Any) -> None:  # noqa: N803  # AWS's names
        self.calls.append(f"terminate {' '.join(InstanceIds)}")
        for each in InstanceIds:
            self._find(each)["State"]["Name"] = "shutting-down"

    def _find(self, identity: str) -> dict[str, Any]:
        return next(each for each in self.instances if each["InstanceId"] == identity)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr(ec2_instances, "POLL_SECONDS", 0.001)
    return Cloud()


def handle(cloud: Cloud, **parameters: Any) -> Instances:
    defaults: dict[str, Any] = {
        "image_id": "ami-0",
        "instance_type": "t3.medium",
        "instance_profile": "p",
        "key_name": "",
    }
    defaults |= {"root_volume_gb": 0, "data_volume_gb": 0, "data_device": "/dev/sdf"}
    times = {"user_data": "", "shutdown_behavior": "terminate", "profile_timeout": 5, "wait": True, "timeout": 5}
    defaults["ids"] = None
    return Instances(cloud, {"scope": SCOPE, **defaults, **times, **parameters})


def test_an_entry_with_indexes_stands_for_several() -> None:
    assert [want["name"] for want in WANTED] == ["f-manager", "f-member-0", "f-member-1"]
    assert [want["tags"].get("Index") for want in WANTED] == [None, "0", "1"]


def test_all_are_launched_once(cloud: Cloud) -> None:
    made = ensure_present(handle(cloud), WANTED, check_mode=False)
    assert sorted(made["launched"]) == ["f-manager", "f-member-0", "f-member-1"]
    assert {each["state"] for each in made["instances"]} == {"running"}
    again = ensure_present(handle(cloud), WANTED, check_mode=False)
    assert (again["changed"], again["launched"], cloud.calls.count("run")) == (False, [], 2)


def test_the_members_are_launched_by_one_call_and_get_their_numbers_when_they_run(cloud: Cloud) -> None:
    made = ensure_present(handle(cloud), WANTED[1:], check_mode=False)
    assert cloud.calls[0] == "run"
    assert sorted(cloud.calls[1:]) == [
        f"tag i-{number} vol-{number} Index={number} Name=f-member-{number}" for number in range(2)
    ]
    assert [each["id"] for each in made["instances"]] == ["i-0", "i-1"]
    asked = cloud.asked[0]
    assert (asked["MinCount"], asked["MaxCount"]) == (2, 2)
    for specification in asked["TagSpecifications"]:
        tags = {tag["Key"]: tag["Value"] for tag in specification["Tags"]}
        assert tags == {**SCOPE, "Role": "member", "Name": "f-member"}
    assert not ensure_present(handle(cloud), WANTED[1:], check_mode=False)["changed"]


def test_a_member_that_is_launched_alone_has_its_number_at_once(cloud: Cloud) -> None:
    ensure_present(handle(cloud), WANTED[2:], check_mode=False)
    assert cloud.calls == ["run"]
    assert {"Key": "Index", "Value": "1"} in cloud.asked[0]["TagSpecifications"][0]["Tags"]


def test_members_that_a_run_left_without_numbers_get_the_missing_ones(cloud: Cloud) -> None:
    cloud.add(Name="f-manager", Role="manager")
    for tags in ({"Name": "f-member-1", "Index": "1"}, {"Name": "f-member"}, {"Name": "f-member"}):
        cloud.add("running", Role="member", **tags)
    seen = ensure_present(handle(cloud), WANTED, check_mode=True)
    assert (seen["changed"], seen["launched"], seen["terminated"], cloud.calls) == (True, [], ["i-3"], [])
    made = ensure_present(handle(cloud), WANTED, check_mode=False)
    assert (made["changed"], made["launched"], made["terminated"]) == (True, [], ["i-3"])
    assert cloud.calls == ["tag i-2 Index=0 Name=f-member-0", "terminate i-3"]
    assert not ensure_present(handle(cloud), WANTED, check_mode=False)["changed"]


def test_members_that_died_since_their_launch_was_asked_for_are_launched_again(cloud: Cloud) -> None:
    answer = cloud.run_instances
    answers: list[dict[str, Any]] = []

    def dead_at_first(**asked: Any) -> dict[str, Any]:
        launched = answer(**asked)
        if not answers:
            launched["Instances"][0]["State"]["Name"] = "terminated"
        answers.append(asked)
        return launched

    cloud.run_instances = dead_at_first  # type: ignore[method-assign]
    made = ensure_present(handle(cloud), WANTED[1:], check_mode=False)
    assert [each["MaxCount"] for each in answers] == [2, 1]
    assert answers[0]["ClientToken"] != answers[1]["ClientToken"]
    assert [each["id"] for each in made["instances"]] == ["i-0", "i-2"]


def test_check_mode_names_what_is_missing(cloud: Cloud) -> None:
    made = ensure_present(handle(cloud), WANTED, check_mode=True)
    assert (made["changed"], made["launched"], cloud.calls) == (True, ["f-manager", "f-member-0", "f-member-1"], [])


def test_only_the_missing_member_is_launched(cloud: Cloud) -> None:
    cloud.add_all()
    cloud.instances[1]["State"]["Name"] = "terminated"
    assert ensure_present(handle(cloud), WANTED, check_mode=False)["launched"] == ["f-member-0"]


def test_a_renamed_member_is_known_by_its_other_tags_and_renamed_back(cloud: Cloud) -> None:
    cloud.add_all()
    cloud.instances[2]["Tags"][1]["Value"] = "something else"
    made = ensure_present(handle(cloud), WANTED, check_mode=False)
    assert (made["changed"], made["launched"], cloud.calls) == (True, [], ["tag i-2 Name=f-member-1"])


def test_groups_are_repaired_and_a_stopped_one_is_started(cloud: Cloud) -> None:
    cloud.add_all()
    cloud.instances[0]["SecurityGroups"] = []
    cloud.instances[1]["State"]["Name"] = "stopping"
    assert ensure_present(handle(cloud), WANTED, check_mode=False)["changed"]
    assert cloud.calls == ["groups i-0", "start i-1"]


def test_the_oldest_of_two_with_one_name_is_the_one(cloud: Cloud) -> None:
    for _ in range(2):
        cloud.add(Name="f-manager", Role="manager")
    assert assign(WANTED[:1], cloud.instances)["f-manager"]["InstanceId"] == "i-0"


def test_a_profile_that_is_too_new_is_tried_again(cloud: Cloud) -> None:
    cloud.refusals = [
        "Value (p) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
    ] * 3
    assert ensure_present(handle(cloud), WANTED[:1], check_mode=False)["launched"] == ["f-manager"]
    assert cloud.calls.count("run") == 4


def test_a_profile_that_never_comes_is_an_error_with_its_name(cloud: Cloud) -> None:
    cloud.refusals = ["Invalid IAM Instance Profile name"] * 9999
    with pytest.raises(InstanceError, match="f-manager was not launched within 0 s because the instance profile p "):
        ensure_present(handle(cloud, profile_timeout=0), WANTED[:1], check_mode=False)


def test_any_other_refusal_is_not_repeated(cloud: Cloud) -> None:
    cloud.refusals = ["There is no more room"]
    with pytest.raises(InstanceError, match="f-manager was not launched: InvalidParameterValue: There is no more room"):
        ensure_present(handle(cloud), WANTED[:1], check_mode=False)
    assert cloud.calls == ["run"]


def test_a_launch_repeated_in_the_same_place_has_the_same_token() -> None:
    alive: list[dict[str, Any]] = []
    dead = [{"InstanceId": "i-9", "Tags": [{"Key": "Name", "Value": "f-member-0"}]}]
    nameless = [{"InstanceId": "i-9", "Tags": [{"Key": "Name", "Value": "f-member"}]}]
    assert launch_token(WANTED[1:], alive) == launch_token(WANTED[1:], alive)
    assert launch_token(WANTED[1:], alive) != launch_token(WANTED[2:], alive)
    assert launch_token(WANTED[1:], alive) != launch_token(WANTED[1:], dead)
    assert launch_token(WANTED[1:], alive) != launch_token(WANTED[1:], nameless)


def test_all_are_terminated_and_awaited(cloud: Cloud) -> None:
    cloud.add_all()
    gone = ensure_absent(handle(cloud), check_mode=False)
    assert gone["terminated"] == ["f-manager", "f-member-0", "f-member-1"]
    assert {each["State"]["Name"] for each in cloud.instances} == {"terminated"}
    assert not ensure_absent(handle(cloud), check_mode=False)["changed"]


def test_all_are_terminated_and_not_awaited_when_there_is_something_else_to_do(cloud: Cloud) -> None:
    cloud.add_all()
    gone = ensure_absent(handle(cloud, wait=False), check_mode=False)
    assert gone["terminated"] == ["f-manager", "f-member-0", "f-member-1"]
    assert {each["State"]["Name"] for each in cloud.instances} == {"shutting-down"}
    assert not ensure_absent(handle(cloud), check_mode=False)["changed"]
    assert {each["State"]["Name"] for each in cloud.instances} == {"terminated"}


def test_those_that_are_named_are_terminated_and_no_other(cloud: Cloud) -> None:
    cloud.add_all()
    assert not ensure_absent(handle(cloud, ids=[]), check_mode=False)["changed"]
    gone = ensure_absent(handle(cloud, ids=["i-2"]), check_mode=False)
    assert (gone["terminated"], cloud.calls) == (["f-member-1"], ["terminate i-2"])
    assert [each["State"]["Name"] for each in cloud.instances] == ["running", "running", "terminated"]


def test_the_dying_are_awaited_but_not_counted(cloud: Cloud) -> None:
    cloud.add("shutting-down", Name="f-manager")
    gone = ensure_absent(handle(cloud), check_mode=False)
    assert (gone["changed"], cloud.calls) == (False, [])
    assert cloud.instances[0]["State"]["Name"] == "terminated"


def test_one_that_is_late_is_named(cloud: Cloud) -> None:
    cloud.add("running", Name="f-manager")
    with pytest.raises(InstanceError, match=r"f-manager \(i-0\) is still running after 0 s"):
        handle(cloud, timeout=0).wait_for({"i-0": "terminated"})


def test_one_that_dies_is_named_with_the_reason(cloud: Cloud) -> None:
    cloud.add("terminated", Name="f-manager")
    cloud.instances[0]["StateReason"] = {"Message": "Server.InternalError"}
    with pytest.raises(InstanceError, match=r"f-manager \(i-0\) died before it was running: Server.InternalError"):
        handle(cloud).wait_for({"i-0": "running"})


def test_a_member_that_dies_before_it_has_its_number_is_named_by_it(cloud: Cloud) -> None:
    described = cloud.paginate

    def dying(**asked: Any) -> list[dict[str, Any]]:
        if len(cloud.instances) == 2:
            cloud.instances[1]["State"]["Name"] = "terminated"
        return described(**asked)

    cloud.paginate = dying  # type: ignore[method-assign]
    with pytest.raises(InstanceError, match=r"f-member-1 \(i-1\) died before it was running"):
        ensure_present(handle(cloud), WANTED[1:], check_mode=False)


@pytest.mark.parametrize("size", [0, 40])
def test_disks_are_encrypted_and_the_metadata_wants_a_token(cloud: Cloud, size: int) -> None:
    ensure_present(handle(cloud, root_volume_gb=size), WANTED, check_mode=False)
    for asked in cloud.asked:
        (disk,) = asked["BlockDeviceMappings"]
        kept = {"Encrypted": True, "VolumeType": "gp3", "DeleteOnTermination": True}
        assert disk == {"DeviceName": "/dev/xvda", "Ebs": kept | ({"VolumeSize": size} if size else {})}
        assert asked["MetadataOptions"] == {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
        }


def test_a_metadata_service_that_was_opened_is_closed_again(cloud: Cloud) -> None:
    cloud.add_all()
    cloud.instances[1]["MetadataOptions"]["HttpTokens"] = "optional"
    made = ensure_present(handle(cloud), WANTED, check_mode=False)
    assert (made["changed"], cloud.calls) == (True, ["metadata i-1 required 1"])


def test_an_image_that_is_not_there_is_said(cloud: Cloud) -> None:
    with pytest.raises(InstanceError, match="The image ami-9 does not exist here: "):
        ensure_present(handle(cloud, image_id="ami-9"), WANTED, check_mode=False)


def test_all_that_one_call_did_not_launch_are_named(cloud: Cloud) -> None:
    cloud.refusals = ["There is no more room"]
    with pytest.raises(InstanceError, match="f-member-0 and f-member-1 were not launched: InvalidParameterValue: "):
        ensure_present(handle(cloud), WANTED[1:], check_mode=False)


def test_the_launching_call_says_what_a_shutdown_does_and_has_the_tags(cloud: Cloud) -> None:
    wanted = [{**want, "tags": {**want["tags"], "Expires": "2030-01-31T18:00:00Z"}} for want in WANTED]
    ensure_present(handle(cloud), wanted, check_mode=False)
    assert [each["InstanceInitiatedShutdownBehavior"] for each in cloud.asked] == ["terminate"] * 2
    for each in cloud.asked:
        for specification in each["TagSpecifications"]:
            assert {"Key": "Expires", "Value": "2030-01-31T18:00:00Z"} in specification["Tags"]


def test_a_launch_that_is_throttled_is_tried_again(cloud: Cloud) -> None:
    ensure_present(handle(cloud), WANTED, check_mode=False)
    assert all(asked["aws_retry"] for asked in cloud.asked)


def test_a_disk_for_the_data_is_made_with_the_instance(cloud: Cloud) -> None:
    ensure_present(handle(cloud, data_volume_gb=20), WANTED, check_mode=False)
    disk = {"Encrypted": True, "VolumeType": "gp3", "DeleteOnTermination": True}
    for asked in cloud.asked:
        root, data = asked["BlockDeviceMappings"]
        assert root["Ebs"] == disk
        assert data == {"DeviceName": "/dev/sdf", "Ebs": {**disk, "VolumeSize": 20}}
        assert [each["ResourceType"] for each in asked["TagSpecifications"]] == [
            "instance",
            "volume",
            "network-interface",
        ]
