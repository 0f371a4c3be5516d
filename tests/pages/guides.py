"""The list of all pages: a guide a verb, as its playbook's header says what it does, and whatever else there is."""

from __future__ import annotations

import re
from collections.abc import Set
from pathlib import Path

from pages.markdown import shown, table

OPENING = """# Guides

[README.md](../README.md) has the whole of it on two screens. Here is a page for each verb, and one for each question.

## The verbs

Each is `ansible-playbook VERB.yml`, with settings as `-e NAME=VALUE`, and for AWS with `-i inventory/aws`."""


def page(root: Path, also: Set[str]) -> str:
    """Return the list; `also` are pages that are going to be there."""
    docs = root / "docs"
    there = {f"docs/{file.relative_to(docs)}" for file in docs.glob("*.md")} | set(also)
    verbs = sorted(file.stem for file in (root / "playbooks").glob("*.yml"))
    rows = []
    for verb in verbs:
        name = f"[{verb}]({verb}.md)" if f"docs/{verb}.md" in there else verb
        rows.append((name, shown(purpose((root / "playbooks" / f"{verb}.yml").read_text()))))
    others = {
        "docs/settings.md": "Settings",
        "docs/modules/README.md": "The modules",
        **{f"docs/{file.name}": title(file) for file in docs.glob("*.md") if file.stem not in verbs},
    }
    others.pop("docs/README.md", None)
    links = [f"- [{words}]({name.removeprefix('docs/')})" for name, words in sorted(others.items())]
    return f"{OPENING}\n\n{table(('verb', 'what it does'), rows)}\n\n## Everything else\n\n" + "\n".join(links) + "\n"


def purpose(playbook: str) -> str:
    """Return what a playbook's header says that it does, to the end of the first sentence."""
    header = " ".join(
        line.removeprefix("#").strip() for line in re.findall(r"\A(?:---\n)?((?:#.*\n)+)", playbook)[0].splitlines()
    )
    words = header.partition(": ")[2] or header
    sentence = re.split(r"(?<=[.;])\s", words)[0].rstrip(".;")
    return f"{sentence[:1].upper()}{sentence[1:]}."


def title(page: Path) -> str:
    """Return a page's heading, or what it is called where it has none."""
    lines = page.read_text().splitlines()
    return next((line.removeprefix("# ") for line in lines if line.startswith("# ")), page.stem)
