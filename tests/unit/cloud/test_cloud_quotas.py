"""Service Quotas: what the sandbox keeps to, it says; and it is asked for as IAM calls it."""

from __future__ import annotations

import pytest
from cloud_box import Box, code

from sandbox.cloud import quotas


@pytest.mark.parametrize("key", quotas.CODES)
def test_a_quota_is_what_is_kept_to(box: Box, key: tuple[str, str]) -> None:
    asked = {"ServiceCode": key[0], "QuotaCode": key[1]}
    quota = box.client("service-quotas", "us-west-2").get_service_quota(**asked)["Quota"]
    assert (quota["QuotaName"], quota["Value"]) == (quotas.CODES[key][0], float(quotas.CODES[key][1]))


def test_another_quota_is_not_known(box: Box) -> None:
    client = box.client("service-quotas", "us-west-2")
    assert (
        code(lambda: client.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")) == "NoSuchResourceException"
    )
