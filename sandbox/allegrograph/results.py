"""Writing the answers of queries in the formats that clients accept."""

import csv
import io
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from sandbox.allegrograph import formats, terms
from sandbox.allegrograph.queries import Answer, Solutions, Triples

_NUMERIC = {terms.XSD + name for name in ("integer", "decimal", "double")}
Cells = Sequence[str | None]


def serialised(
    answer: Answer, accept: str, namespaces: Mapping[str, str], started: float
) -> tuple[str, Iterator[str | bytes]]:
    """The content type and the pieces of an answer."""
    if isinstance(answer, bool):
        return _boolean(answer, accept)
    if isinstance(answer, Triples):
        rows = ((0, *triple, "") for triple in answer.rows)
        if accept == "text/integer":
            return accept, iter([str(sum(1 for _ in rows))])
        return accept, formats.serialised(rows, accept, namespaces)
    writers = {
        "application/sparql-results+json": _sparql_json,
        "application/sparql-results+xml": _sparql_xml,
        "application/xml": _sparql_xml,
        "text/csv": _csv,
        "text/tab-separated-values": _tsv,
        "text/table": _table,
        "text/integer": _count,
    }
    writer = writers.get(accept)
    if writer is None:
        return "application/json", _json(answer, started)
    return accept, writer(answer)


def _boolean(answer: bool, accept: str) -> tuple[str, Iterator[str | bytes]]:
    word = json.dumps(answer)
    if accept == "application/sparql-results+json":
        return accept, iter([f'{{"head":{{}},"boolean":{word}}}'])
    if accept in ("application/sparql-results+xml", "application/xml"):
        text = f'<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head/><boolean>{word}</boolean></sparql>\n'
        return accept, iter(['<?xml version="1.0"?>\n' + text])
    return "application/json" if accept == "application/json" else "text/plain", iter([word])


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
