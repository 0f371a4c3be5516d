"""Looking at SPARQL text without evaluating it: tokens, form, datasets, and the operations of an update."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<space>[\s]+|\#[^\n]*)
    | (?P<iri><[^<>"{}|^`\\\s]*>)
    | (?P<string>\"\"\"(?:[^"\\]|\\.|"(?!""))*\"\"\"|'''(?:[^'\\]|\\.|'(?!''))*'''
        |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<variable>[?$]\w+)
    | (?P<language>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
    | (?P<name>(?:[^\W\d_][\w.-]*)?:(?:[\w:%]|\\.)?(?:(?:[\w:%.-]|\\.)*(?:[\w:%-]|\\.))?)
    | (?P<word>[^\W\d]\w*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_UPDATES = {"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "COPY", "MOVE", "ADD", "WITH"}
_QUERIES = {"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"}


@dataclass(frozen=True)
class Token:
    """A piece of SPARQL that means something."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The keyword, in capitals; empty when the token is something else."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(text: str) -> list[Token]:
    """The tokens of a query or update without spaces and comments."""
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind != "space":
            found.append(Token(kind, match.group(), match.start(), match.end()))
    return found


def form(parts: Sequence[Token]) -> str:
    """SELECT, ASK, CONSTRUCT, DESCRIBE or UPDATE; empty when it is none of these."""
    for part in _after_prologue(parts):
        if part.word in _QUERIES:
            return part.word
        return "UPDATE" if part.word in _UPDATES else ""
    return ""


def _after_prologue(parts: Sequence[Token]) -> Sequence[Token]:
    position = 0
    while position < len(parts) and parts[position].word in ("BASE", "PREFIX"):
        position += 2 if parts[position].word == "BASE" else 3
    return parts[position:]


def prefixes(parts: Sequence[Token], known: Mapping[str, str]) -> dict[str, str]:
    """The prefixes in force: those known beforehand and those that the text declares."""
    result = dict(known)
    for number, part in enumerate(parts[:-2]):
        if part.word == "PREFIX" and parts[number + 2].kind == "iri":
            result[parts[number + 1].text[:-1]] = parts[number + 2].text[1:-1]
    return result


def iri_of(part: Token, known: Mapping[str, str]) -> str:
    """The IRI, in brackets, that a token stands for."""
    if part.kind == "name":
        prefix, _, local = part.text.partition(":")
        return f"<{known.get(prefix, prefix + ':')}{local}>"
    return part.text


def dataset(parts: Sequence[Token], known: Mapping[str, str], keyword: str = "FROM") -> tuple[list[str], list[str]]:
    """The graphs of FROM (or USING) and of FROM NAMED."""
    default, named = list[str](), list[str]()
    for number, part in enumerate(parts[:-1]):
        if part.word == "WHERE" or part.text == "{":
            continue
        if part.word == keyword:
            following = parts[number + 1]
            if following.word == "NAMED" and number + 2 < len(parts):
                named.append(iri_of(parts[number + 2], known))
            elif following.kind in ("iri", "name"):
                default.append(iri_of(following, known))
    return default, named


def computed_variables(parts: Sequence[Token]) -> set[str]:
    """The variables that get a computed value: those after AS."""
    pairs = itertools.pairwise(parts)
    return {after.text[1:] for part, after in pairs if part.word == "AS" and after.kind == "variable"}


def group_start(parts: Sequence[Token]) -> int | None:
    """The place in the text just inside the braces of the WHERE clause."""
    depth = 0
    opened: list[int] = []
    for number, part in enumerate(parts):
        if part.text == "{" and part.kind == "other":
            if depth == 0:
                if number and parts[number - 1].word == "WHERE":
                    return part.end
                opened.append(part.end)
            depth += 1
        elif part.text == "}" and part.kind == "other":
            depth -= 1
    if not opened:
        return None
    return opened[1] if form(parts) == "CONSTRUCT" and len(opened) > 1 else opened[0]


def closing(parts: Sequence[Token], opening: int) -> int:
    """The number of the token that closes the brace at `opening`."""
    depth = 0
    for number in range(opening, len(parts)):
        if parts[number].kind == "other":
            depth += {"{": 1, "}": -1}.get(parts[number].text, 0)
            if depth == 0:
                return number
    return len(parts) - 1


@dataclass(frozen=True)
class Operation:
    """One operation of an update, with the prologue that holds for it."""

    prologue: str
    text: str
    parts: Sequence[Token]

    def inside(self, opening: int) -> str:
        """The text between the brace at a token and the one that closes it."""
        start = self.parts[opening].end
        return self.text[start : self.parts[closing(self.parts, opening)].start]


def operations(text: str) -> Iterator[Operation]:
    """The operations of an update, one after the other."""
    prologue = ""
    depth = 0
    current: list[Token] = []
    for part in [*tokens(text), Token("other", ";", len(text), len(text))]:
        if part.kind == "other":
            depth += {"{": 1, "}": -1}.get(part.text, 0)
        if part.text != ";" or part.kind != "other" or depth:
            current.append(part)
            continue
        body = _after_prologue(current)
        if current and len(body) < len(current):
            stop = current[len(current) - len(body) - 1].end
            prologue += text[current[0].start : stop] + "\n"
        if body:
            own = text[body[0].start : body[-1].end]
            yield Operation(prologue, own, tokens(own))
        current = []


def graph_blocks(text: str) -> list[tuple[str, str]]:
    """Quad data or a quad template as pairs of a graph's name (empty for the default one) and its triples."""
    parts = tokens(text)
    blocks: list[tuple[str, str]] = []
    number, start = 0, 0
    while number < len(parts):
        if parts[number].word == "GRAPH" and number + 2 < len(parts):
            blocks.append(("", text[start : parts[number].start]))
            end = closing(parts, number + 2)
            blocks.append((parts[number + 1].text, text[parts[number + 2].end : parts[end].start]))
            start = parts[end].end
            number = end + 1
            if number < len(parts) and parts[number].text == ".":
                start = parts[number].end
                number += 1
        else:
            number += 1
    blocks.append(("", text[start:]))
    return [block for block in blocks if block[1].strip()]


def variables_as_iris(text: str, namespace: str) -> str:
    """A template whose variables have become IRIs of a namespace, so that an RDF parser reads it."""
    pieces, last = [], 0
    for part in tokens(text):
        if part.kind == "variable":
            pieces += [text[last : part.start], f"<{namespace}{part.text[1:]}>"]
            last = part.end
    return "".join(pieces) + text[last:]


def rewritten(parts: Sequence[Token], text: str, words: Mapping[str, str]) -> str:
    """The text with keywords replaced, unless what follows says so already."""
    pieces, last = [], 0
    for part, after in zip(parts, [*parts[1:], Token("other", "", 0, 0)], strict=True):
        if part.word in words and after.word != "SILENT":
            pieces += [text[last : part.start], words[part.word]]
            last = part.end
    return "".join(pieces) + text[last:]
