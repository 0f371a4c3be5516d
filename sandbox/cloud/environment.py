"""What moto reads from the environment when it is imported."""

from __future__ import annotations

import os

ACCOUNT = "123456789012"

SETTINGS = {
    "MOTO_ACCOUNT_ID": ACCOUNT,
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true",
}


def prepare() -> None:
    """Set moto's environment; to be called before anything of moto is imported.

    The user's own AWS settings go: neither moto nor botocore may take a region, a profile or an endpoint from them.
    """
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
        del os.environ[name]
    os.environ.update(SETTINGS)
