"""RDF terms as exact N-Triples text: one spelling a term, so that comparing text compares terms."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import pyoxigraph

from sandbox.allegrograph.refusal import malformed_data

XSD = "http://www.w3.org/2001/XMLSchema#"

_PLAIN = re.compile(
    r"""<[^\x00-\x20<>"{}|^`\\]*>"""
    r"""|_:[A-Za-z][A-Za-z0-9]*"""
    r"""|"[^"\\\x00-\x1f\x7f]*"(?:@[a-z]+(?:-[a-z0-9]+)*"""
    r"""|\^\^<(?!http://www\.w3\.org/2001/XMLSchema\#string>)[^\x00-\x20<>"{}|^`\\]*>)?"""
)
_LITERAL = re.compile(
    r'"(?P<value>(?:[^"\\]|\\.)*)"(?:@(?P<language>[A-Za-z]+(?:-[A-Za-z0-9]+)*)|\^\^(?P<datatype>\S.*))?', re.DOTALL
)
_PREFIXED = re.compile(r"(?P<prefix>[A-Za-z][\w.-]*|):(?P<local>[\w.-]*)")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_IRI_SPECIAL = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_LITERAL_SPECIAL = re.compile(r'["\\\x00-\x1f\x7f]')
_NAMED_ESCAPES = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_LITERAL_ESCAPES = {
    "\t": r"\t",
    "\b": r"\b",
    "\n": r"\n",
    "\r": r"\r",
    "\f": r"\f",
    '"': r"\"",
    "\\": r"\\",
}

# Every typed literal of XML Schema except an integer in its shortest spelling: Oxigraph may store another spelling.
REWRITABLE = re.compile(
    r'"(?:[^"\\]|\\.)*"\^\^<http://www\.w3\.org/2001/XMLSchema#(?!string>)(?!integer>)[^>]*>'
    r'|"(?!(?:0|-?[1-9][0-9]*)")[^"\\]*"\^\^<http://www\.w3\.org/2001/XMLSchema#integer>'
)


def unescape(text: str) -> str:
    """Decode the escapes of N-Triples."""

    def decoded(match: re.Match[str]) -> str:
        short, long, named = match.groups()
        if named is not None:
            if named not in _NAMED_ESCAPES:
                raise malformed_data(f"\\{named} is not an escape sequence of N-Triples.")
            return _NAMED_ESCAPES[named]
        try:
            return chr(int(short or long, 16))
        except (ValueError, OverflowError) as error:
            raise malformed_data(f"{match.group()} is not a character.") from error

    return _ESCAPE.sub(decoded, text) if "\\" in text else text


def iri(value: str) -> str:
    """The N-Triples text of an IRI; characters that an IRI may not have are escaped, as AllegroGraph's client does."""
    return "<" + _IRI_SPECIAL.sub(lambda found: f"\\u{ord(found.group()):04X}", value) + ">"


def literal(value: str, datatype: str | None = None, language: str | None = None) -> str:
    """The N-Triples text of a literal."""

    def escaped(found: re.Match[str]) -> str:
        return _LITERAL_ESCAPES.get(found.group()) or f"\\u{ord(found.group()):04X}"

    text = '"' + _LITERAL_SPECIAL.sub(escaped, value) + '"'
    if language:
        return f"{text}@{language.lower()}"
    if datatype and datatype != XSD + "string":
        return f"{text}^^{iri(datatype)}"
    return text


def blank(label: str) -> str:
    """The N-Triples text of a blank node; clients know only labels of ASCII letters and digits."""
    return f"_:{label}" if re.fullmatch("[A-Za-z][A-Za-z0-9]*", label) else "_:x" + label.encode().hex()


def canonical(text: str, namespaces: Mapping[str, str] | None = None) -> str:
    """The one spelling of a term given as N-Triples, or as a prefixed name when the prefix is known."""
    return text if _PLAIN.fullmatch(text) else _parsed(text.strip(), namespaces or {})


