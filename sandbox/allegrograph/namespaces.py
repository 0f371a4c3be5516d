"""Namespaces: a user's own, the repository's, and those that every new repository begins with."""

from typing import Any

from sandbox.allegrograph.refusal import RefusedError, missing
from sandbox.allegrograph.store import Settings

STANDARD = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "err": "http://www.w3.org/2005/xqt-errors#",
    "fn": "http://www.w3.org/2005/xpath-functions#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "fti": "http://franz.com/ns/allegrograph/2.2/textindex/",
    "keyword": "http://franz.com/ns/keyword#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xs": "http://www.w3.org/2001/XMLSchema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
KINDS = ("user", "repository", "default", "any")


def _name(kind: str, user: str) -> str:
    if kind not in KINDS:
        raise RefusedError(400, f"type={kind!r} is not one of {', '.join(KINDS)}.", "MALFORMED PARAMETER")
    return f"namespaces:user:{user}" if kind == "user" else f"namespaces:{kind}"


def of_kind(settings: Settings, kind: str, user: str) -> dict[str, str]:
    """The namespaces of one kind, or with "any" all that hold."""
    name = _name(kind, user)
    if kind == "any":
        return of_user(settings, user)
    beginning: Any = STANDARD if kind in ("user", "default") else {}
    return dict(settings.get(name, beginning))


def of_user(settings: Settings, user: str) -> dict[str, str]:
    """All namespaces that hold for a user: the user's own win over the repository's."""
    return {**of_kind(settings, "repository", user), **of_kind(settings, "user", user)}


def put(settings: Settings, kind: str, user: str, prefix: str, iri: str) -> None:
    """Define a namespace."""
    settings.put(_name(kind, user), {**of_kind(settings, kind, user), prefix: iri})


def delete(settings: Settings, kind: str, user: str, prefix: str) -> None:
    """Forget a namespace."""
    remaining = of_kind(settings, kind, user)
    remaining.pop(prefix, None)
    settings.put(_name(kind, user), remaining)


def clear(settings: Settings, kind: str, user: str, *, reset: bool) -> None:
    """Forget all namespaces, or go back to the standard ones."""
    settings.put(_name(kind, user), None if reset else {})


def get(settings: Settings, kind: str, user: str, prefix: str) -> str:
    """The namespace of a prefix, which must be defined."""
    known = of_kind(settings, kind, user)
    if prefix not in known:
        raise missing(f"There is no namespace with the prefix {prefix!r}.")
    return known[prefix]
