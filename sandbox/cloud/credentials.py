"""Who calls: access keys that exist, and signatures that were made with them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from sandbox.cloud import environment
from sandbox.cloud.calls import Call, RefusedError

SKEW = 15 * 60
UNSIGNED = {"AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"}
SUBRESOURCES = frozenset(
    """
    accelerate acl analytics cors delete encryption inventory lifecycle location logging metrics notification
    object-lock partNumber policy policyStatus publicAccessBlock replication requestPayment response-cache-control
    response-content-disposition response-content-encoding response-content-language response-content-type
    response-expires restore retention select select-type tagging torrent uploadId uploads versionId versioning
    versions website
    """.split()  # noqa: SIM905  a list of fifty lines says no more
)
"""What the older signature of S3 covers of a query."""


@dataclass(frozen=True)
class Key:
    """An access key and whose it is."""

    secret: str
    owner: str
    token: str | None = None


class Credentials:
    """The operator's key, those of IAM's users, and the temporary ones of roles."""

    def __init__(self, access_key_id: str, secret_access_key: str, regions: Iterable[str]) -> None:
        self._operator = access_key_id
        self._root = Key(secret_access_key, f"arn:aws:iam::{environment.ACCOUNT}:root")
        self._regions = frozenset(regions)

    def is_operator(self, access_key_id: str) -> bool:
        """Tell whether this is the account's own key."""
        return access_key_id == self._operator

    def find(self, access_key_id: str) -> Key | None:
        """Return a key that exists and is active."""
        if access_key_id == self._operator:
            return self._root
        from moto.iam.models import iam_backends
        from moto.sts.models import sts_backends

        iam = iam_backends[environment.ACCOUNT]["aws"]
        key = iam.access_keys.get(access_key_id)
        if key is None or key.status != "Active":
            return None
        role = sts_backends[environment.ACCOUNT]["aws"].get_assumed_role_from_access_key(access_key_id)
        if role is not None:
            return Key(key.secret_access_key, role.arn, role.session_token)
        user = next((each for each in iam.users.values() if key in each.access_keys), None)
        return Key(key.secret_access_key, user.arn if user else access_key_id)

    def check(self, environ: dict[str, Any], call: Call) -> str:
        """Return who calls, in S3 perhaps nobody (``""``); raises `RefusedError` where AWS would not answer."""
        if not call.access_key_id:
            if call.service == "s3" and not _Request(environ).is_signed:
                return ""
            raise RefusedError("missing")
        key = self.find(call.access_key_id)
        if key is None:
            raise RefusedError("unknown", call.access_key_id)
        if call.region not in self._regions:
            raise RefusedError("region", call.region)
        request = _Request(environ)
        if key.token is not None and request.value("X-Amz-Security-Token") != key.token:
            raise RefusedError("unknown", call.access_key_id)
        if request.is_version_2:
            _check_version_2(request, key)
        else:
            _check_version_4(request, key, call)
        return key.owner


