"""The same refusal in each of AWS's protocols."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from xml.sax.saxutils import escape

from sandbox.cloud.calls import Call, RefusedError

INVALID_TOKEN = "The security token included in the request is invalid."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
NOT_VALIDATED = "AWS was not able to validate the provided access credentials"
SCOPE = "Credential should be scoped to a valid region, not '{detail}'."
UNSUPPORTED = "The sandbox does not have this: {detail}"
BROKEN = "An internal error has occurred in the sandbox: {detail}"
TABLE = {
    "ec2": {
        "denied": (403, "UnauthorizedOperation", "You are not authorized to perform this operation. {detail}"),
        "throttled": (503, "RequestLimitExceeded", "Request limit exceeded."),
        "missing": (401, "AuthFailure", NOT_VALIDATED),
        "unknown": (401, "AuthFailure", NOT_VALIDATED),
        "signature": (403, "SignatureDoesNotMatch", MISMATCH),
        "expired": (400, "RequestExpired", "Request has expired."),
        "region": (401, "AuthFailure", SCOPE),
        "unsupported": (400, "UnsupportedOperation", UNSUPPORTED),
        "broken": (500, "InternalError", BROKEN),
    },
    "query": {
        "denied": (403, "AccessDenied", "{detail}"),
        "throttled": (400, "Throttling", "Rate exceeded"),
        "missing": (403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        "unknown": (403, "InvalidClientTokenId", INVALID_TOKEN),
        "signature": (403, "SignatureDoesNotMatch", MISMATCH),
        "expired": (403, "SignatureDoesNotMatch", "Signature expired."),
        "region": (403, "SignatureDoesNotMatch", SCOPE),
        "unsupported": (400, "InvalidAction", UNSUPPORTED),
        "broken": (500, "InternalFailure", BROKEN),
    },
    "json": {
        "denied": (400, "AccessDeniedException", "{detail}"),
        "throttled": (400, "ThrottlingException", "Rate exceeded"),
        "missing": (400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"),
        "unknown": (400, "UnrecognizedClientException", INVALID_TOKEN),
        "signature": (400, "InvalidSignatureException", MISMATCH),
        "expired": (400, "InvalidSignatureException", "Signature expired."),
        "region": (400, "InvalidSignatureException", SCOPE),
        "unsupported": (400, "UnknownOperationException", UNSUPPORTED),
        "broken": (500, "InternalServerError", BROKEN),
    },
    "s3": {
        "denied": (403, "AccessDenied", "{detail}"),
        "throttled": (503, "SlowDown", "Please reduce your request rate."),
        "missing": (403, "AccessDenied", "Access Denied"),
        "unknown": (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
        "signature": (403, "SignatureDoesNotMatch", MISMATCH),
        "expired": (403, "AccessDenied", "Request has expired"),
        "region": (400, "AuthorizationHeaderMalformed", "The authorization header is malformed; " + SCOPE),
        "unsupported": (501, "NotImplemented", UNSUPPORTED),
        "broken": (500, "InternalError", BROKEN),
    },
}
SERVER_ERRORS = {
    "InsufficientAddressCapacity": 500,
    "InsufficientHostCapacity": 500,
    "InsufficientInstanceCapacity": 500,
    "InsufficientReservedInstanceCapacity": 500,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "ServiceFailure": 500,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "Unavailable": 503,
}
"""Errors that AWS answers as its own, by their status; all others are the client's."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes
    code: str


def protocol(call: Call) -> str:
    """Return which protocol a call is made in."""
    if call.service in ("ec2", "s3"):
        return call.service
    return "query" if call.is_query else "json"


def refuse(call: Call, refused: RefusedError) -> Answer:
    """Put a refusal into the words of the call's protocol."""
    kind = protocol(call)
    status, code, message = TABLE[kind][refused.reason]
    return _answer(kind, status, code, message.format(detail=refused.detail))


def error(call: Call, code: str, message: str | None = None, status: int | None = None) -> Answer:
    """Put any error into the call's protocol; what is not said is as the service has it."""
    kind = protocol(call)
    known = {each: (its_status, its_message) for its_status, each, its_message in TABLE[kind].values()}
    its_status, its_message = known.get(code, (SERVER_ERRORS.get(code, 400), "The request could not be completed."))
    return _answer(kind, status or its_status, code, message or its_message.format(detail=""))


def _answer(kind: str, status: int, code: str, message: str) -> Answer:
    request_id = str(uuid.uuid4())
    if kind == "json":
        body = json.dumps({"__type": code, "message": message})
        return Answer(status, "application/x-amz-json-1.1", body.encode(), code)
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if kind == "ec2":
        body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif kind == "s3":
        body = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    else:
        error = f"<Error><Type>Sender</Type>{error}</Error>"
        body = f"<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
    return Answer(status, "text/xml", b'<?xml version="1.0" encoding="UTF-8"?>\n' + body.encode(), code)
