"""IAM as AWS has it: names that are refused, deletions that conflict, profiles that take a while to be known to EC2."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import IAMException
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

from sandbox.cloud import context
from sandbox.cloud.answers import Answers
from sandbox.cloud.consistency import IAM_CREATING, IAM_NAMES, iam_name
from sandbox.cloud.errors import refusal
from sandbox.cloud.pages import paging

NAME = re.compile(r"[\w+=,.@-]+", re.ASCII)
PATH = re.compile(r"/|(/[\x21-\x2e\x30-\x7f]+)+/")


def _check(kind: str, name: str, path: str | None, longest: int) -> None:
    if len(name) > longest:
        raise IAMException(
            "ValidationError",
            f"1 validation error detected: Value at '{kind}Name' failed to satisfy constraint: "
            f"Member must have length less than or equal to {longest}",
        )
    if not NAME.fullmatch(name):
        raise IAMException(
            "ValidationError",
            f"The specified value for {kind}Name is invalid. It must contain only alphanumeric characters and/or "
            "the following: +=,.@_-",
        )
    if path and not PATH.fullmatch(path):
        raise IAMException(
            "ValidationError",
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric "
            "characters and/or / characters.",
        )


class SandboxIAMBackend(IAMBackend):  # type: ignore[misc]
    """Users, roles, profiles and policies."""

    def create_role(
        self, role_name: str, assume_role_policy_document: str, path: str, *more: Any, **others: Any
    ) -> Any:
        """Make a role."""
        _check("role", role_name, path, 64)
        return super().create_role(role_name, assume_role_policy_document, path, *more, **others)

    def create_user(self, region_name: str, user_name: str, path: str = "/", **more: Any) -> Any:
        """Make a user."""
        _check("user", user_name, path, 64)
        return super().create_user(region_name, user_name, path, **more)

    def delete_user(self, user_name: str) -> None:
        """Delete a user who has no keys any more."""
        if self.get_user(user_name).access_keys:
            raise IAMException("DeleteConflict", "Cannot delete entity, must delete access keys first.")
        super().delete_user(user_name)

    def delete_policy(self, policy_arn: str) -> None:
        """Delete a policy that is attached nowhere."""
        if self.get_policy(policy_arn).attachment_count > 0:
            raise IAMException("DeleteConflict", "Cannot delete a policy attached to entities.")
        super().delete_policy(policy_arn)

    def create_instance_profile(self, name: str, path: str, role_names: list[str], *more: Any, **others: Any) -> Any:
        """Make a profile, which EC2 does not know of at once."""
        _check("instanceProfile", name, path, 128)
        profile = super().create_instance_profile(name, path, role_names, *more, **others)
        self._changed(profile)
        return profile

    def add_role_to_instance_profile(self, profile_name: str, role_name: str) -> None:
        """Put a role into a profile, which EC2 does not know of at once."""
        super().add_role_to_instance_profile(profile_name, role_name)
        self._changed(self.get_instance_profile(profile_name))

    def remove_role_from_instance_profile(self, profile_name: str, role_name: str) -> None:
        """Take a role out of a profile that it is in."""
        profile = self.get_instance_profile(profile_name)
        if self.get_role(role_name) not in profile.roles:
            raise IAMException(
                "NoSuchEntity", f"The role with name {role_name} is not in the instance profile {profile_name}."
            )
        super().remove_role_from_instance_profile(profile_name, role_name)

    @staticmethod
    def _changed(profile: Any) -> None:
        profile.known_from = time.monotonic() + context.current().latency.instance_profile_propagation


SandboxIAMBackend.__module__ = "moto.iam.models"  # moto finds the service's URLs by it


class SandboxIAMResponse(Answers, IamResponse):  # type: ignore[misc]
    """IAM's answers: a hundred things at a time, and no more than was asked for."""

    page_size = 100

    def bad_size(self, operation: str, size: int, smallest: int, largest: int) -> Exception:
        """Return IAM's refusal of a page size."""
        bound = f"greater than or equal to {smallest}" if size < smallest else f"less than or equal to {largest}"
        return IAMException(  # type: ignore[no-any-return]
            "ValidationError",
            f"1 validation error detected: Value '{size}' at 'maxItems' failed to satisfy constraint: "
            f"Member must have value {bound}",
        )

    def bad_token(self, token: str | None) -> Exception:
        """Return IAM's refusal of a marker."""
        return IAMException("ValidationError", "Invalid Marker.")  # type: ignore[no-any-return]

    def before(self) -> ActionResult | None:
        """Refuse to tell of what was just created."""
        operation, fresh = self._get_action(), context.current().fresh
        if operation.startswith(("Get", "List")):
            for parameter in IAM_NAMES:
                noun, name = parameter.removesuffix("Name"), self.params.get(parameter)
                if f"{noun} {name}" in fresh:
                    raise IAMException("NoSuchEntity", f"The {noun.lower()} with name {name} cannot be found.")
            if (arn := self.params.get("PolicyArn")) in fresh:
                raise IAMException("NoSuchEntity", f"Policy {arn} was not found.")
        return super().before()

    def after(self, answer: ActionResult) -> None:
        """Leave out of a list what was just created."""
        fresh, how = context.current().fresh, paging("iam", self._get_action())
        if fresh and how is not None and isinstance(answer.result, dict):
            noun = "Policy" if how.items == "Policies" else how.items.removesuffix("s")
            for_all = noun == "Policy" or f"{noun}Name" in IAM_NAMES
            if for_all and how.items in answer.result:
                answer.result[how.items] = [
                    each for each in answer.result[how.items] if iam_name(each, noun) not in fresh
                ]
        super().after(answer)

    def created(self, body: str) -> None:
        """Let what was created be unknown for a while."""
        here, operation = context.current(), self._get_action()
        if (parameter := IAM_CREATING.get(operation)) is not None:
            name = f"{parameter.removesuffix('Name')} {self.params[parameter]}"
            here.fresh.add(name, here.latency)
        elif operation == "CreatePolicy":
            arn = f"arn:aws:iam::{self.current_account}:policy{self.params.get('Path', '/')}{self.params['PolicyName']}"
            here.fresh.add(arn, here.latency)

    def list_instance_profiles(self) -> ActionResult:
        """List the profiles under a path."""
        return self._under_path("InstanceProfiles", self.backend.get_instance_profiles())

    def list_groups(self) -> ActionResult:
        """List the groups under a path."""
        return self._under_path("Groups", self.backend.list_groups())

    def _under_path(self, key: str, found: Iterable[Any]) -> ActionResult:
        prefix = self._get_param("PathPrefix", "/")
        return ActionResult({key: [each for each in found if each.path.startswith(prefix)], "IsTruncated": False})


def profile_for_launch(account: str, name: str | None, arn: str | None) -> Any:
    """Return the profile that a launch names, if EC2 knows of it already."""
    from moto.iam.models import iam_backends

    for profile in iam_backends[account]["aws"].get_instance_profiles():
        if (name is None or profile.name == name) and (arn is None or profile.arn == arn):
            if time.monotonic() < getattr(profile, "known_from", 0):
                break
            if not profile.roles:
                raise refusal(
                    "InvalidParameterValue", f"IAM Instance Profile {profile.arn} has no associated IAM Roles"
                )
            return profile
    given, value, kind = ("arn", arn, "ARN") if arn is not None else ("name", name, "name")
    raise refusal(
        "InvalidParameterValue",
        f"Value ({value}) for parameter iamInstanceProfile.{given} is invalid. Invalid IAM Instance Profile {kind}",
    )
