"""What an agent learns from its instance's metadata service, with a version 2 token."""

from __future__ import annotations

import contextlib
import http.client
import json
from dataclasses import dataclass
from typing import Final

METADATA_ADDRESS: Final = "169.254.169.254"
# On AWS each node has a machine's metadata service to itself; here a hundred ask the same two processors at once.
_TIMEOUT: Final = 20.0
_CREDENTIALS: Final = "/latest/meta-data/iam/security-credentials/"


class NoIdentityError(Exception):
    """The metadata service does not say who this node is, or gives it no role; the message says which."""


@dataclass(frozen=True)
class Identity:
    """Who the node is and which key its role gives it."""

    instance_id: str
    access_key_id: str


def read_identity(address: str = METADATA_ADDRESS) -> Identity:
    """Ask the metadata service at `address` (a host, or host:port)."""
    try:
        with contextlib.closing(http.client.HTTPConnection(address, timeout=_TIMEOUT)) as connection:
            token = _ask(connection, "PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "300"})
            header = {"X-aws-ec2-metadata-token": token}
            instance_id = _ask(connection, "GET", "/latest/meta-data/instance-id", header)
            role = _ask(connection, "GET", _CREDENTIALS, header).splitlines()[0]
            credentials = json.loads(_ask(connection, "GET", _CREDENTIALS + role, header))
            return Identity(instance_id, credentials["AccessKeyId"])
    except (OSError, http.client.HTTPException) as error:
        raise NoIdentityError(f"the metadata service at {address} does not answer: {error}") from error
    except (ValueError, KeyError, IndexError) as error:
        raise NoIdentityError(f"the metadata service at {address} gives no credentials of a role") from error


def _ask(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> str:
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    content = response.read().decode("utf-8", "replace").strip()
    if response.status != http.client.OK:
        raise NoIdentityError(f"the metadata service answers {response.status} to {path}")
    return content
