"""What EC2 knows about the instances that Systems Manager manages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def _find(account: str, region: str, instance_id: str) -> Any | None:
    from moto.ec2.models import ec2_backends

    for instance in ec2_backends[account][region].all_instances():
        if instance.id == instance_id:
            return instance
    return None


def tags(account: str, region: str, instance_id: str) -> dict[str, str]:
    """The instance's tags; none for an instance that EC2 does not know."""
    instance = _find(account, region, instance_id)
    return {tag["key"]: tag["value"] for tag in instance.get_tags()} if instance is not None else {}


def name(account: str, region: str, instance_id: str) -> str:
    """The instance's tag Name."""
    return tags(account, region, instance_id).get("Name", "")


def runs(account: str, region: str, instance_id: str) -> bool:
    """Whether EC2 would not contradict that the instance runs."""
    instance = _find(account, region, instance_id)
    return instance is None or instance.state == "running"


def matching(account: str, region: str, instance_ids: Iterable[str], key: str, values: list[str]) -> list[str]:
    """Those of the instances that SendCommand's target, `InstanceIds` or `tag:NAME`, means."""
    if key == "InstanceIds":
        return [each for each in instance_ids if each in values]
    if key == "tag-key":
        return [each for each in instance_ids if not set(values).isdisjoint(tags(account, region, each))]
    wanted = key.removeprefix("tag:")
    return [each for each in instance_ids if tags(account, region, each).get(wanted) in values]
