"""Parameter Store: one writer at a time, versions that count, and no parameter by accident."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_box import Box, code, until

NAME = "/agraph/note"
WRITERS = 12


def put(box: Box, value: str, **more: Any) -> int | str:
    """Write the parameter: the version that it has now, or the code of the refusal."""
    try:
        return int(box.ssm.put_parameter(Name=NAME, Value=value, **more)["Version"])
    except ClientError as error:
        return str(error.response["Error"]["Code"])


def history(box: Box) -> list[tuple[int, str]]:
    found = box.ssm.get_parameter_history(Name=NAME)["Parameters"]
    return [(each["Version"], each["Value"]) for each in found]


def test_of_many_that_create_it_at_once_one_does(box: Box) -> None:
    box.ssm.describe_parameters()
    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(lambda number: put(box, str(number), Type="String"), range(WRITERS)))
    assert sorted(map(str, answers)) == ["1", *["ParameterAlreadyExists"] * (WRITERS - 1)]
    assert history(box) == [(1, str(answers.index(1)))]


def test_each_that_overwrites_gets_a_version_of_its_own(box: Box) -> None:
    put(box, "first", Type="String")
    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(lambda number: put(box, str(number), Overwrite=True), range(WRITERS)))
    assert sorted(int(each) for each in answers) == list(range(2, WRITERS + 2))
    assert history(box) == [(1, "first"), *sorted((int(each), str(index)) for index, each in enumerate(answers))]


def test_without_a_type_nothing_is_created(box: Box) -> None:
    assert put(box, "x") == put(box, "x", Overwrite=True) == "ValidationException"
    assert code(lambda: box.ssm.get_parameter_history(Name=NAME)) == "ParameterNotFound"
    # What was refused is not half there either.
    assert code(lambda: box.ssm.get_parameter(Name=NAME)) == "ParameterNotFound"


def test_it_is_created_with_its_tags_and_begins_again_after_its_end(box: Box) -> None:
    tags = [{"Key": "Federation", "Value": "agraph"}]
    assert put(box, "x", Type="String", Tags=tags) == 1
    assert box.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=NAME)["TagList"] == tags
    assert put(box, "y", Overwrite=True, Tags=tags) == "ValidationException"
    assert put(box, "y", Overwrite=True) == 2
    box.ssm.delete_parameter(Name=NAME)
    assert code(lambda: box.ssm.delete_parameter(Name=NAME)) == "ParameterNotFound"
    assert put(box, "z", Type="String") == 1


@pytest.mark.parametrize(("architecture", "instance_type"), [("x86_64", "t3.medium"), ("arm64", "t4g.medium")])
def test_the_latest_image_of_an_architecture_fits_its_types_only(
    box: Box, architecture: str, instance_type: str
) -> None:
    name = f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"
    image = box.ssm.get_parameter(Name=name)["Parameter"]["Value"]
    (found,) = box.ec2.describe_images(ImageIds=[image])["Images"]
    assert found["Architecture"] == architecture
    subnet = box.subnet(box.vpc())
    other = "t3.medium" if architecture == "arm64" else "t4g.medium"
    assert code(lambda: box.run(subnet, ImageId=image, InstanceType=other)) == "InvalidParameterValue"
    instance = box.run(subnet, ImageId=image, InstanceType=instance_type)
    assert box.instance(instance)["Architecture"] == architecture


def test_a_second_disk_is_the_machines_too(box: Box) -> None:
    disks = [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3", "DeleteOnTermination": True}}]
    instance = box.run(box.subnet(box.vpc()), BlockDeviceMappings=disks)
    mapped = {each["DeviceName"] for each in box.instance(instance)["BlockDeviceMappings"]}
    assert mapped == {"/dev/xvda", "/dev/sdf"}
    until(lambda: instance in box.world.machines)
    assert box.world.machines[instance].disks == (("/dev/sdf", 20),)
