"""The triples of a federation's member on their way into the SPARQL copy."""

import re
import tempfile
from collections.abc import Iterator

from sandbox.allegrograph import terms
from sandbox.allegrograph.members import Member

_TYPE = rb"\^\^<http://www\.w3\.org/2001/XMLSchema#"
_ODD_TYPE = re.compile(_TYPE + rb"(?!string>|integer>)[^>\n]*>")
_INTEGER_TYPE = re.compile(_TYPE + rb"integer>")
_SHORTEST_INTEGER = re.compile(rb'"(?:0|-?[1-9][0-9]*)"' + _TYPE + rb"integer>")
_REWRITABLE = re.compile(terms.REWRITABLE.pattern.encode(), re.DOTALL)


def suspects(lines: bytes) -> set[bytes]:
    """The literals in whole lines of N-Triples that Oxigraph may spell otherwise."""
    found: set[bytes] = set()
    if b"XMLSchema#" not in lines:
        return found
    for end in _suspicious_ends(lines):
        literal = lines[lines.find(b'"', lines.rfind(b"\n", 0, end) + 1) : end]
        if literal not in found and _REWRITABLE.fullmatch(literal):
            found.add(literal)
    return found


def _suspicious_ends(lines: bytes) -> Iterator[int]:
    """Where literals of suspicious types end; a search for a fixed text is much faster than one for any literal."""
    yield from (found.end() for found in _ODD_TYPE.finditer(lines))
    if len(_INTEGER_TYPE.findall(lines)) != len(_SHORTEST_INTEGER.findall(lines)):
        yield from (found.end() for found in _INTEGER_TYPE.finditer(lines))


class Spool:
    """The default graph of a member in a temporary file; its lines are counted and odd literals noted as they come."""

    def __init__(self, member: Member | None) -> None:
        """Fetch all of it; without a member there is nothing."""
        self.lines = 0
        self._suspects: set[bytes] = set()
        self._rest = b""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        try:
            if member:
                member.default_triples(self)
            self._look_through(self._rest)
            self._file.flush()
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Take what comes next."""
        self._file.write(data)
        end = data.rfind(b"\n") + 1
        if end:
            self._look_through(self._rest + data[:end])
            self._rest = data[end:]
        else:
            self._rest += data

    def _look_through(self, lines: bytes) -> None:
        self.lines += lines.count(b"\n") + (not lines.endswith(b"\n") and bool(lines))
        self._suspects |= suspects(lines)

    @property
    def path(self) -> str:
        """Where the file can be read; it has no name of its own."""
        return f"/proc/self/fd/{self._file.fileno()}"

    @property
    def suspects(self) -> set[str]:
        """The literals that Oxigraph may spell otherwise."""
        return {each.decode() for each in self._suspects}

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
