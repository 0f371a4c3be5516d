"""EC2's backend and its answers, put together and put in moto's place."""

from __future__ import annotations

from typing import Any

import moto.ec2.models
import moto.ec2.urls
import moto.iam.models
import moto.iam.urls
import moto.servicequotas.models
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses import EC2Response
from moto.ec2.utils import add_tag_specification

from sandbox.cloud.addresses import Addresses
from sandbox.cloud.answers import EC2Answers
from sandbox.cloud.errors import refusal
from sandbox.cloud.gateways_and_routes import GatewaysAndRoutes
from sandbox.cloud.identity import SandboxIAMBackend, SandboxIAMResponse, profile_for_launch
from sandbox.cloud.images import Images
from sandbox.cloud.instances import Instances
from sandbox.cloud.nat_gateways import NatGateways
from sandbox.cloud.networks import Networks
from sandbox.cloud.quotas import Quotas, SandboxServiceQuotasBackend
from sandbox.cloud.tags import Tags, correct_types


class SandboxEC2Backend(Quotas, Instances, NatGateways, GatewaysAndRoutes, Networks, Addresses, Images, Tags):
    """EC2 in one region."""

    def associate_iam_instance_profile(
        self,
        instance_id: str,
        iam_instance_profile_name: str | None = None,
        iam_instance_profile_arn: str | None = None,
    ) -> Any:
        """Give an instance a profile that EC2 knows of."""
        profile = profile_for_launch(self.account_id, iam_instance_profile_name, iam_instance_profile_arn)
        association = super().associate_iam_instance_profile(instance_id, profile.name, None)
        self.get_instance(instance_id).iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}
        return association

    def replace_iam_instance_profile_association(
        self,
        association_id: str,
        iam_instance_profile_name: str | None = None,
        iam_instance_profile_arn: str | None = None,
    ) -> Any:
        """Give an instance another profile."""
        profile = profile_for_launch(self.account_id, iam_instance_profile_name, iam_instance_profile_arn)
        association = super().replace_iam_instance_profile_association(association_id, profile.name, None)
        association.instance.iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}
        return association


SandboxEC2Backend.__module__ = "moto.ec2.models"  # moto finds the service's URLs by it


class SandboxEC2Response(EC2Answers, EC2Response):  # type: ignore[misc]
    """EC2's answers, where moto's leave something out."""

    def run_instances(self) -> ActionResult:
        """Launch instances, as many as MaxCount says, each with the profile."""
        least, most = int(self._get_param("MinCount", 1)), int(self._get_param("MaxCount", 1))
        if not 1 <= least <= most:
            raise refusal(
                "InvalidParameterValue", f"Invalid value '{most}' for maxCount. It must be at least minCount, and 1."
            )
        name, arn = self._get_param("IamInstanceProfile.Name"), self._get_param("IamInstanceProfile.Arn")
        if name or arn:
            profile_for_launch(self.current_account, name, arn)
        self.params["MinCount"] = most
        if self._get_param("DryRun", False):
            # AWS looks at all of it first: a dry run tells what would be refused.
            asked = {
                "instance_type": self._get_param("InstanceType", "m1.small"),
                "key_name": self._get_param("KeyName"),
            }
            self.ec2_backend.check_launch(self._get_param("ImageId"), asked)
        result = super().run_instances()
        for instance in result.result.instances:
            instance.disable_api_termination = self._get_param("DisableApiTermination", False)
        if name or arn:
            for instance in result.result.instances[1:]:
                self.ec2_backend.associate_iam_instance_profile(instance.id, name, arn)
        return result

    def _parse_block_device_mapping(self) -> list[dict[str, Any]]:
        """Return the disks that are asked for; what is not said of the root disk is the image's."""
        images = self.ec2_backend.describe_images(ami_ids=[image]) if (image := self._get_param("ImageId")) else []
        own = {each["DeviceName"]: each["Ebs"] for found in images for each in found.block_device_mappings}
        for each in self._get_param("BlockDeviceMappings", []):
            disk, known = each.get("Ebs", {}), own.get(each.get("DeviceName"))
            if known is None or "SnapshotId" in disk:
                continue
            size = disk.setdefault("VolumeSize", known["VolumeSize"])
            if int(size) < known["VolumeSize"]:
                raise refusal(
                    "InvalidBlockDeviceMapping",
                    f"Volume of size {size}GB is smaller than snapshot '{known['SnapshotId']}', "
                    f"expect size >= {known['VolumeSize']}GB",
                )
        return super()._parse_block_device_mapping()  # type: ignore[no-any-return]

    def _state_changes(self, key: str, changes: list[tuple[Any, Any]]) -> ActionResult:
        return ActionResult(
            {
                key: [
                    {
                        "InstanceId": instance.id,
                        "CurrentState": {"Code": instance._state.code, "Name": instance._state.name},
                        "PreviousState": {"Code": previous.code, "Name": previous.name},
                    }
                    for instance, previous in changes
                ]
            }
        )

    def start_instances(self) -> ActionResult:
        """Start instances; each is told with its true state."""
        self.error_on_dryrun()
        return self._state_changes(
            "StartingInstances", self.ec2_backend.start_instances(self._get_param("InstanceIds"))
        )

    def stop_instances(self) -> ActionResult:
        """Stop instances."""
        self.error_on_dryrun()
        return self._state_changes("StoppingInstances", self.ec2_backend.stop_instances(self._get_param("InstanceIds")))

    def terminate_instances(self) -> ActionResult:
        """Terminate instances."""
        self.error_on_dryrun()
        changes = self.ec2_backend.terminate_instances(self._get_param("InstanceIds", []))
        return self._state_changes("TerminatingInstances", changes)

    def modify_instance_attribute(self) -> ActionResult:
        """Change an attribute of an instance, also the one that moto does not know by its own name."""
        behavior = self._get_param("InstanceInitiatedShutdownBehavior.Value")
        if behavior is not None:
            self.params |= {"Attribute": "instanceInitiatedShutdownBehavior", "Value": behavior}
        return super().modify_instance_attribute()

    def create_nat_gateway(self) -> ActionResult:
        """Ask for a NAT gateway."""
        self.error_on_dryrun()
        gateway = self.ec2_backend.create_nat_gateway(
            subnet_id=self._get_param("SubnetId"),
            allocation_id=self._get_param("AllocationId"),
            tags=add_tag_specification(self._get_param("TagSpecifications", [])),
            connectivity_type=self._get_param("ConnectivityType"),
            private_address=self._get_param("PrivateIpAddress"),
        )
        return ActionResult({"NatGateway": gateway, "ClientToken": self._get_param("ClientToken")})

    def delete_nat_gateway(self) -> ActionResult:
        """Delete a NAT gateway."""
        self.error_on_dryrun()
        return super().delete_nat_gateway()

    def delete_vpc(self) -> ActionResult:
        """Delete a VPC."""
        self.error_on_dryrun()
        self.ec2_backend.delete_vpc(self._get_param("VpcId"))
        return EmptyResult()


def install() -> None:
    """Put all of it in moto's place; before the first request."""
    correct_types()
    moto.ec2.models.ec2_backends.backend = SandboxEC2Backend
    moto.servicequotas.models.servicequotas_backends.backend = SandboxServiceQuotasBackend
    moto.ec2.urls.url_paths = {"{0}/": SandboxEC2Response.dispatch}
    moto.iam.models.iam_backends.backend = SandboxIAMBackend
    moto.iam.urls.url_paths = dict.fromkeys(moto.iam.urls.url_paths, SandboxIAMResponse.dispatch)
