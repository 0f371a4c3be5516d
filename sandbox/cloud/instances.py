"""Instances as AWS has them: states that take time, an address and interfaces that go with them, machines that run."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import EC2Backend
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.ec2.models.instances import StateReason

from sandbox.cloud import accidents, context
from sandbox.cloud.errors import refusal
from sandbox.cloud.instance import GONE, PENDING, RUNNING, SHUTTING_DOWN, STOPPED, STOPPING, TERMINATED, Instance
from sandbox.cloud.metadata import metadata_of

SHUTDOWN = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")


def _check_shutdown(behavior: str | None) -> None:
    if behavior not in (None, "stop", "terminate"):
        raise refusal("InvalidParameterValue", f"Invalid value '{behavior}' for InstanceInitiatedShutdownBehavior.")


def _check_architecture(image: Any, instance_type: str | None) -> None:
    known = INSTANCE_TYPES.get(instance_type or "", {}).get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    if image and known and image.architecture not in known:
        raise refusal(
            "InvalidParameterValue",
            f"The architecture '{','.join(known)}' of the specified instance type does not match the architecture "
            f"'{image.architecture}' of the specified AMI. Specify an instance type and an AMI that have matching "
            "architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the "
            "architecture of the instance type or AMI.",
        )


class Instances(EC2Backend):  # type: ignore[misc]
    """Instances."""

    def run_instances(
        self, image_id: str, count: int, user_data: Any, security_group_names: list[str], **options: Any
    ) -> Any:
        """Launch instances; they are running a while later."""
        image = self.check_launch(image_id, options)
        subnet = self._launch_subnet(options)
        if subnet is not None and subnet.free_count() < count:
            raise refusal(
                "InsufficientFreeAddressesInSubnet",
                f"There are not enough free addresses in subnet '{subnet.id}' "
                "to satisfy the requested number of instances.",
            )
        options["block_device_mappings"] = self._disks(image, options.get("block_device_mappings") or [])
        known, interfaces = set(self.reservations), set(self.enis)
        tags = (options.get("tags") or {}).get("network-interface", {})
        try:
            reservation = super().run_instances(image_id, count, user_data, security_group_names, **options)
        except Exception:
            for each in set(self.reservations) - known:
                self.reservations.pop(each)
            raise
        for instance in reservation.instances:
            instance.__class__ = Instance
            for index, eni in instance.nics.items():
                eni.delete_on_termination = True if index == 0 else eni.delete_on_termination
                if eni.id not in interfaces:
                    eni.add_tags(tags)
            self._launch(instance)
        return reservation

    def check_launch(self, image_id: str, options: dict[str, Any]) -> Any:
        """Return the image to launch; refuses one, or a type, a key or a group, that does not exist."""
        template = options.get("launch_template")
        if not image_id and not template:
            raise refusal("MissingParameter", "The request must contain the parameter ImageId")
        image = self.describe_images(ami_ids=[image_id])[0] if image_id else None
        instance_type = options.get("instance_type")
        offered = {each["InstanceType"] for each in INSTANCE_TYPE_OFFERINGS["region"].get(self.region_name, [])}
        if not template and instance_type not in offered:
            raise refusal("InvalidParameterValue", f"Invalid value '{instance_type}' for InstanceType.")
        _check_architecture(image, instance_type)
        _check_shutdown(options.get("instance_initiated_shutdown_behavior"))
        if (key := options.get("key_name")) and key not in self.key_pairs:
            raise refusal("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
        for group_id in options.get("security_group_ids") or []:
            if isinstance(group_id, str) and self.get_security_group_from_id(group_id) is None:
                raise refusal("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        for eni in options.get("nics") or []:
            if (eni_id := eni.get("NetworkInterfaceId")) and self.get_network_interface(eni_id).status == "in-use":
                raise refusal("InvalidNetworkInterface.InUse", f"Interface: [{eni_id}] in use.")
        return image

    def _launch_subnet(self, options: dict[str, Any]) -> Any:
        """Return the subnet that the instances will stand in; of the default VPC, where none is named."""
        named = [eni for eni in options.get("nics") or [] if "SubnetId" in eni or "NetworkInterfaceId" in eni]
        if named:
            subnet_id = named[0].get("SubnetId")
            return self.get_subnet(subnet_id) if subnet_id else None
        if not options.get("subnet_id"):
            zone = options.get("placement")
            subnets = self.get_default_subnets()
            if self.get_default_vpc() is None:
                raise refusal("VPCIdNotSpecified", "No default VPC for this user")
            if not subnets or (zone and zone not in subnets):
                raise refusal("MissingInput", "No subnets found for the default VPC. Please specify a subnet.")
            chosen = subnets[zone] if zone else subnets[min(subnets)]
            if options.get("nics"):
                options["nics"][0]["SubnetId"] = chosen.id
            else:
                options["subnet_id"] = chosen.id
            return chosen
        return self.get_subnet(options["subnet_id"])

    @staticmethod
    def _disks(image: Any, mappings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the disks to make: the image's root disk, changed as asked for, and those added."""
        root = image.root_device_name if image else "/dev/xvda"
        if not any(each["DeviceName"] == root for each in mappings):
            mappings = [{"DeviceName": root, "Ebs": {"DeleteOnTermination": True}}, *mappings]
        for each in mappings:
            disk = each["Ebs"]
            disk["VolumeSize"] = disk.get("VolumeSize") or 8
            disk["VolumeType"] = disk.get("VolumeType") or "gp3"
        return mappings

    def _later(self, instance: Any, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a while, unless the instance has changed its state meanwhile."""
        turn = instance.turn
        context.current().after(seconds, lambda: action() if instance.turn == turn else None)

    def _when_ended(self, instance: Any, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a while, but not before the machine has ended: its network must not go first."""
        here = context.current()
        turn = instance.turn

        def change() -> None:
            if instance.turn == turn:
                action()

        self._later(instance, seconds, lambda: here.machines.then(instance.id, lambda: here.after(0, change)))

    def _launch(self, instance: Any) -> None:
        if not accidents.dies_pending(instance):
            self._start(instance)
            return
        instance.become(PENDING)
        self._later(instance, context.current().latency.instance_pending, lambda: self._lost_pending(instance))

    def _start(self, instance: Any) -> Any:
        previous = instance.become(PENDING)
        self._later(instance, context.current().latency.instance_pending, lambda: self._running(instance))
        return previous

    def _running(self, instance: Any) -> None:
        instance.become(RUNNING)
        instance.running_since = time.monotonic()
        here = context.current()
        # The network first: settled when this change is, and a machine is ordered only then.
        here.schedule.after(0, lambda: self._boot(instance))
        if (seconds := accidents.seconds_to_live(instance)) is not None:
            self._later(instance, seconds, lambda: self._die(instance))

    def _boot(self, instance: Any) -> None:
        here = context.current()
        instance.agent_stays_away = accidents.never_online(instance)

        def failed(reason: str) -> None:
            here.after(0, lambda: self._lost(instance, reason))

        def ended() -> None:
            here.after(0, lambda: self._shut_down(instance) if instance.turn == turn else None)

        turn = instance.turn
        here.machines.boot(instance.machine(), metadata_of(instance), accidents.of_server(instance), failed, ended)

    def _shut_down(self, instance: Any) -> None:
        """Do what the instance's attribute says when it was shut down from inside; protection does not keep it."""
        if instance.instance_initiated_shutdown_behavior == "terminate":
            self._terminate(instance)
        else:
            self._stop(instance)
        _give_reason(instance, *SHUTDOWN)
        instance._reason = ""

    def _lost(self, instance: Any, reason: str) -> None:
        """Terminate an instance that could not be started, as AWS does, with the reason where people look for it."""
        self._terminate(instance)
        _give_reason(instance, "Server.InternalError", reason)

    def _lost_pending(self, instance: Any) -> None:
        """End an instance that never ran."""
        self._terminated(instance)
        _give_reason(instance, "Server.InternalError", "Internal error on launch")

    def _die(self, instance: Any) -> None:
        """Terminate an instance as if it had shut itself down."""
        self._terminate(instance)
        _give_reason(instance, *SHUTDOWN)

    def _all(self, instance_ids: list[str]) -> list[Any]:
        """Return instances, all of them or none."""
        for each in instance_ids:
            if not each.startswith("i-"):
                raise refusal("InvalidInstanceID.Malformed", f'Invalid id: "{each}" (expecting "i-...")')
        return self.get_multi_instances_by_id(instance_ids)  # type: ignore[no-any-return]

    def start_instances(self, instance_ids: list[str]) -> list[tuple[Any, Any]]:
        """Start stopped instances."""
        instances = self._all(instance_ids)
        for each in instances:
            if each.state_code not in (PENDING, RUNNING, STOPPED):
                raise refusal(
                    "IncorrectInstanceState",
                    f"The instance '{each.id}' is not in a state from which it can be started.",
                )
        return [(each, self._start_stopped(each)) for each in instances]

    def _start_stopped(self, instance: Any) -> Any:
        if instance.state_code != STOPPED:
            return copy.copy(instance._state)
        previous = self._start(instance)
        instance._reason, instance.state_reason = "", StateReason()
        instance.launch_time = utcnow()
        for eni in instance.nics.values():
            if not eni.public_ip:
                eni.check_auto_public_ip()
        return previous

    def stop_instances(self, instance_ids: list[str]) -> list[tuple[Any, Any]]:
        """Stop running instances."""
        instances = self._all(instance_ids)
        for each in instances:
            if each.state_code in GONE:
                raise refusal(
                    "IncorrectInstanceState",
                    f"The instance '{each.id}' is not in a state from which it can be stopped.",
                )
            if each.disable_api_stop is True:
                raise refusal(
                    "OperationNotPermitted",
                    f"The instance '{each.id}' may not be stopped. Modify its 'disableApiStop' instance attribute "
                    "and try again.",
                )
        return [(each, self._stop(each)) for each in instances]

    def _stop(self, instance: Any) -> Any:
        if instance.state_code in (STOPPING, STOPPED):
            return copy.copy(instance._state)
        previous = instance.become(STOPPING)
        self._end_machine(instance)
        self._when_ended(instance, context.current().latency.instance_stopping, lambda: self._stopped(instance))
        return previous

    def _stopped(self, instance: Any) -> None:
        instance.become(STOPPED)
        elastic = {address.public_ip for address in self.addresses}
        for eni in instance.nics.values():
            if eni.public_ip not in elastic:
                eni.public_ip = None

    def _end_machine(self, instance: Any) -> None:
        instance._reason = f"User initiated ({utcnow().strftime('%Y-%m-%d %H:%M:%S GMT')})"
        instance.state_reason = StateReason(
            "Client.UserInitiatedShutdown: User initiated shutdown", "Client.UserInitiatedShutdown"
        )
        context.current().machines.halt(instance.id)

    def reboot_instances(self, instance_ids: list[str]) -> list[Any]:
        """Boot running instances again."""
        instances = self._all(instance_ids)
        for each in instances:
            if each.state_code != RUNNING:
                raise refusal(
                    "IncorrectState", f"The instance '{each.id}' is not in a state from which it can be rebooted."
                )
        for each in instances:
            context.current().machines.halt(each.id)
            self._boot(each)
        return instances

    def terminate_instances(self, instance_ids: list[str]) -> list[tuple[Any, Any]]:
        """Terminate instances: all of them, or none where one is unknown or protected."""
        if not instance_ids:
            raise refusal("InvalidParameterCombination", "No instances specified")
        instances = self._all(instance_ids)
        for each in instances:
            if each.disable_api_termination is True:
                raise refusal(
                    "OperationNotPermitted",
                    f"The instance '{each.id}' may not be terminated. Modify its 'disableApiTermination' instance "
                    "attribute and try again.",
                )
        return [(each, self._terminate(each)) for each in instances]

    def _terminate(self, instance: Any) -> Any:
        if instance.state_code in GONE:
            return copy.copy(instance._state)
        previous = instance.become(SHUTTING_DOWN)
        self._end_machine(instance)
        context.current().machines.discard(instance.id)
        self._when_ended(instance, context.current().latency.instance_shutting_down, lambda: self._terminated(instance))
        return previous

    def _terminated(self, instance: Any) -> None:
        instance.become(TERMINATED)
        here = context.current()
        for tell in here.terminated:
            tell(instance.id)
        for eni in list(instance.nics.values()):
            if eni.delete_on_termination:
                self.remove_interface(eni)
            else:
                instance.detach_eni(eni)
        instance.nics, instance._private_ips, instance._subnet_id = {}, set(), None
        volumes = [each.volume_id for each in instance.block_device_mapping.values()]
        instance.teardown_defaults()
        for each in volumes:
            if each not in self.volumes:
                self.tags.pop(each, None)
        self.iam_instance_profile_associations.pop(instance.id, None)
        here.after(here.latency.instance_visible, lambda: self._forgotten_instance(instance))

    def _forgotten_instance(self, instance: Any) -> None:
        self.tags.pop(instance.id, None)
        for identifier, reservation in list(self.reservations.items()):
            if instance in reservation.instances:
                reservation.instances.remove(instance)
                if not reservation.instances:
                    del self.reservations[identifier]

    def get_reservations_by_instance_ids(self, instance_ids: list[str], filters: Any = None) -> list[Any]:
        """Return the reservations of instances, all of which must exist."""
        self._all(instance_ids)
        return super().get_reservations_by_instance_ids(list(dict.fromkeys(instance_ids)), filters)  # type: ignore[no-any-return]

    def modify_instance_attribute(self, instance_id: str, key: str, value: Any) -> Any:
        """Change an attribute."""
        instance = self._all([instance_id])[0]
        if key == "instance_initiated_shutdown_behavior":
            _check_shutdown(value)
        return super().modify_instance_attribute(instance.id, key, value)

    def modify_instance_metadata_options(self, instance_id: str, **options: Any) -> Any:
        """Change some of the metadata service's options; the others stay."""
        known = self._all([instance_id])[0].metadata_options
        before = {
            "http_tokens": known.http_tokens,
            "hop_limit": known.http_put_response_hop_limit,
            "http_endpoint": known.http_endpoint,
            "http_protocol": known.http_protocol_ipv6,
            "metadata_tags": known.instance_metadata_tags,
        }
        wanted = {name: value for name, value in options.items() if value is not None}
        return super().modify_instance_metadata_options(instance_id, **before | wanted)

    def attach_network_interface(self, eni_id: str, instance_id: str, device_index: int) -> Any:
        """Attach a free interface."""
        if self.get_network_interface(eni_id).status == "in-use":
            raise refusal("InvalidNetworkInterface.InUse", f"Interface: [{eni_id}] in use.")
        return super().attach_network_interface(eni_id, instance_id, device_index)


def _give_reason(instance: Any, code: str, reason: str) -> None:
    """Note why an instance is not what it was, where people look for it."""
    instance.state_reason = StateReason(f"{code}: {reason}", code)
    instance._reason = code
