"""What the processes that Ansible forks for its tasks share with the one that they come from.

A process for a task with a session makes three clients of boto3, each of which reads botocore's descriptions of SSM or
S3 anew: 35 MiB and a third of a second, for each host. Here they are read once, before there are other processes. And
the collector of a forked process would walk through all that there was before it, and so copy it: what is frozen, it
leaves alone.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError

CONNECTION = "ansible_collections.amazon.aws.plugins.connection.aws_ssm"
SERVICES = ("ssm", "s3")
"""Those that it talks to."""


def share() -> None:
    """Freeze what there is now, for the processes to come; the first time, read what their clients need."""
    if not hasattr(botocore.session.create_loader, "cache_info"):
        share_descriptions()
        with contextlib.suppress(ImportError):  # Without the collection, it is somebody else's to say.
            importlib.import_module(CONNECTION)
    gc.collect()
    gc.freeze()


def share_descriptions() -> None:
    """Have all sessions of botocore in this process, and in those that come from it, read a description once only."""
    # A session has a loader with a cache of its own, and aws_ssm makes a session for each client.
    vars(botocore.session)["create_loader"] = functools.cache(botocore.session.create_loader)
    with contextlib.suppress(BotoCoreError):  # Such as a profile that is not there, which is somebody else's to say.
        for service in SERVICES:
            # With keys of its own, so that nobody goes looking for the user's.
            client: Any = botocore.session.Session().create_client(
                service, region_name="us-west-2", aws_access_key_id="none", aws_secret_access_key="none"
            )
            client.close()
