"""docs/troubleshooting.md quotes sentences that the product still has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from harness import ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text()
QUOTED = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
GAP = "…"
TEMPLATED = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
FOLDERS = ("plugins", "library", "module_utils", "sandbox")


def texts() -> Iterator[str]:
    """Yield the texts of the product's code, with a gap for what differs from run to run."""
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield from in_python(ast.parse(file.read_text()))
    for folder in ("roles", "playbooks"):
        for file in sorted((ROOT / folder).rglob("*.yml")):
            yield from in_yaml(yaml.safe_load(file.read_text()))


def in_python(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(each.value) if isinstance(each, ast.Constant) else GAP for each in node.values]
            yield "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def in_yaml(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for value in data.values():
            yield from in_yaml(value)
    elif isinstance(data, list):
        for value in data:
            yield from in_yaml(value)
    elif isinstance(data, str):
        yield TEMPLATED.sub(GAP, data)


SOURCES = [" ".join(each.split()) for each in texts()]


def has(quoted: str) -> bool:
    """Say whether the fixed words of a sentence stand somewhere, one after the other."""
    words = [re.escape(each.strip()) for each in quoted.split(GAP) if each.strip()]
    pattern = re.compile(".*?".join(words))
    return any(pattern.search(each) for each in SOURCES)


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_sentence_that_is_quoted_is_one_of_the_products(quoted: str) -> None:
    assert has(quoted), (
        f"the product says this no more: take it out of docs/troubleshooting.md, or correct it: {quoted}"
    )


def test_there_are_many_and_none_is_quoted_twice() -> None:
    assert len(QUOTED) > 35
    assert len(set(QUOTED)) == len(QUOTED)


def test_a_sentence_that_is_not_there_is_noticed() -> None:
    assert not has("The NAT gateway … became a pumpkin")
    assert not has("the next run makes another … did not become available")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", PAGE))))
def test_a_link_leads_to_a_page(link: str) -> None:
    assert (ROOT / "docs" / link).exists(), link


def test_a_command_that_is_named_is_there() -> None:
    for verb in set(re.findall(r"`(\w+)\.yml", PAGE)):
        assert (ROOT / f"{verb}.yml").exists(), verb
