"""Which instances may be managed by Systems Manager: those whose role lets their agent speak to it."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import accidents, environment
from sandbox.cloud.authorisation.decisions import refusal
from sandbox.cloud.authorisation.policies import Question
from sandbox.cloud.authorisation.principals import principal_of
from sandbox.cloud.metadata import role_of

NEEDED = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenDataChannel",
)
"""What an agent does to be found and to have sessions: AWS's least for Session Manager. With the first alone AWS would
show it as online, and refuse each session."""


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
    if (action := _missing(access_key_id, assumed.arn, instance)) is not None:
        return f"the role {role.name} of {instance_id} does not allow {action}"
    return None


def name_of(instance_id: str) -> str:
    """Return the tag Name of an instance, in whatever region it is."""
    instance = _find(instance_id)
    return "" if instance is None else accidents.name_of(instance.ec2_backend, instance_id)


def _find(instance_id: str) -> Any | None:
    from moto.ec2.models import ec2_backends

    found = (backend.get_instance_by_id(instance_id) for _, _, backend in ec2_backends.iter_backends())
    return next((each for each in found if each is not None), None)


def _missing(access_key_id: str, arn: str, instance: Any) -> str | None:
    """Return the first action of `NEEDED` that a role's policies do not allow an instance, or None."""
    principal, region = principal_of(access_key_id, arn), instance.ec2_backend.region_name
    keys = {
        **principal.keys,
        "aws:principalaccount": (environment.ACCOUNT,),
        "aws:requestedregion": (region,),
        "aws:resourceaccount": (environment.ACCOUNT,),
        "aws:securetransport": ("true",),
    }
    own = f"arn:aws:ec2:{region}:{environment.ACCOUNT}:instance/{instance.id}"
    resources = {action: own if action.startswith("ssm:") else "*" for action in NEEDED}
    return next(
        (action for action in NEEDED if refusal(principal, Question(action, resources[action], keys)) is not None), None
    )
