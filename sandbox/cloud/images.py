"""The images that exist in the sandbox: an Amazon Linux 2023 with AllegroGraph, one without, and the tutorial's."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami as MotoAmi
from moto.ec2.utils import random_snapshot_id

from sandbox.cloud.errors import refusal


@dataclass(frozen=True)
class Image:
    """An image."""

    image_id: str
    world_name: str
    name: str
    description: str
    owner_id: str
    owner_alias: str | None
    created: datetime
    architecture: str = "x86_64"


AL2023 = Image(
    "ami-0a12023000000002",
    "al2023",
    "al2023-ami-2023.6.20250107.0-kernel-6.1-x86_64",
    "Amazon Linux 2023 AMI 2023.6.20250107.0 x86_64 HVM kernel-6.1",
    "137112412989",
    "amazon",
    datetime(2025, 1, 7, 1, 20, tzinfo=UTC),
)
AL2023_ARM = replace(
    AL2023,
    image_id="ami-0a12023000000003",
    name=AL2023.name.replace("x86_64", "arm64"),
    description=AL2023.description.replace("x86_64", "arm64"),
    architecture="arm64",
)
AL2023_PARAMETERS = {
    f"/aws/service/ami-amazon-linux-latest/al2023-ami-{kernel}-{image.architecture}": image.image_id
    for kernel in ("kernel-default", "kernel-6.1", "minimal-kernel-default", "minimal-kernel-6.1")
    for image in (AL2023, AL2023_ARM)
}
IMAGES = (
    Image(
        "ami-0a96aafe00000001",
        "al2023-agraph",
        "al2023-agraph-8.3.1-x86_64",
        "Amazon Linux 2023 with AllegroGraph 8.3.1",
        "679593333241",
        "aws-marketplace",
        datetime(2025, 1, 20, 9, 0, tzinfo=UTC),
    ),
    AL2023,
    AL2023_ARM,
    Image(
        "ami-5616d82e",
        "tutorial",
        "agraph-6.4.1",
        "AllegroGraph 6.4.1",
        "679593333241",
        "aws-marketplace",
        datetime(2018, 2, 26, 9, 0, tzinfo=UTC),
    ),
)
NAMES = {image.image_id: image.world_name for image in IMAGES}


def image_name(image_id: str) -> str:
    """Return the hosts' name of an image; copies and images made from instances are as the plain one."""
    return NAMES.get(image_id, AL2023.world_name)


class _Snapshot:
    """The snapshot behind an image, which belongs to somebody else: only its name is known."""

    def __init__(self) -> None:
        self.id = random_snapshot_id()


class Ami(MotoAmi):  # type: ignore[misc]
    """A public image of somebody else's; it leaves no snapshots in the account."""

    def __init__(self, backend: Any, image: Image) -> None:
        self.ec2_backend = backend
        self.id = image.image_id
        self.state = "available"
        self.name = image.name
        self.image_type = "machine"
        self.image_location = f"{image.owner_alias}/{image.name}"
        self.owner_id = image.owner_id
        self.owner_alias = image.owner_alias
        self.description = image.description
        self.virtualization_type = "hvm"
        self.architecture = image.architecture
        self.kernel_id = None
        self.platform = None
        self.hypervisor = "xen"
        self.root_device_name = "/dev/xvda"
        self.root_device_type = "ebs"
        self.sriov = "simple"
        self.creation_date = image.created
        self.product_codes: set[str] = set()
        self.boot_mode = "uefi-preferred"
        self.instance_id: str | None = None
        self.launch_permissions = [{"Group": "all"}]
        self.ebs_snapshot = _Snapshot()

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        """Return the root disk."""
        disk = {"SnapshotId": self.ebs_snapshot.id, "VolumeSize": 8, "DeleteOnTermination": True, "VolumeType": "gp3"}
        return [{"DeviceName": self.root_device_name, "Ebs": disk}]


class Images(EC2Backend):  # type: ignore[misc]
    """Images."""

    def _load_amis(self) -> None:
        for image in IMAGES:
            self.amis[image.image_id] = Ami(self, image)

    def describe_images(
        self,
        ami_ids: list[str] | None = None,
        filters: dict[str, Any] | None = None,
        exec_users: list[str] | None = None,
        owners: list[str] | None = None,
    ) -> list[Any]:
        """List images; each that is asked for by its id must exist."""
        for each in ami_ids or []:
            if not re.fullmatch("ami-[0-9a-f]{8,17}", each):
                raise refusal("InvalidAMIID.Malformed", f'Invalid id: "{each}" (expecting "ami-...")')
            if each not in self.amis:
                raise refusal("InvalidAMIID.NotFound", f"The image id '[{each}]' does not exist")
        return super().describe_images(ami_ids, filters, exec_users, owners)  # type: ignore[no-any-return]
