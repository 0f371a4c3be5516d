"""Which call of which service an HTTP request is, and what its answer says."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

SERVICE_NAMES = {"tagging": "resourcegroupstaggingapi", "servicequotas": "service-quotas"}
ERROR_CODE = re.compile(rb"<Code>\s*([^<\s]+)\s*</Code>")


class RefusedError(Exception):
    """A request that is not answered: why, in words common to all of AWS's protocols."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Decision:
    """Whether a caller may do one of the things that a request takes, and what was looked at."""

    action: str
    resource: str
    conditions: dict[str, list[str]]
    """What a policy's conditions may look at: names in small letters, each with its values."""
    allowed: bool


@dataclass(frozen=True)
class Call:
    """A request's service, operation and key, as far as they can be told."""

    service: str
    operation: str
    region: str
    access_key_id: str
    is_query: bool = False
    """Whether the operation came as the Action of a form or a query."""
    is_dry_run: bool = False
    """Whether only the permission for it is asked for, which EC2 tells without doing it."""
    fault: str | None = None
    """What goes wrong with it on purpose, in the journal's words."""
    decisions: list[Decision] = field(default_factory=list, compare=False)
    """What the caller's policies were asked, in that order, up to the first no; nothing for the account itself."""


VERSIONS = {"2016-11-15": "ec2", "2010-05-08": "iam", "2011-06-15": "sts"}
"""An unsigned request tells its service by its API version."""
TARGETS = {"AmazonSSM": "ssm", "ResourceGroupsTaggingAPI_20170126": "tagging"}


def identify(environ: dict[str, Any]) -> Call:
    """Tell what a request asks for, and by whom."""
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    service, region, key = "", "us-east-1", ""
    found = re.search(r"Credential=([^,\s]+)", authorization)
    scope = found.group(1) if found else query.get("X-Amz-Credential", [""])[0]
    if scope.count("/") >= 4:
        key, _, region, service = scope.rsplit("/", 4)[:4]
    elif authorization.startswith("AWS "):
        key = authorization[4:].split(":")[0]
    else:
        key = query.get("AWSAccessKeyId", [""])[0]
    prefix, _, target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")
    form = _form(environ) if not target and "Action" not in query else query
    action = form.get("Action", [""])[0]
    if not service:
        service = TARGETS.get(prefix) or VERSIONS.get(form.get("Version", [""])[0]) or "s3"
    operation = target or action or _rest_operation(environ, service)
    dry = form.get("DryRun", [""])[0] == "true"
    return Call(SERVICE_NAMES.get(service, service), operation, region, key, bool(action), dry)


def error_code(body: bytes) -> str | None:
    """Return the code of an error answer in any of AWS's protocols."""
    if found := ERROR_CODE.search(body):
        return found.group(1).decode()
    try:
        kind = str(json.loads(body)["__type"])
    except (ValueError, KeyError, TypeError):
        return None
    return kind.rpartition("#")[2]


def _form(environ: dict[str, Any]) -> dict[str, list[str]]:
    """Return the fields of a form body, and put the body back for whoever reads next."""
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return parse_qs(body.decode("utf-8", "replace"))


def _rest_operation(environ: dict[str, Any], service: str) -> str:
    """Return the operation of a REST service, S3 above all, from its method and path."""
    from moto.core.request import Request
    from moto.core.routing import NotFound, get_service_router

    try:
        operation, _ = get_service_router(service).match(Request(dict(environ)))
    except (NotFound, NotImplementedError, KeyError, ValueError):
        return str(environ.get("REQUEST_METHOD", ""))
    return str(operation.name)
