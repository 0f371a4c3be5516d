"""Secrets that an EC2 instance fetches itself, with its own credentials: for Python 3.9's standard library alone.

What a module is given travels to the node through a bucket. A secret does not: the module is given the name of a
parameter of Systems Manager's Parameter Store, and asks for its value where it runs.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

METADATA = "http://169.254.169.254"
TARGET = "AmazonSSM.GetParameters"
CONTENT_TYPE = "application/x-amz-json-1.1"
# How long each answer may take, in seconds, and how often one that is late or throttled is asked for.
ANSWER_TIMEOUT = 10
TRIES = 6
THROTTLED = ("ThrottlingException", "RequestLimitExceeded", "InternalServerError", "ServiceUnavailable")
# A role that has just been put on an instance may not be known everywhere yet.
EARLY = ("UnrecognizedClientException", "InvalidClientTokenId")

# The option of a module that leads to the superuser's password. Names and places, which are no secrets; Ansible takes
# them for some by the word.
SUPERUSER_SECRET: dict[str, Any] = {
    "type": "dict",
    "no_log": False,
    "options": {name: {"type": "str", "required": True} for name in ("service", "region", "superuser")},
}


class SecretError(Exception):
    """Why a secret cannot be had; its text is a sentence for a person, and holds none."""


@dataclass(frozen=True)
class Credentials:
    """What an instance signs its requests with."""

    key_id: str
    key: str
    token: str


def secrets(
    names: Sequence[str], service: str, region: str, metadata: str = METADATA, pause: float = 1.0, tries: int = TRIES
) -> dict[str, str]:
    """Return the value of each named parameter, asked of the Systems Manager at the URL `service`.

    `pause` is the longest wait before the second try, in seconds; it doubles with each. Raises SecretError.
    """
    for attempt in range(tries):
        try:
            answer = asked(names, service, region, credentials(metadata))
        except urllib.error.HTTPError as error:
            code, words = complaint(error)
            if code not in THROTTLED + EARLY or attempt + 1 == tries:
                raise SecretError(_refused(names, service, code, words)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if attempt + 1 == tries:
                said = getattr(error, "reason", None) or error
                raise SecretError(
                    f"The secrets {_listed(names)} could not be fetched from {service}: {said}. "
                    "Has the instance a way out?"
                ) from None
        else:
            missing = answer.get("InvalidParameters") or []
            if missing:
                raise SecretError(
                    f"There is no secret {_listed(missing)} at {service}: it was deleted. Remove the federation with "
                    "ansible-playbook down.yml, and make it anew with up.yml."
                )
            return {each["Name"]: each["Value"] for each in answer["Parameters"]}
        time.sleep(random.uniform(0, pause * 2**attempt))
    raise AssertionError("the last try either returns or raises")


def superuser_password(source: Mapping[str, str], tries: int = TRIES) -> str:
    """Return the password that a module's option leads to: `superuser`, the parameter, `service` and `region`.

    Raises SecretError.
    """
    name = source["superuser"]
    return secrets([name], source["service"], source["region"], tries=tries)[name]


def credentials(metadata: str = METADATA) -> Credentials:
    """Return the credentials of this instance's role. Raises OSError, ValueError, SecretError when it has no role."""
    asking = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    token = _fetched(urllib.request.Request(f"{metadata}/latest/api/token", method="PUT", headers=asking))
    showing = {"X-aws-ec2-metadata-token": token}
    folder = f"{metadata}/latest/meta-data/iam/security-credentials/"
    try:
        role = _fetched(urllib.request.Request(folder, headers=showing)).split()[0]
        found = json.loads(_fetched(urllib.request.Request(folder + role, headers=showing)))
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])
    except urllib.error.HTTPError as error:
        raise SecretError(
            f"This instance has no role to fetch its secrets with: its metadata service answered {error.code}. "
            "Was its instance profile taken off? Put it back with ansible-playbook up.yml."
        ) from None


def asked(names: Sequence[str], service: str, region: str, who: Credentials) -> Any:
    """Ask for the parameters once and return AWS's answer. Raises OSError, HTTPError among them, or ValueError."""
    body = json.dumps({"Names": list(names), "WithDecryption": True}).encode()
    url = service.rstrip("/") + "/"
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": TARGET, "X-Amz-Security-Token": who.token}
    now = datetime.datetime.now(datetime.timezone.utc)
    signing = {**headers, **signature(url, headers, body, region, who, now)}
    return json.loads(_fetched(urllib.request.Request(url, data=body, method="POST", headers=signing)))


def signature(
    url: str, headers: Mapping[str, str], body: bytes, region: str, who: Credentials, now: datetime.datetime
) -> dict[str, str]:
    """Return the headers that sign a POST to Systems Manager: AWS's Signature Version 4."""
    parts = urllib.parse.urlsplit(url)
    moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    signed = {"host": parts.netloc, "x-amz-date": moment, **{name.lower(): value for name, value in headers.items()}}
    names = ";".join(sorted(signed))
    lines = [f"{name}:{signed[name]}" for name in sorted(signed)]
    request = "\n".join(["POST", parts.path or "/", "", *lines, "", names, hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/ssm/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{who.key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature_of_it = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    said = f"AWS4-HMAC-SHA256 Credential={who.key_id}/{scope}, SignedHeaders={names}, Signature={signature_of_it}"
    return {"X-Amz-Date": moment, "Authorization": said}


def complaint(error: urllib.error.HTTPError) -> tuple[str, str]:
    """Return AWS's code and words for a refusal; a number for a code where it gave none."""
    try:
        said = json.loads(error.read(10_000))
        code = str(said.get("__type") or error.code).rpartition("#")[2]
        return code, str(said.get("message") or said.get("Message") or error.reason)
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return str(error.code), str(error.reason)


def _fetched(request: urllib.request.Request) -> str:
    # A proxy of the node's environment would see the secret, and metadata are the instance's own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=ANSWER_TIMEOUT) as response:
        return str(response.read().decode())


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)


def _refused(names: Sequence[str], service: str, code: str, words: str) -> str:
    return (
        f"{service} refuses the secrets {_listed(names)} to this instance: {code}: {words.rstrip('.')}. Its role needs "
        "ssm:GetParameters on them; ansible-playbook up.yml puts back what was taken off."
    )
