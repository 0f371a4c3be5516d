"""What AWS offers for a federation that is wanted: an image, a type of instance, room and permission."""

from __future__ import annotations

import contextlib
from typing import Any

with contextlib.suppress(ImportError):  # the module that uses this says so
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils.federation_account import (
    Wish,
    problem_with_architecture,
    problems_with_permissions,
    problems_with_quotas,
    quotas_of,
    stands,
    stock_of,
    zones_of,
)

# The architectures of Amazon Linux 2023, as EC2 and the public parameters call them.
AL2023 = ("x86_64", "arm64")


def looked_up_at_aws(module: Any) -> tuple[str, list[str]]:
    """Ask EC2 whether image and type exist in the region and fit, and whether the account has room and permission.

    Return the image to launch, which where none is named is the latest Amazon Linux 2023, and what is wrong.
    """
    image, instance_type, region = (module.params[key] for key in ("image_id", "instance_type", "region"))
    client = module.client("ec2")
    found = []
    images, types = [], []
    try:
        if image and not (images := client.describe_images(ImageIds=[image])["Images"]):
            raise LookupError
    except (ClientError, LookupError) as error:
        if unexpected := _unexpected(error, "InvalidAMIID"):
            return image, [f"The image {image} could not be looked up: {unexpected}"]
        found.append(
            f"federation_ami_id {image} does not exist in {region} or is not shared with this account: "
            "name an image of that region that has AllegroGraph on it."
        )
    try:
        types = client.describe_instance_types(InstanceTypes=[instance_type])["InstanceTypes"]
    except ClientError as error:
        if unexpected := _unexpected(error, "InvalidInstanceType"):
            return image, [f"The type {instance_type} could not be looked up: {unexpected}"]
        found.append(f"federation_instance_type '{instance_type}' is not offered in {region}: use one like t3.medium.")
    if found:
        return image, found
    if images:
        problem = problem_with_architecture(images[0], types[0])
    else:
        image, problem = latest_image(module, types[0])
    return image, [*([problem] if problem else []), *problems_with_account(module, client, types[0])]


def latest_image(module: Any, instance_type: dict[str, Any]) -> tuple[str, str | None]:
    """Return the latest Amazon Linux 2023 for a type's architecture, or what is wrong."""
    offered = instance_type["ProcessorInfo"]["SupportedArchitectures"]
    architecture = next((each for each in AL2023 if each in offered), "")
    if not architecture:
        return "", (
            f"federation_instance_type '{instance_type['InstanceType']}' is made for {' and '.join(offered)}, and "
            "Amazon Linux 2023 is not: use one like t3.medium or t4g.medium."
        )
    name = f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"
    try:
        return str(module.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]), None
    except (ClientError, BotoCoreError) as error:
        return "", (
            f"The latest Amazon Linux 2023 could not be looked up ({error}): may you read the public parameter {name}? "
            "Or name an image that has AllegroGraph on it in federation_ami_id."
        )


def problems_with_account(module: Any, client: Any, instance_type: dict[str, Any]) -> list[str]:
    """Ask EC2 and Service Quotas what the account may do and has room for; of what stands already, nothing."""
    params = module.params
    instances = 1 + int(params["member_count"])
    wish = Wish(params["name"], module.region, params["instance_type"], instances)
    # Numbers are good enough as tags; AWS's are text.
    tags = {
        **{str(key): str(value) for key, value in params["tags"].items()},
        "Federation": params["name"],
        "Role": "network",
    }
    try:
        stock = stock_of(client)
        if stands(wish, stock):
            return []
        found = problems_with_permissions(client, params["vpc_cidr"], tags)
        zones = zones_of(client, wish.instance_type)
    except ClientError as error:
        reason = error.response["Error"]
        return [
            f"The account could not be looked at ({reason['Code']}: {reason['Message'].rstrip('.')}): have it "
            "allowed, as docs/operator-policy.md says."
        ]
    processors = int(instance_type.get("VCpuInfo", {}).get("DefaultVCpus", 1))
    quota = quotas_of(module.client("service-quotas"))
    return [*found, *problems_with_quotas(wish, stock, quota, zones, processors)]


def _unexpected(error: Exception, expected: str) -> str | None:
    if isinstance(error, ClientError) and not error.response["Error"]["Code"].startswith(expected):
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return None
