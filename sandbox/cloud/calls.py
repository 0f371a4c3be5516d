"""Which call of which service an HTTP request is, and what its answer says."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

SERVICE_NAMES = {"tagging": "resourcegroupstaggingapi"}
ERROR_CODE = re.compile(rb"<Code>\s*([^<\s]+)\s*</Code>")


@dataclass(frozen=True)
class Call:
    """A request's service, operation and key, as far as they can be told."""

    service: str
    operation: str
    region: str
    access_key_id: str


def identify(environ: dict[str, Any]) -> Call:
    """Tell what a request asks for, and by whom."""
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    service, region, key = "s3", "us-east-1", ""
    found = re.search(r"Credential=([^,\s]+)", authorization)
    scope = found.group(1) if found else query.get("X-Amz-Credential", [""])[0]
    if scope.count("/") >= 4:
        key, _, region, service = scope.rsplit("/", 4)[:4]
    elif authorization.startswith("AWS "):
        key = authorization[4:].split(":")[0]
    else:
        key = query.get("AWSAccessKeyId", [""])[0]
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        operation = target.rpartition(".")[2]
    else:
        operation = query.get("Action", [""])[0] or _form_action(environ) or _rest_operation(environ, service)
    return Call(SERVICE_NAMES.get(service, service), operation, region, key)


def error_code(body: bytes) -> str | None:
    """Return the code of an error answer in any of AWS's protocols."""
    if found := ERROR_CODE.search(body):
        return found.group(1).decode()
    try:
        kind = str(json.loads(body)["__type"])
    except (ValueError, KeyError, TypeError):
        return None
    return kind.rpartition("#")[2]


def _form_action(environ: dict[str, Any]) -> str:
    """Return the Action of a form body, and put the body back for whoever reads next."""
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return ""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]


def _rest_operation(environ: dict[str, Any], service: str) -> str:
    """Return the operation of a REST service, S3 above all, from its method and path."""
    from moto.core.request import Request
    from moto.core.routing import NotFound, get_service_router

    try:
        operation, _ = get_service_router(service).match(Request(dict(environ)))
    except (NotFound, NotImplementedError, KeyError, ValueError):
        return str(environ.get("REQUEST_METHOD", ""))
    return str(operation.name)
