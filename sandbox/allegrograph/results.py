"""Writing the answers of queries in the formats that clients accept."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from sandbox.allegrograph import formats, terms
from sandbox.allegrograph.queries import Answer, Solutions, Triples
from sandbox.allegrograph.refusal import RefusedError

_NUMERIC = {terms.XSD + name for name in ("integer", "decimal", "double")}
Cells = Sequence[str | None]


def serialised(
    answer: Answer, accepted: Sequence[str], namespaces: Mapping[str, str], started: float
) -> tuple[str, Iterator[str | bytes]]:
    """The content type and the pieces of an answer, in the first format of those accepted that there is."""
    if isinstance(answer, bool):
        return _boolean(answer, _chosen(accepted, _OF_A_TRUTH))
    if isinstance(answer, Triples):
        chosen = _chosen(accepted, _OF_TRIPLES)
        rows = ((0, *triple, "") for triple in answer.rows)
        if chosen == "text/integer":
            return chosen, iter([str(sum(1 for _ in rows))])
        return chosen, formats.serialised(rows, chosen, namespaces)
    writers = _writers(started)
    chosen = _chosen(accepted, list(writers))
    return chosen, writers[chosen](answer)


def _writers(started: float) -> dict[str, Callable[[Solutions], Iterator[str]]]:
    """What writes the rows of a SELECT, by content type; the first is for whoever takes anything."""
    return {
        "application/sparql-results+xml": _sparql_xml,
        "application/xml": _sparql_xml,
        "application/sparql-results+json": _sparql_json,
        "application/json": lambda answer: _json(answer, started),
        "text/csv": _csv,
        "text/tab-separated-values": _tsv,
        "text/table": _table,
        "text/integer": _count,
    }


_OF_A_TRUTH = (
    "application/sparql-results+xml",
    "application/xml",
    "application/sparql-results+json",
    "application/json",
    "text/plain",
)
_OF_TRIPLES = (
    "application/rdf+xml",
    "application/json",
    "application/x-quints+json",
    "text/table",
    "text/integer",
    *formats.WRITTEN,
)


def _chosen(accepted: Sequence[str], offered: Sequence[str]) -> str:
    """Content negotiation, as far as clients use it: in the order of their wishes."""
    for wish in accepted or ["*/*"]:
        if wish in offered:
            return wish
        if wish == "*/*":
            return offered[0]
    raise RefusedError(406, f"{', '.join(accepted)} is no format of this answer; there are {', '.join(offered)}.")


def _boolean(answer: bool, accept: str) -> tuple[str, Iterator[str | bytes]]:
    word = json.dumps(answer)
    if accept == "application/sparql-results+json":
        return accept, iter([f'{{"head":{{}},"boolean":{word}}}'])
    if accept in ("application/sparql-results+xml", "application/xml"):
        text = f'<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head/><boolean>{word}</boolean></sparql>\n'
        return accept, iter(['<?xml version="1.0"?>\n' + text])
    return accept, iter([word])


def _json(answer: Solutions, started: float) -> Iterator[str]:
    yield f'{{"names":{json.dumps(list(answer.names))},"values":['
    separator = ""
    for row in answer.rows:
        yield separator + json.dumps(list(row), ensure_ascii=False)
        separator = ",\n"
    total = max(time.monotonic() - started, 1e-6)
    times = {"total": total, "parse": 0.0, "plan": 0.0, "execute": total, "serialize": 0.0}
    yield f'],"queryInfo":{json.dumps({"time": times})}}}'


def _sparql_json(answer: Solutions) -> Iterator[str]:
    yield f'{{"head":{{"vars":{json.dumps(list(answer.names))}}},"results":{{"bindings":['
    separator = ""
    for row in answer.rows:
        bound = {name: _json_term(term) for name, term in zip(answer.names, row, strict=True) if term is not None}
        yield separator + json.dumps(bound, ensure_ascii=False)
        separator = ",\n"
    yield "]}}"


def _json_term(text: str) -> dict[str, str]:
    if text.startswith("<"):
        return {"type": "uri", "value": terms.value_of(text)}
    if text.startswith("_:"):
        return {"type": "bnode", "value": text[2:]}
    term = {"type": "literal", "value": terms.value_of(text)}
    if language := terms.language_of(text):
        term["xml:lang"] = language
    elif datatype := terms.datatype_of(text):
        term["datatype"] = datatype
    return term


def _sparql_xml(answer: Solutions) -> Iterator[str]:
    yield '<?xml version="1.0"?>\n<sparql xmlns="http://www.w3.org/2005/sparql-results#">\n<head>'
    yield "".join(f"<variable name={quoteattr(name)}/>" for name in answer.names) + "</head>\n<results>\n"
    for row in answer.rows:
        bound = zip(answer.names, row, strict=True)
        cells = "".join(f"<binding name={quoteattr(n)}>{_xml_term(t)}</binding>" for n, t in bound if t is not None)
        yield f"<result>{cells}</result>\n"
    yield "</results>\n</sparql>\n"


def _xml_term(text: str) -> str:
    value = escape(terms.value_of(text))
    if text.startswith("<"):
        return f"<uri>{value}</uri>"
    if text.startswith("_:"):
        return f"<bnode>{escape(text[2:])}</bnode>"
    if language := terms.language_of(text):
        return f"<literal xml:lang={quoteattr(language)}>{value}</literal>"
    if datatype := terms.datatype_of(text):
        return f"<literal datatype={quoteattr(datatype)}>{value}</literal>"
    return f"<literal>{value}</literal>"


def _csv(answer: Solutions) -> Iterator[str]:
    """AllegroGraph puts everything but numbers in quotes."""
    yield ",".join(answer.names) + "\n"
    for row in answer.rows:
        yield ",".join(_csv_cell(cell) for cell in row) + "\n"


def _csv_cell(text: str | None) -> str:
    if text is None:
        return ""
    value = terms.value_of(text)
    if text.startswith('"') and terms.datatype_of(text) in _NUMERIC:
        return value
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="").writerow([value])
    return line.getvalue()


def _tsv(answer: Solutions) -> Iterator[str]:
    yield "\t".join("?" + name for name in answer.names) + "\n"
    for row in answer.rows:
        yield "\t".join(_tsv_cell(cell) for cell in row) + "\n"


def _tsv_cell(text: str | None) -> str:
    if text is None:
        return ""
    if text.startswith("<"):
        escapes = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
        return "<" + "".join(escapes.get(each, each) for each in terms.value_of(text)) + ">"
    if text.startswith('"') and terms.datatype_of(text) in _NUMERIC:
        return terms.value_of(text)
    return text


def _table(answer: Solutions) -> Iterator[str]:
    return formats.table(answer.names, list(_readable(answer.rows)))


def _readable(rows: Iterable[Cells]) -> Iterator[list[str]]:
    for row in rows:
        yield ["" if cell is None else terms.value_of(cell) for cell in row]


def _count(answer: Solutions) -> Iterator[str]:
    yield str(sum(1 for _ in answer.rows))
