"""What an instance's metadata service answers, path by path."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from moto.core.utils import utcnow

from sandbox.cloud import context
from sandbox.world import Metadata

Leaf = str | Callable[[], str | None] | None
REFRESH = timedelta(minutes=10)
"""New credentials are given so long before the old ones end."""


def metadata_of(instance: Any) -> Metadata:
    """Return an instance's metadata: every answer is as the instance is now."""

    def answer(path: str) -> str | None:
        with context.current().lock:
            return _find(_tree(instance), path)

    return answer


def _find(tree: dict[str, Any], path: str) -> str | None:
    """Return what stands at a path: a value, or the names in a folder."""
    place: Any = tree
    for name in filter(None, path.split("?")[0].split("/")):
        if not isinstance(place, dict) or place.get(name) is None:
            return None
        place = place[name]
    if isinstance(place, dict):
        names = [f"{name}/" if isinstance(below, dict) else name for name, below in place.items() if below is not None]
        return "\n".join(place.get("", names) if isinstance(place.get(""), list) else names)
    value = place() if callable(place) else place
    return None if value is None else str(value)


def _tree(instance: Any) -> dict[str, Any]:
    """Return everything there is; None is left out."""
    if 0 not in instance.nics:
        return {}
    eni = instance.nics[0]
    subnet, backend = eni.subnet, instance.ec2_backend
    vpc = backend.vpcs[subnet.vpc_id]
    groups = instance.security_groups
    public = instance.public_ip
    public_name = instance.public_dns_name or None
    role = role_of(instance)
    link = {
        "device-number": "0",
        "interface-id": eni.id,
        "local-hostname": instance.private_dns_name,
        "local-ipv4s": instance.private_ip,
        "mac": eni.mac_address,
        "owner-id": backend.account_id,
        "public-hostname": public_name,
        "public-ipv4s": public,
        "security-group-ids": "\n".join(group.id for group in groups),
        "security-groups": "\n".join(group.name for group in groups),
        "subnet-id": subnet.id,
        "subnet-ipv4-cidr-block": subnet.cidr_block,
        "vpc-id": vpc.id,
        "vpc-ipv4-cidr-block": vpc.cidr_block,
        "vpc-ipv4-cidr-blocks": vpc.cidr_block,
    }
    zone = {"availability-zone": subnet.availability_zone, "availability-zone-id": subnet.availability_zone_id}
    root = instance.root_device_name
    meta: dict[str, Any] = {
        "ami-id": instance.image_id,
        "ami-launch-index": str(instance.ami_launch_index),
        "ami-manifest-path": "(unknown)",
        "block-device-mapping": {"ami": root, "root": root},
        "hostname": instance.private_dns_name,
        "iam": _identity(instance, role) if role is not None else None,
        "instance-action": "none",
        "instance-id": instance.id,
        "instance-life-cycle": "on-demand",
        "instance-type": instance.instance_type,
        "local-hostname": instance.private_dns_name,
        "local-ipv4": instance.private_ip,
        "mac": eni.mac_address,
        "network": {"interfaces": {"macs": {eni.mac_address: link}}},
        "placement": {**zone, "region": backend.region_name},
        "profile": "default-hvm",
        "public-hostname": public_name,
        "public-ipv4": public,
        "public-keys": _keys(instance),
        "reservation-id": next(
            (name for name, each in backend.reservations.items() if instance in each.instances), "r-00000000000000000"
        ),
        "security-groups": "\n".join(group.name for group in groups),
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    }
    if instance.metadata_options.instance_metadata_tags == "enabled":
        meta["tags"] = {"instance": {tag["key"]: tag["value"] for tag in instance.get_tags()}}
    data = base64.b64decode(str(instance.user_data)).decode("utf-8", "replace") if instance.user_data else None
    document = {"instance-identity": {"document": lambda: _document(instance)}}
    latest = {"dynamic": document, "meta-data": meta, "user-data": data}
    return {"latest": latest}


def _keys(instance: Any) -> dict[str, Any] | None:
    key = instance.ec2_backend.key_pairs.get(instance.key_name)
    if key is None:
        return None
    public = str(key.public_key).strip()
    return {"": [f"0={key.key_name}"], "0": {"openssh-key": f"{public} {key.key_name}"}}


def _document(instance: Any) -> str:
    eni = instance.nics[0]
    return json.dumps(
        {
            "accountId": instance.ec2_backend.account_id,
            "architecture": instance.architecture,
            "availabilityZone": eni.subnet.availability_zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "imageId": instance.image_id,
            "instanceId": instance.id,
            "instanceType": instance.instance_type,
            "kernelId": None,
            "pendingTime": instance.launch_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "privateIp": instance.private_ip,
            "ramdiskId": None,
            "region": instance.ec2_backend.region_name,
            "version": "2017-09-30",
        },
        indent=2,
    )


def profile_of(instance: Any) -> Any:
    """Return the instance's profile, or None."""
    association = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    return association.iam_instance_profile if association else None


def role_of(instance: Any) -> Any:
    """Return the role of the instance's profile, or None."""
    profile = profile_of(instance)
    return profile.roles[0] if profile is not None and profile.roles else None


def _identity(instance: Any, role: Any) -> dict[str, Any]:
    profile = profile_of(instance)
    info = {
        "Code": "Success",
        "LastUpdated": utcnow().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "InstanceProfileArn": profile.arn,
        "InstanceProfileId": profile.id,
    }
    return {
        "info": json.dumps(info, indent=2),
        "security-credentials": {role.name: lambda: _credentials(instance, role)},
    }


def _credentials(instance: Any, role: Any) -> str:
    """Return temporary credentials of the instance's role, new ones shortly before the old ones end."""
    from moto.sts.models import sts_backends

    known = getattr(instance, "credentials", None)
    if known is None or known.role_arn != role.arn or known.expiration - utcnow() < REFRESH:
        known = sts_backends[instance.ec2_backend.account_id]["aws"].assume_role(
            region_name=instance.ec2_backend.region_name,
            role_session_name=instance.id,
            role_arn=role.arn,
            policy=None,
            duration=int(context.current().latency.credentials_lifetime),
            external_id=None,
        )
        known.given = utcnow()
        instance.credentials = known
    return json.dumps(
        {
            "Code": "Success",
            "LastUpdated": known.given.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Type": "AWS-HMAC",
            "AccessKeyId": known.access_key_id,
            "SecretAccessKey": known.secret_access_key,
            "Token": known.session_token,
            "Expiration": known.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        indent=2,
    )