class _Request:
    """A request as it was signed."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        raw = str(environ.get("REQUEST_URI") or environ.get("RAW_URI") or environ.get("PATH_INFO", "/"))
        path, _, query = raw.partition("?")
        self.path = re.sub(r"^https?://[^/]*", "", path) or "/"
        # In a signed query a plus sign is one; only forms mean a space by it.
        self.query = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
        self.given = dict(self.query)
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        self.parts = dict(re.findall(r"(\w+)=([^,\s]+)", authorization))
        self.is_presigned = "X-Amz-Signature" in self.given or "Signature" in self.given
        self.is_signed = self.is_presigned or bool(authorization)
        self.is_version_2 = authorization.startswith("AWS ") or "AWSAccessKeyId" in self.given

    def header(self, name: str) -> str:
        name = name.upper().replace("-", "_")
        plain = name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        return str(self.environ.get(name if plain else f"HTTP_{name}", ""))

    def value(self, name: str) -> str:
        """Return what stands in the query of a presigned request, or in a header."""
        return self.given.get(name) or self.header(name)

    def body(self) -> bytes:
        """Read the body, and put it back for whoever reads next."""
        body = bytes(self.environ["wsgi.input"].read(int(self.environ.get("CONTENT_LENGTH") or 0)))
        self.environ["wsgi.input"] = io.BytesIO(body)
        return body


def _digest(key: bytes, text: str, how: str = "sha256") -> bytes:
    return hmac.new(key, text.encode(), how).digest()


def _check_version_4(request: _Request, key: Key, call: Call) -> None:
    given, parts = request.given, request.parts
    if request.is_presigned:
        scope, names, signature = given["X-Amz-Credential"], given["X-Amz-SignedHeaders"], given["X-Amz-Signature"]
    else:
        try:
            scope, names, signature = parts["Credential"], parts["SignedHeaders"], parts["Signature"]
        except KeyError:
            raise RefusedError("signature") from None
    stamp = request.value("X-Amz-Date")
    _check_time(stamp, int(given["X-Amz-Expires"]) if request.is_presigned and "X-Amz-Expires" in given else None)
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in request.query
        if name != "X-Amz-Signature"
    )
    headers = "".join(f"{name}:{' '.join(request.header(name).split())}\n" for name in names.split(";"))
    is_s3 = call.service == "s3"
    path = quote(unquote(request.path), safe="/-_.~") if is_s3 else quote(request.path, safe="/-_.~")
    payload = "UNSIGNED-PAYLOAD" if request.is_presigned and is_s3 else request.header("X-Amz-Content-SHA256")
    if not payload:
        payload = hashlib.sha256(request.body()).hexdigest()
    canonical = "\n".join(
        [
            str(request.environ["REQUEST_METHOD"]),
            path,
            "&".join(f"{name}={value}" for name, value in query),
            headers,
            names,
            payload,
        ]
    )
    within = scope.split("/", 1)[1]
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, within, hashlib.sha256(canonical.encode()).hexdigest()])
    signing = b"AWS4" + key.secret.encode()
    for part in within.split("/"):
        signing = _digest(signing, part)
    if not hmac.compare_digest(_digest(signing, text).hex(), signature):
        raise RefusedError("signature")


def _check_time(stamp: str, lifetime: int | None) -> None:
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise RefusedError("signature") from None
    age = time.time() - signed
    if age > (SKEW if lifetime is None else lifetime) or age < -SKEW:
        raise RefusedError("expired")


def _check_version_2(request: _Request, key: Key) -> None:
    """Check S3's older signature, which botocore still puts on presigned URLs."""
    if "Signature" in request.given:
        signature, when = request.given["Signature"], request.given.get("Expires", "")
        if not when.isdigit() or int(when) < time.time():
            raise RefusedError("expired")
    else:
        signature = request.header("Authorization").rpartition(":")[2]
        when = "" if request.header("X-Amz-Date") else request.header("Date")
    amazon = sorted(
        (name.removeprefix("HTTP_").lower().replace("_", "-"), " ".join(str(value).split()))
        for name, value in request.environ.items()
        if name.startswith("HTTP_X_AMZ_")
    )
    amazon = sorted([*amazon, *((name, value) for name, value in request.query if name.startswith("x-amz-"))])
    kept = [f"{name}={value}" if value else name for name, value in sorted(request.query) if name in SUBRESOURCES]
    resource = "?" + "&".join(kept) if kept else ""
    # A bucket alone is signed with a slash at its end or without one: S3 takes both.
    for path in {request.path, request.path.rstrip("/") + "/"}:
        text = "\n".join(
            [
                str(request.environ["REQUEST_METHOD"]),
                request.value("content-md5"),
                request.value("content-type"),
                when,
                *(f"{name}:{value}" for name, value in amazon),
                path + resource,
            ]
        )
        made = base64.b64encode(_digest(key.secret.encode(), text, "sha1")).decode()
        if hmac.compare_digest(made, signature):
            return
    raise RefusedError("signature")
