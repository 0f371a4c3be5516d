"""Which forms an answer can have, what AllegroGraph calls them, and why a question cannot be asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.sparql_text import UPDATES, first_keyword, variables

# AllegroGraph's own JSON, from which table and page are made here.
ROWS = "application/json"
TRIPLES = {
    "table": ROWS,
    "ntriples": "application/n-triples",
    "turtle": "text/turtle",
    "xml": "application/rdf+xml",
    "html": ROWS,
}
# The type to ask for, by the kind of the query and the form of its answer.
TYPES: dict[str, dict[str, str]] = {
    "SELECT": {
        "table": ROWS,
        "csv": "text/csv",
        "tsv": "text/tab-separated-values",
        "json": "application/sparql-results+json",
        "xml": "application/sparql-results+xml",
        "html": ROWS,
    },
    "ASK": {
        "table": ROWS,
        "json": "application/sparql-results+json",
        "xml": "application/sparql-results+xml",
        "html": ROWS,
    },
    "CONSTRUCT": TRIPLES,
    "DESCRIBE": TRIPLES,
}
FORMATS = ("table", "csv", "tsv", "json", "xml", "ntriples", "turtle", "html")
GIVES = {"SELECT": "rows", "ASK": "true or false", "CONSTRUCT": "triples", "DESCRIBE": "triples"}
# A variable's name, and a term as N-Triples has it.
NAME = re.compile(r"[^\W\d]\w*|\d\w*")
TERM = re.compile(
    r"""<[^\x00-\x20<>"{}|^`\\]*>|_:\w[\w.-]*"""
    r"""|"(?:[^"\\\r\n]|\\.)*"(?:@[A-Za-z]+(?:-[A-Za-z0-9]+)*|\^\^<[^\x00-\x20<>"{}|^`\\]*>)?"""
)
EXAMPLES = '<http://example.org/a>, "text"@en or "5"^^<http://www.w3.org/2001/XMLSchema#integer>'


def accepted(query: str, output: str) -> str:
    """Return the content type to ask for; of what is no query, any that there is: the server says what is wrong."""
    types = TYPES.get(first_keyword(query)) or {**TYPES["CONSTRUCT"], **TYPES["SELECT"]}
    return types[output]


def problem_with_question(query: str, output: str, limit: object, bindings: object, repository: str) -> str | None:
    """Return why a question cannot be asked, in one sentence; repository is where an update would have to go."""
    keyword = first_keyword(query)
    if output not in FORMATS:
        return f"federation_output '{output}' is unknown: use {_listed(FORMATS)}."
    if keyword in UPDATES:
        return (
            f"This is an update ({keyword}), and a federation only reads: send it to the member that holds the "
            f"triples, where its repository is {repository}."
        )
    fitting = TYPES.get(keyword, {})
    if fitting and output not in fitting:
        article = "an" if keyword == "ASK" else "a"
        return (
            f"federation_output {output} does not fit {article} {keyword}, which gives {GIVES[keyword]}: "
            f"use {_listed(fitting)}."
        )
    if rows_of(limit) is None:
        return f"federation_query_limit '{limit}' is no number of rows: give a whole number, or 0 for all."
    return next(_problems_with_bindings(query, bindings), None)


def rows_of(limit: object) -> int | None:
    """Return a limit as a number of rows, 0 for all; None where it is none."""
    return int(str(limit)) if re.fullmatch(r"[0-9]{1,18}", str(limit)) else None


def terms_of(bindings: Mapping[str, str]) -> dict[str, str]:
    """Return the bindings by the variables' names without the mark that may stand before them."""
    return {name.lstrip("?$"): term for name, term in bindings.items()}


def _problems_with_bindings(query: str, bindings: object) -> Iterator[str]:
    if not isinstance(bindings, Mapping):
        yield (
            f"federation_query_bindings '{bindings}' binds no variables: write it like "
            '-e \'{"federation_query_bindings": {"s": "<http://example.org/a>"}}\'.'
        )
        return
    known = variables(query)
    for given, term in bindings.items():
        name = str(given).lstrip("?$")
        if not NAME.fullmatch(name):
            yield f"federation_query_bindings has '{given}', which is no variable: name it like s."
        elif not isinstance(term, str) or not TERM.fullmatch(term):
            yield (
                f"federation_query_bindings gives ?{name} the value '{term}', which is no term: "
                f"write it like {EXAMPLES}."
            )
        elif name not in known:
            yield f"federation_query_bindings binds ?{name}, and the query has no such variable: is it spelt so?"


def _listed(words: Any) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}"
