"""What a request asks for, by the names of botocore's service models, whatever its protocol."""

from __future__ import annotations

import io
from typing import Any

from sandbox.cloud.calls import Call


def arguments_of(environ: dict[str, Any], call: Call) -> dict[str, Any]:
    """Return a request's parameters; the body is put back for whoever reads next."""
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import Request, determine_request_protocol
    from moto.core.utils import get_service_model

    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    request = Request({**environ, "wsgi.input": io.BytesIO(body)})
    model = get_service_model(call.service)
    parser = PROTOCOL_PARSERS[determine_request_protocol(model, request.content_type)]
    parsed = parser(model.operation_model(call.operation), map_type=dict).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": {},
        }
    )
    return dict(parsed)


def placed_by(environ: dict[str, Any], call: Call) -> dict[str, str]:
    """Return what the path of a REST request names."""
    from moto.core.request import Request
    from moto.core.routing import NotFound, get_service_router

    try:
        _, placed = get_service_router(call.service).match(Request(dict(environ)))
    except (NotFound, NotImplementedError, KeyError, ValueError):
        return {}
    return {str(name): str(value) for name, value in placed.items()}
