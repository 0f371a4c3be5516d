"""All generated pages, by their path in the checkout."""

from __future__ import annotations

from pathlib import Path

from pages import guides, modules, settings

COMMAND = "python -m tests.pages"
MARK = "<!-- Written by `python -m tests.pages`: change what it is written from, then run that. -->"


def pages(root: Path) -> dict[str, str]:
    """Return the text of each generated page."""
    texts = {"docs/settings.md": settings.page(root), **modules.all_pages(root)}
    texts["docs/README.md"] = guides.page(root, also=set(texts))
    return {name: f"{MARK}\n\n{text}" for name, text in texts.items()}


def is_generated(file: Path) -> bool:
    """Say whether a page was written by this."""
    return file.read_text().startswith(MARK)


def stale(root: Path) -> list[Path]:
    """Return the pages of modules that there are no more."""
    wanted = pages(root)
    found = (root / "docs/modules").glob("*.md")
    return [file for file in sorted(found) if str(file.relative_to(root)) not in wanted and is_generated(file)]
