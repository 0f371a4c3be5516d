"""What a request asks for, and what is known of its circumstances."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from sandbox.cloud import environment, public_address
from sandbox.cloud.arguments import arguments_of, placed_by
from sandbox.cloud.authorisation import buckets, ec2, identity, systems_manager
from sandbox.cloud.authorisation.policies import Question
from sandbox.cloud.authorisation.principals import Principal
from sandbox.cloud.authorisation.wildcards import Keys
from sandbox.cloud.calls import Call
from sandbox.cloud.context import current


def circumstances(environ: dict[str, Any], call: Call, principal: Principal) -> Keys:
    """Return the keys that conditions may look at in any request.

    S3 alone speaks both HTTP and TLS; the other services' endpoints stand for AWS's, which are secure.
    """
    now = time.time()
    is_secure = call.service != "s3" or environ.get("wsgi.url_scheme") == "https"
    return {
        **principal.keys,
        "aws:currenttime": (datetime.fromtimestamp(now, UTC).isoformat(),),
        "aws:epochtime": (str(int(now)),),
        **({"aws:principalaccount": (environment.ACCOUNT,)} if principal.in_account else {}),
        "aws:requestedregion": ("us-east-1" if call.service == "iam" else call.region,),
        "aws:resourceaccount": (environment.ACCOUNT,),
        "aws:securetransport": (str(is_secure).lower(),),
        "aws:sourceip": (public_address.of_caller(environ, current().operator_address),),
        "aws:useragent": (str(environ.get("HTTP_USER_AGENT", "")),),
        "aws:viaawsservice": ("false",),
    }


def asked(environ: dict[str, Any], call: Call, principal: Principal) -> Iterable[Question]:
    """Return all that has to be allowed for a request."""
    common = circumstances(environ, call, principal)
    if call.service == "s3":
        query = dict(parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True))
        headers = {
            name.removeprefix("HTTP_").lower().replace("_", "-"): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_X_AMZ_")
        }
        return buckets.questions(call.operation, placed_by(environ, call), query, headers, common)
    arguments = arguments_of(environ, call)
    match call.service:
        case "ec2":
            return ec2.questions(call.operation, arguments, call.region, common)
        case "iam":
            return identity.questions(call.operation, arguments, common)
        case "sts":
            return identity.token_questions(call.operation, arguments, common)
        case "ssm":
            return systems_manager.questions(call.operation, arguments, call.region, common)
    # IAM has names of its own for some.
    prefix = {"resourcegroupstaggingapi": "tag", "service-quotas": "servicequotas"}.get(call.service, call.service)
    return [Question(f"{prefix}:{call.operation}", "*", common)]
