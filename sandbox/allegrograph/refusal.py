"""What the server refuses, in the form in which AllegroGraph says it."""


class Refusal(Exception):
    """An answer other than success: a status and one sentence, with AllegroGraph's error code in front where it has one."""

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


def malformed_query(words: str) -> Refusal:
    """A query or update that does not parse or cannot be evaluated."""
    return Refusal(400, words, "MALFORMED QUERY")


def malformed_data(words: str) -> Refusal:
    """Triples or terms that do not parse."""
    return Refusal(400, words, "MALFORMED DATA")


def missing(what: str) -> Refusal:
    """Something named in the request does not exist."""
    return Refusal(404, what)
