"""Who asks, and which policy documents hold for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.cloud import environment
from sandbox.cloud.authorisation.wildcards import Keys

ROOT = f"arn:aws:iam::{environment.ACCOUNT}:root"


@dataclass(frozen=True)
class Principal:
    """A caller."""

    arn: str
    policies: Sequence[Any]
    boundary: Sequence[Any] | None = None
    session: Sequence[Any] | None = None
    keys: Keys = field(default_factory=dict)
    own_names: tuple[str, ...] = ()
    """What a policy that names principals may call it by."""
    in_account: bool = True
    """Whether it is somebody of the account, which nobody in particular is not."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return what a policy that names principals may mean it by: its own names, or those of its account."""
        return (*self.own_names, ROOT, environment.ACCOUNT) if self.in_account else self.own_names


def account_itself() -> Principal:
    """Return who has the account's own key: no policy of an identity speaks of it."""
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    keys = {
        "aws:principalarn": (ROOT,),
        "aws:principaltype": ("Account",),
        "aws:userid": (environment.ACCOUNT,),
    }
    return Principal(ROOT, [everything], keys=keys, own_names=(ROOT, environment.ACCOUNT))


def nobody() -> Principal:
    """Return who asks without a signature."""
    keys = {"aws:principaltype": ("Anonymous",), "aws:userid": ("anonymous",)}
    return Principal("", [], keys=keys, in_account=False)


def principal_of(access_key_id: str, arn: str) -> Principal:
    """Return who has an access key that is known to exist."""
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    iam = iam_backends[environment.ACCOUNT]["aws"]
    assumed = sts_backends[environment.ACCOUNT]["aws"].get_assumed_role_from_access_key(access_key_id)
    if assumed is not None:
        role = next((each for each in iam.roles.values() if each.arn == assumed.role_arn), None)
        if role is None:
            return Principal(arn, [])
        keys = {
            "aws:principalarn": (role.arn,),
            "aws:principaltype": ("AssumedRole",),
            "aws:userid": (f"{role.id}:{assumed.session_name}",),
            "aws:multifactorauthpresent": ("false",),
            **_tags(role.tags or []),
        }
        session = [assumed.policy] if assumed.policy else None
        return Principal(arn, _documents(role), _boundary(iam, role), session, keys, (arn, role.arn))
    user = next((each for each in iam.users.values() if each.arn == arn), None)
    if user is None:
        return Principal(arn, [])
    documents = _documents(user)
    for group in iam.groups.values():
        if user in group.users:
            documents += _documents(group)
    keys = {
        "aws:principalarn": (user.arn,),
        "aws:principaltype": ("User",),
        "aws:userid": (user.id,),
        "aws:username": (user.name,),
        **_tags(user.tags or []),
    }
    return Principal(arn, documents, _boundary(iam, user), None, keys, (arn,))


def user_id_of(arn: str) -> str:
    """Return the unique id that AWS has for a user, a session of a role, or the account itself."""
    from moto.iam.models import iam_backends

    iam = iam_backends[environment.ACCOUNT]["aws"]
    user = next((each for each in iam.users.values() if each.arn == arn), None)
    if user is not None:
        return str(user.id)
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    name, _, session = rest.rpartition("/")
    role = next((each for each in iam.roles.values() if kind == "assumed-role" and each.name == name), None)
    return f"{role.id}:{session}" if role is not None else environment.ACCOUNT


def _tags(tags: Any) -> dict[str, tuple[str, ...]]:
    return {f"aws:principaltag/{each['Key'].lower()}": (each["Value"],) for each in tags}


def documents_of(policy: Any) -> list[Any]:
    """Return the document of a managed policy that is in force."""
    return [each.document for each in policy.versions if each.version_id == policy.default_version_id]


def _documents(entity: Any) -> list[Any]:
    """Return what is attached to a user, a group or a role, and what is written into it."""
    attached = [document for policy in entity.managed_policies.values() for document in documents_of(policy)]
    return [*attached, *entity.policies.values()]


def boundary_of(entity: Any) -> str | None:
    """Return the ARN of the policy that bounds a user or a role, or None."""
    limit = getattr(entity, "permissions_boundary", None)
    arn = limit.get("PermissionsBoundaryArn") if isinstance(limit, dict) else limit
    return str(arn) if arn else None


def _boundary(iam: Any, entity: Any) -> list[Any] | None:
    arn = boundary_of(entity)
    if arn is None:
        return None
    return documents_of(iam.managed_policies[arn]) if arn in iam.managed_policies else []