def _parsed(text: str, namespaces: Mapping[str, str]) -> str:
    if text.startswith("<") and text.endswith(">") and len(text) > 1:
        return iri(unescape(text[1:-1]))
    if text.startswith("_:") and len(text) > 2:
        return blank(text[2:])
    if match := _LITERAL.fullmatch(text):
        datatype = match["datatype"]
        if datatype is not None:
            datatype = value_of(_parsed(datatype, namespaces))
        return literal(unescape(match["value"]), datatype, match["language"])
    if match := _PREFIXED.fullmatch(text):
        namespace = namespaces.get(match["prefix"])
        if namespace is not None:
            return iri(namespace + match["local"])
    raise malformed_data(f"{text!r} is not a term in N-Triples syntax.")


def value_of(text: str) -> str:
    """What a person reads: the IRI without brackets, the literal without quotes and type."""
    if text.startswith("<"):
        return unescape(text[1:-1])
    if text.startswith('"'):
        return unescape(text[1 : text.rindex('"')])
    return text


def datatype_of(text: str) -> str:
    """The datatype's IRI of a literal; empty for a plain or language-tagged one."""
    end = text.rindex('"') + 1
    return text[end + 3 : -1] if text.startswith("^^", end) else ""


def language_of(text: str) -> str:
    """The language of a literal, or nothing."""
    end = text.rindex('"') + 1
    return text[end + 1 :] if text.startswith("@", end) else ""


def from_oxigraph(term: object) -> str:
    """The N-Triples text of a term that Oxigraph parsed or answered."""
    text = str(term)
    if _PLAIN.fullmatch(text):
        return text
    if isinstance(term, pyoxigraph.NamedNode):
        return iri(term.value)
    if isinstance(term, pyoxigraph.Literal):
        return literal(term.value, term.datatype.value, term.language)
    if isinstance(term, pyoxigraph.BlankNode):
        return blank(term.value)
    raise malformed_data("Quoted triples are not stored here.")


def to_oxigraph(text: str) -> pyoxigraph.NamedNode | pyoxigraph.BlankNode | pyoxigraph.Literal:
    """Oxigraph's term for an N-Triples text; the parser is lenient where the constructor refuses odd IRIs."""
    line = f"<x:s> <x:p> {text} ."
    quad = next(pyoxigraph.parse(line, pyoxigraph.RdfFormat.N_TRIPLES, lenient=True))
    term = quad.object
    assert isinstance(term, pyoxigraph.NamedNode | pyoxigraph.BlankNode | pyoxigraph.Literal)
    return term


def computed(text: str) -> str:
    """A computed number as AllegroGraph prints it: a decimal has a point, a double an exponent."""
    if not text.endswith(">") or not text.startswith('"'):
        return text
    datatype = datatype_of(text)
    if datatype == XSD + "decimal":
        value = value_of(text)
        return literal(value if "." in value else value + ".0", datatype)
    if datatype in (XSD + "double", XSD + "float"):
        return literal(_with_exponent(value_of(text)), datatype)
    return text


def _with_exponent(value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    if not number.is_finite():
        return value
    sign, digits, _ = number.as_tuple()
    exponent = number.adjusted() if number else 0
    figures = "".join(map(str, digits)).rstrip("0") or "0"
    return f"{'-' if sign else ''}{figures[0]}.{figures[1:] or '0'}E{exponent}"


def order(text: str) -> tuple[int, Decimal | float | str]:
    """Where a literal stands in a range: numbers among numbers, times among times, the rest as text."""
    if text.startswith('"'):
        datatype, value = datatype_of(text), value_of(text)
        if datatype in (XSD + "dateTime", XSD + "date"):
            try:
                moment = datetime.fromisoformat(value)
                return 1, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            except ValueError:
                return 2, value
        if datatype.startswith(XSD) and datatype not in (XSD + "time", XSD + "boolean"):
            try:
                return 0, Decimal(value)
            except InvalidOperation:
                return 2, value
        return 2, value
    return 3, text
