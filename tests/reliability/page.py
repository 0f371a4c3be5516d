"""The page docs/reliability.md: words that stay, and the table, which is what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness import ROOT

from reliability.cases import Case
from reliability.proof import Row

PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- begin of what was tried -->", "<!-- end of what was tried -->"
HEAD = "| what goes wrong | in | what you read | what is left |\n|---|---|---|---|"


def start(case: Case | Row) -> str:
    """Return how the line of a case begins."""
    return f"| {case.fault} | `{case.verb}` |"


def line(row: Row) -> str:
    """Return a row of the table."""
    says = row.says.replace("|", "\\|") or "nothing of it: the verb succeeds, only later"
    return f"{start(row)} {says} | {row.left} |"


def written(rows: Sequence[str], page: str) -> str:
    """Return the page with other lines in its table."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n" + "\n".join([HEAD, *rows]) + f"\n\n{END}{after}"


def lines(page: str) -> list[str]:
    """Return the rows of a page's table."""
    table = page.partition(BEGIN)[2].partition(END)[0]
    return [each for each in table.splitlines() if each.startswith("| ") and each not in HEAD]


def read(path: Path = PAGE) -> str:
    """Return the page as it is."""
    return path.read_text(encoding="utf-8")
