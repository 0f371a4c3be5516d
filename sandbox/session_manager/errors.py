"""Systems Manager's refusals, with AWS's codes and words."""

from __future__ import annotations

from collections.abc import Iterable

from moto.core.exceptions import ServiceException


class SystemsManagerError(ServiceException):  # type: ignore[misc]
    """An error that names AWS's code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def target_not_connected(instance_id: str) -> SystemsManagerError:
    """StartSession to a node whose agent is not connected."""
    return SystemsManagerError("TargetNotConnected", f"{instance_id} is not connected.")


def invalid_instances(instance_ids: Iterable[str], account: str) -> SystemsManagerError:
    """SendCommand to instances that are not managed, or do not run."""
    names = ", ".join(instance_ids)
    return SystemsManagerError("InvalidInstanceId", f"Instances [[{names}]] not in a valid state for account {account}")


def invalid_document(name: str) -> SystemsManagerError:
    """A document that does not exist, or is of another kind."""
    return SystemsManagerError("InvalidDocument", f"Document with name {name} does not exist.")


def invalid_parameters(message: str) -> SystemsManagerError:
    """Parameters that do not fit the document."""
    return SystemsManagerError("InvalidParameters", message)


def invalid_filter(name: str) -> SystemsManagerError:
    """A filter that the operation does not know."""
    return SystemsManagerError("InvalidFilterKey", f"The filter key {name} is not valid.")


def session_does_not_exist(session_id: str) -> SystemsManagerError:
    """A session that never was."""
    return SystemsManagerError("DoesNotExistException", f"Session {session_id} does not exist.")


def validation(value: object, member: str, constraint: str) -> SystemsManagerError:
    """A value outside of what the API's model allows."""
    return SystemsManagerError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}",
    )
