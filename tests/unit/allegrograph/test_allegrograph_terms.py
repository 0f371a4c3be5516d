import pytest

from sandbox.allegrograph import terms
from sandbox.allegrograph.refusal import RefusedError

XSD = "http://www.w3.org/2001/XMLSchema#"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<ex://a>", "<ex://a>"),
        ('"42"^^<http://www.w3.org/2001/XMLSchema#int>', '"42"^^<http://www.w3.org/2001/XMLSchema#int>'),
        ('"042"^^xsd:integer', f'"042"^^<{XSD}integer>'),
        (f'"x"^^<{XSD}string>', '"x"'),
        ('"x"@en-US', '"x"@en-us'),
        (r'"caf\u00e9"', '"café"'),
        ('"two\nlines"', r'"two\nlines"'),
        (r"<http://a/b\u0020c>", r"<http://a/b\u0020c>"),
        ("<http://a/b c>", r"<http://a/b\u0020c>"),
        ("_:b1", "_:b1"),
        ("_:0-1", "_:x302d31"),
        ("ex:thing", "<http://example.org/thing>"),
    ],
)
def test_a_term_has_one_spelling(given: str, kept: str) -> None:
    namespaces = {"xsd": XSD, "ex": "http://example.org/"}
    assert terms.canonical(given, namespaces) == kept
    assert terms.canonical(kept) == kept


@pytest.mark.parametrize("given", ["", "plain", "unknown:name", '"open', "<open", r'"bad \q escape"', r'"\U99999999"'])
def test_what_is_no_term_is_refused(given: str) -> None:
    with pytest.raises(RefusedError) as refused:
        terms.canonical(given)
    assert refused.value.body.startswith("MALFORMED DATA: ")


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        (f'"2"^^<{XSD}decimal>', f'"2.0"^^<{XSD}decimal>'),
        (f'"0.5"^^<{XSD}decimal>', f'"0.5"^^<{XSD}decimal>'),
        (f'"2"^^<{XSD}integer>', f'"2"^^<{XSD}integer>'),
        (f'"1500"^^<{XSD}double>', f'"1.5E3"^^<{XSD}double>'),
        (f'"0"^^<{XSD}double>', f'"0.0E0"^^<{XSD}double>'),
        (f'"-0.25"^^<{XSD}float>', f'"-2.5E-1"^^<{XSD}float>'),
        (f'"INF"^^<{XSD}double>', f'"INF"^^<{XSD}double>'),
        ('"text"', '"text"'),
        ("<ex://a>", "<ex://a>"),
    ],
)
def test_computed_numbers_are_printed_as_allegrograph_does(given: str, printed: str) -> None:
    assert terms.computed(given) == printed


def test_terms_survive_oxigraph() -> None:
    for text in ["<ex://a>", r"<http://a/b\u0020c>", '"x"@en', r'"tab\tquote\""', "_:b1", f'"1"^^<{XSD}integer>']:
        assert terms.from_oxigraph(terms.to_oxigraph(text)) == text


def test_parts_of_a_literal() -> None:
    assert terms.value_of(r'"a\"b"@en') == 'a"b'
    assert terms.language_of('"x"@en') == "en"
    assert terms.datatype_of(f'"x"^^<{XSD}date>') == XSD + "date"
    assert terms.datatype_of('"x"') == ""


def test_order_compares_like_with_like() -> None:
    def number(text: str) -> tuple[object, ...]:
        return terms.order(f'"{text}"^^<{XSD}int>')

    assert number("9") < number("10")
    moment = terms.order(f'"2009-09-28T17:00:00Z"^^<{XSD}dateTime>')
    assert moment < terms.order(f'"2009-09-28T18:00:00"^^<{XSD}dateTime>')
    assert moment[0] != number("9")[0]
