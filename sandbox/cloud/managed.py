"""Which instances may be managed by Systems Manager: those whose role lets their agent speak to it."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

from sandbox.cloud import accidents, environment
from sandbox.cloud.metadata import role_of

REGISTER = "ssm:UpdateInstanceInformation"


def refusal_of(instance_id: str, access_key_id: str) -> str | None:
    """Return why an instance's agent may not register with this key, or None where it may."""
    from moto.sts.models import sts_backends

    instance = _find(instance_id)
    if instance is None:
        return f"{instance_id} is not an instance of this account"
    if instance.state != "running":
        return f"{instance_id} is {instance.state}"
    if instance.agent_stays_away:
        return f"a fault keeps the agent of {instance_id} from registering"
    role = role_of(instance)
    if role is None:
        return f"{instance_id} has no instance profile with a role"
    assumed = sts_backends[environment.ACCOUNT]["aws"].get_assumed_role_from_access_key(access_key_id)
    if assumed is None or assumed.session_name != instance_id:
        return f"the key {access_key_id} is not one of {instance_id}"
    if not may_register(role):
        return f"the role {role.name} of {instance_id} does not allow {REGISTER}"
    return None


def name_of(instance_id: str) -> str:
    """Return the tag Name of an instance, in whatever region it is."""
    instance = _find(instance_id)
    return "" if instance is None else accidents.name_of(instance.ec2_backend, instance_id)


def _find(instance_id: str) -> Any | None:
    from moto.ec2.models import ec2_backends

    found = (backend.get_instance_by_id(instance_id) for _, _, backend in ec2_backends.iter_backends())
    return next((each for each in found if each is not None), None)


def may_register(role: Any) -> bool:
    """Tell whether a role's policies let an agent register."""
    documents = [
        version.document
        for policy in role.managed_policies.values()
        for version in policy.versions
        if version.version_id == policy.default_version_id
    ]
    documents += list(role.policies.values())
    effects = [effect for document in documents for effect in _effects(document)]
    return "Allow" in effects and "Deny" not in effects


def _effects(document: Any) -> list[str]:
    """Return the effects of a policy's statements that speak of registering."""
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    found = []
    for statement in [statements] if isinstance(statements, dict) else statements:
        actions = statement.get("Action", [])
        for action in [actions] if isinstance(actions, str) else actions:
            if fnmatch.fnmatchcase(REGISTER.lower(), action.lower()):
                found.append(str(statement["Effect"]))
    return found
