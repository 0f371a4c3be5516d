from __future__ import annotations

from html.parser import HTMLParser

import pytest

from module_utils.sparql_page import beginning, ending, line
from module_utils.sparql_results import XSD

EVIL = "</pre></td><script>alert(1)</script><img src=x onerror='alert(\"2\")'>&amp;\x00\x1b"


class Reader(HTMLParser):
    """Notes elements, attributes and text as a browser would take them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


@pytest.mark.parametrize(
    "term",
    [
        {"type": "literal", "value": EVIL},
        {"type": "literal", "value": "x", "language": EVIL},
        {"type": "literal", "value": "x", "datatype": EVIL + "#" + EVIL},
        {"type": "uri", "value": EVIL},
        {"type": "uri", "value": "http://" + EVIL.replace(" ", "")},
        {"type": "bnode", "value": EVIL},
        {"type": "other", "value": EVIL},
    ],
)
def test_nothing_of_an_answer_is_markup(term: dict[str, str]) -> None:
    page = read(beginning(EVIL, [EVIL]) + line([term]) + ending(1))
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not set("\x00\x1b") & set("".join(page.texts))


def test_the_cells() -> None:
    number = {"type": "literal", "value": "7", "datatype": XSD + "integer"}
    assert line([None, number]) == '<tr><td></td><td class="n">7</td></tr>\n'
    assert (
        line([{"type": "literal", "value": "chat", "language": "fr"}]) == "<tr><td>chat <small>fr</small></td></tr>\n"
    )
    assert line([{"type": "bnode", "value": "b1"}]) == "<tr><td>_:b1</td></tr>\n"


@pytest.mark.parametrize(
    ("iri", "linked"), [("https://a/b?c#d", True), ("javascript:alert(1)", False), ("ex://a", False)]
)
def test_only_the_web_is_linked(iri: str, linked: bool) -> None:
    page = read(line([{"type": "uri", "value": iri}]))
    assert page.attributes == ([("href", iri), ("rel", "noreferrer")] if linked else [])
    assert page.texts[0] == iri


def test_the_page_needs_nothing_else() -> None:
    page = read(beginning("ASK {}", ["ask"]) + ending(0))
    assert not {"link", "img", "iframe"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in ("src", "href")]
    assert "0 rows" in page.texts
