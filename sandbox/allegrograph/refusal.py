"""What the server refuses, in the form in which AllegroGraph says it."""

import http
from collections.abc import Mapping
from typing import Any


class RefusedError(Exception):
    """An answer other than success: a status and a sentence, with AllegroGraph's error code where it has one."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code

    @property
    def body(self) -> str:
        """The text of the answer; clients look for `CODE: message` on one line."""
        line = " ".join(self.message.split())
        return f"{self.code}: {line}" if self.code else line


def malformed_query(words: str) -> RefusedError:
    """A query or update that does not parse or cannot be evaluated."""
    return RefusedError(400, words, "MALFORMED QUERY")


def malformed_data(words: str) -> RefusedError:
    """Triples or terms that do not parse."""
    return RefusedError(400, words, "MALFORMED DATA")


def missing(what: str) -> RefusedError:
    """Something named in the request does not exist."""
    return RefusedError(404, what)


def failure(fault: Mapping[str, Any]) -> RefusedError:
    """What a fault has the server answer: a status, and what that is called."""
    status = int(fault.get("status", 500))
    known = {each.value: each.phrase for each in http.HTTPStatus}
    return RefusedError(status, known.get(status, ""))
