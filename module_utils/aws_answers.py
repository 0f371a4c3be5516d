"""What AWS answers to a question that lists or describes something: all of it, over all pages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

with contextlib.suppress(ImportError):  # It comes with botocore, and AnsibleAWSModule says so.
    import jmespath


def all_of(client: Any, operation: str, wanted: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Go through all that a call of a boto3 client lists; raises what the call raises.

    `wanted` is where the items stand in an answer, as JMESPath: `Vpcs`, or `Reservations[].Instances[]`.
    """
    if client.can_paginate(operation):
        answers = client.get_paginator(operation).paginate(**arguments)
    else:
        answers = [getattr(client, operation)(**arguments)]
    for answer in answers:
        yield from jmespath.search(wanted, answer)
