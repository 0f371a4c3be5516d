"""An answer as one page of HTML that needs nothing else, written a row at a time."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from ansible.module_utils.sparql_results import Row, Term, cell

# What HTML has no way to say.
UNSAYABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
WEB = re.compile(r"https?://\S+", re.IGNORECASE)
STYLE = (
    "body{font:15px/1.4 system-ui,sans-serif;margin:1.5rem;color:#1b1f24;background:#fff}"
    "pre{white-space:pre-wrap;background:#f3f5f7;padding:.7rem;border-radius:4px}"
    "table{border-collapse:collapse}"
    "th,td{border:1px solid #c9d1d9;padding:.25rem .6rem;text-align:left;vertical-align:top}"
    "td{max-width:40rem;overflow-wrap:break-word}"
    "th{position:sticky;top:0;background:#e8edf2;cursor:pointer}"
    "td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    "small{color:#57606a}"
    "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}pre,th{background:#21262d}"
    "th,td{border-color:#30363d}a{color:#79b8ff}small{color:#8b949e}}"
)
# A click on a heading sorts, a second one the other way round; numbers as numbers.
SCRIPT = (
    "document.querySelectorAll('th').forEach((head,column)=>{let turn=1;head.onclick=()=>{"
    "const body=document.querySelector('tbody'),value=row=>row.cells[column].textContent,"
    "number=text=>text.trim()===''?NaN:Number(text);"
    "[...body.rows].sort((one,other)=>{const a=value(one),b=value(other),n=number(a)-number(b);"
    "return turn*(isNaN(n)?a.localeCompare(b):n)}).forEach(row=>body.append(row));turn=-turn}})"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def beginning(query: str, names: Sequence[str]) -> str:
    """Return the page up to the first row."""
    heads = "".join(f"<th>{escaped(name)}</th>" for name in names)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Answer of the federation</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<pre>{escaped(query.strip())}</pre>\n<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"
    )


def line(row: Row) -> str:
    """Return a row of the table."""
    return "<tr>" + "".join(_cell(value) for value in row) + "</tr>\n"


def ending(count: int) -> str:
    """Return the page behind the last row."""
    rows = "1 row" if count == 1 else f"{count} rows"
    return f"</tbody>\n</table>\n<p><small>{rows}</small></p>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"


def escaped(text: str) -> str:
    """Return a text that stands for itself in HTML, between tags and in an attribute's quotation marks."""
    return html.escape(UNSAYABLE.sub("\ufffd", text), quote=True)


def _cell(value: Term | None) -> str:
    if value is None:
        return "<td></td>"
    text = value["value"]
    if value["type"] == "uri":
        shown = escaped(text)
        # An IRI of another kind, javascript: for one, is not to be clicked.
        return (
            f'<td><a href="{shown}" rel="noreferrer">{shown}</a></td>' if WEB.fullmatch(text) else f"<td>{shown}</td>"
        )
    if value["type"] != "literal":
        return f"<td>{escaped(cell(value))}</td>"
    shown = escaped(text)
    if cell(value) == text:
        return f'<td class="n">{shown}</td>'
    kind = value.get("language") or value.get("datatype", "").rpartition("#")[2]
    return f"<td>{shown}{f' <small>{escaped(kind)}</small>' if kind else ''}</td>"
