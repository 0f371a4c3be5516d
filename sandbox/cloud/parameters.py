"""STS's and SSM's few answers that must be ours: who the operator is, and which image is Amazon's latest."""

from __future__ import annotations

from typing import Any

import moto.ssm.models
import moto.sts.urls
from moto.core.responses import ActionResult
from moto.ssm.models import SimpleSystemManagerBackend
from moto.sts.responses import TokenResponse

from sandbox.cloud import context
from sandbox.cloud.images import AL2023, AL2023_PARAMETERS


class SandboxSSMBackend(SimpleSystemManagerBackend):  # type: ignore[misc]
    """Systems Manager; its public parameters name the sandbox's image."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._parameters._check_loading_status("/aws/service/ami-amazon-linux-latest")
        for name in AL2023_PARAMETERS:
            for parameter in self._parameters.get(name, []):
                parameter.value = AL2023.image_id


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
