"""EC2's refusals: each with AWS's code and words."""

from __future__ import annotations

from moto.ec2.exceptions import EC2ClientError


def refusal(code: str, message: str) -> Exception:
    """Return the error that AWS answers with this code."""
    return EC2ClientError(code, message)  # type: ignore[no-any-return]


def has_dependencies(kind: str, identifier: str) -> Exception:
    """Return the refusal to delete what something else stands on."""
    return refusal("DependencyViolation", f"The {kind} '{identifier}' has dependencies and cannot be deleted.")
