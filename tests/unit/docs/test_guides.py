"""What the pages for people tell to type is there to be typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
VERBS = sorted(file.stem for file in (ROOT / "playbooks").glob("*.yml"))
GUIDES = [verb for verb in VERBS if (ROOT / f"docs/{verb}.md").exists()]
KNOWN = set(
    re.findall(
        r"^(federation_\w+):", "\n".join(file.read_text() for file in ROOT.glob("group_vars/*.yml")), re.MULTILINE
    )
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_are_there_with_their_settings(page: Path) -> None:
    text = page.read_text()
    verbs = set(re.findall(r"\bansible-playbook (?:-i \S+ )?([a-z_]+)\.yml", text))
    assert verbs <= set(VERBS)
    assert set(re.findall(r"-e [\"'{]*(federation_\w+)\W", text)) <= KNOWN


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("verb", GUIDES)
def test_a_guide_says_what_it_costs_and_what_it_deletes(verb: str) -> None:
    text = (ROOT / f"docs/{verb}.md").read_text()
    assert re.search(r"\bcosts?\b", text, re.IGNORECASE)
    assert re.search(r"\b(deletes?|removes?)\b", text, re.IGNORECASE)
    assert f"ansible-playbook {verb}.yml" in text
