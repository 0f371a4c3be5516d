"""Tags: resource types as AWS names them, and what the tagging API finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.ec2.models import EC2Backend
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from sandbox.cloud.errors import refusal

TYPES = {
    "eipalloc": "elastic-ip",
    "nat": "natgateway",
    "h": "dedicated-host",
    "fl": "vpc-flow-log",
}


def correct_types() -> None:
    """Let DescribeTags name resource types as AWS does; moto keeps the names in this table."""
    EC2_PREFIX_TO_RESOURCE.update(TYPES)


class Tags(EC2Backend):  # type: ignore[misc]
    """Tags."""

    def do_resources_exist(self, resource_ids: list[str]) -> bool:
        """Refuse to tag what does not exist."""
        for each in resource_ids:
            prefix = get_prefix(each)
            if prefix == "eipalloc":
                self.address_by_allocation([each])
            elif prefix == "nat":
                self.get_nat_gateway(each)
            elif prefix == "key" and not any(key.id == each for key in self.key_pairs.values()):
                raise refusal("InvalidKeyPair.NotFound", f"The key pair ID '{each}' does not exist")
            elif prefix == "eni":
                self.get_network_interface(each)
            elif prefix == "i":
                self.get_multi_instances_by_id([each])
        return bool(super().do_resources_exist(resource_ids))

    def delete_key_pair(self, name: str) -> Any:
        """Delete a key pair and its tags."""
        key = super().delete_key_pair(name)
        if key is not None:
            self.tags.pop(key.id, None)
        return key

    def delete_volume(self, volume_id: str) -> Any:
        """Delete a volume and its tags."""
        volume = super().delete_volume(volume_id)
        self.tags.pop(volume_id, None)
        return volume

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """Yield everything that has tags, terminated instances and deleted gateways included, as AWS does."""
        yield from super().iter_tagged_resources()
        more = {
            "elastic-ip": [address.id for address in self.addresses],
            "key-pair": [key.id for key in self.key_pairs.values()],
            "security-group-rule": [
                rule.id
                for groups in self.groups.values()
                for group in groups.values()
                for rule in (*group.ingress_rules, *group.egress_rules)
            ],
            "launch-template": list(self.launch_templates),
            "network-acl": list(self.network_acls),
            "vpc-endpoint": list(self.vpc_end_points),
        }
        for kind, identifiers in more.items():
            for each in identifiers:
                yield TaggedResource(
                    arn=f"arn:{self.partition}:ec2:{self.region_name}:{self.account_id}:{kind}/{each}",
                    tags=dict(self.tags.get(each, {})),
                    resource_type=f"ec2:{kind}",
                )
