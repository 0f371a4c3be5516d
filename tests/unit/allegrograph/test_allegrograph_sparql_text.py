import pytest

from sandbox.allegrograph import sparql
from sandbox.allegrograph.queries import tidied


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("select * {}", "SELECT"),
        ("PREFIX select: <ex://insert> # delete\nBASE <ex://x> ASK {}", "ASK"),
        ("prefix : <ex://> insert data {}", "UPDATE"),
        ("with <ex://g> delete {} where {}", "UPDATE"),
        ('"; DROP TABLE students;', ""),
    ],
)
def test_form(text: str, form: str) -> None:
    assert sparql.form(sparql.tokens(text)) == form


def test_strings_iris_and_comments_hide_what_is_in_them() -> None:
    text = """select (count(*) as ?n) { ?s ?p "?x { as ?y", '''a 'quoted' }''', <ex://{> # ?z }
    }"""
    kinds = [part.text for part in sparql.tokens(text) if part.kind == "variable"]
    assert kinds == ["?n", "?s", "?p"]
    assert sparql.computed_variables(sparql.tokens(text)) == {"n"}


def test_datasets() -> None:
    text = "prefix ex: <ex://> select * from ex:a from named <ex://b> from <ex://c> where {}"
    parts = sparql.tokens(text)
    assert sparql.dataset(parts, sparql.prefixes(parts, {})) == (["<ex://a>", "<ex://c>"], ["<ex://b>"])


def test_where_bindings_go() -> None:
    for text in ["select * where {|}", "select * {|}", "construct {} where {|}", "ask {|}", "describe ?s where {|}"]:
        place = text.index("|")
        assert sparql.group_start(sparql.tokens(text.replace("|", ""))) == place


def test_operations_of_an_update() -> None:
    text = 'prefix a: <ex://a> insert data { a:s a:p ";" } ; prefix b: <ex://b> delete where { ?s ?p ?o } ;'
    found = list(sparql.operations(text))
    assert [each.parts[0].word for each in found] == ["INSERT", "DELETE"]
    assert "b:" in found[1].prologue
    assert "a:" in found[1].prologue


def test_graph_blocks() -> None:
    blocks = sparql.graph_blocks("<a> <b> <c> . GRAPH ?g { <d> <e> <f> } . <g> <h> <i>")
    assert [(name, triples.strip()) for name, triples in blocks] == [
        ("", "<a> <b> <c> ."),
        ("?g", "<d> <e> <f>"),
        ("", "<g> <h> <i>"),
    ]


def test_the_parsers_words_lose_their_character_classes() -> None:
    words = "error at 1:27: expected one of \",\", \".\", ['0' ..= '9' | 'x'], ['A' ..= 'Z'\n| 'b'], [_]"
    assert tidied(words) == 'error at 1:27: expected one of ",", "."'
