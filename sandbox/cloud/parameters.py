"""STS and SSM where the answers must be ours: the operator, Amazon's latest image, parameters written one at a time."""

from __future__ import annotations

import threading
from typing import Any

import moto.ssm.models
import moto.sts.urls
from moto.core.responses import ActionResult
from moto.ssm.exceptions import ValidationException
from moto.ssm.models import Parameter, SimpleSystemManagerBackend
from moto.sts.responses import TokenResponse

from sandbox.cloud import context
from sandbox.cloud.images import AL2023_PARAMETERS


class SandboxSSMBackend(SimpleSystemManagerBackend):  # type: ignore[misc]
    """Systems Manager; its public parameters name the sandbox's image."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        # Requests to SSM are answered at the same time, and moto looks before it writes.
        self._writing = threading.RLock()
        self._parameters._check_loading_status("/aws/service/ami-amazon-linux-latest")
        for name, image_id in AL2023_PARAMETERS.items():
            for parameter in self._parameters.get(name, []):
                parameter.value = image_id

    def put_parameter(self, name: str, *arguments: Any, **named: Any) -> Parameter:
        """Write a parameter; of several that create it at once one does, and each version is another number."""
        kind = arguments[2] if len(arguments) > 2 else named.get("parameter_type")
        with self._writing:
            if not kind and name not in self._parameters:
                # Also with Overwrite, which moto forgets: without a type only what exists can be written.
                raise ValidationException("A parameter type is required when you create a parameter.")
            return super().put_parameter(name, *arguments, **named)

    def delete_parameter(self, name: str) -> None:
        """Delete a parameter."""
        with self._writing:
            super().delete_parameter(name)

    def delete_parameters(self, names: list[str]) -> list[str]:
        """Delete those of the parameters that there are."""
        with self._writing:
            return list(super().delete_parameters(names))

    def describe_parameters(self, *arguments: Any, **named: Any) -> list[Parameter]:
        """List the parameters, of which none comes or goes meanwhile."""
        with self._writing:
            return list(super().describe_parameters(*arguments, **named))


SandboxSSMBackend.__module__ = "moto.ssm.models"  # moto finds the service's URLs by it


class SandboxSTSResponse(TokenResponse):  # type: ignore[misc]
    """STS; the operator is the account's root."""

    def get_caller_identity(self) -> ActionResult:
        """Say who calls."""
        if self.access_key != context.current().operator:
            return super().get_caller_identity()
        account = self.current_account
        return ActionResult({"UserId": account, "Account": account, "Arn": f"arn:aws:iam::{account}:root"})


def install() -> None:
    """Put these in moto's place; before the first request."""
    moto.ssm.models.ssm_backends.backend = SandboxSSMBackend
    paths: dict[str, Any] = moto.sts.urls.url_paths
    for path in paths:
        paths[path] = SandboxSTSResponse.dispatch
