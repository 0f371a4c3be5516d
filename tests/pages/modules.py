"""A page for each module, from its own documentation, and the list of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.parsing.plugin_docs import read_docstring

from pages.markdown import code, prose, table

FOLDER = "docs/modules"
OPENING = """# The modules

What the roles are made of, and what a playbook of your own can call as well: `library` and `module_utils` of the
checkout are all that they need. `ansible-doc -t module -M library NAME` shows the same page."""
# What all modules of amazon.aws take, and where it is described.
AWS_FRAGMENT = "amazon.aws.common.modules"
AWS_OPTIONS = (
    "And what every module of amazon.aws takes, such as `region`, `profile` and `endpoint_url`: "
    "[its documentation](https://docs.ansible.com/ansible/latest/collections/amazon/aws/docsite/aws_ec2_guide.html)."
)


def all_pages(root: Path) -> dict[str, str]:
    """Return each module's page and the list, by path."""
    found = {file.stem: read_docstring(str(file)) for file in sorted((root / "library").glob("*.py"))}
    pages = {f"{FOLDER}/{name}.md": page(name, each, found) for name, each in found.items()}
    rows = [(f"[{name}]({name}.md)", prose(each["doc"]["short_description"], found)) for name, each in found.items()]
    pages[f"{FOLDER}/README.md"] = f"{OPENING}\n\n{table(('module', 'what it does'), rows)}\n"
    return pages


def page(name: str, written: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Return one module's page."""
    doc = written["doc"]
    paragraphs = doc["description"] if isinstance(doc["description"], list) else [doc["description"]]
    parts = [f"# {name}", f"{prose(doc['short_description'], own)}.", *(prose(each, own) for each in paragraphs)]
    parts += ["## Options"]
    if doc.get("options"):
        parts.append(table(("option", "type", "default", "what it is"), options(doc["options"], own)))
    if AWS_FRAGMENT in doc.get("extends_documentation_fragment", []):
        parts.append(AWS_OPTIONS)
    parts += ["## Examples", f"```yaml\n{written['plainexamples'].strip()}\n```", "## What it returns"]
    returned = written["returndocs"]
    if isinstance(returned, Mapping):
        parts.append(table(("value", "type", "returned", "what it is"), values(returned, own)))
    else:
        parts.append(prose(returned or "Nothing of its own.", own))
    return "\n\n".join(parts) + "\n"


def options(described: Mapping[str, Any], own: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, ...]]:
    """Yield a row for each option, and for those inside of it."""
    for name, option in described.items():
        kind = str(option.get("type", "str"))
        if elements := option.get("elements"):
            kind += f" of {elements}"
        default = "required" if option.get("required") else code(option.get("default"))
        text = prose(option["description"], own)
        if choices := option.get("choices"):
            names = [*choices] if isinstance(choices, Mapping) else choices
            text += " One of " + ", ".join(code(each) for each in names) + "."
        yield f"`{above}{name}`", kind, default, text
        yield from options(option.get("suboptions") or {}, own, f"{above}{name}.")


def values(described: Mapping[str, Any], own: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, ...]]:
    """Yield a row for each value that is returned, and for those inside of it."""
    for name, value in described.items():
        kind = str(value.get("type", ""))
        if elements := value.get("elements"):
            kind += f" of {elements}"
        yield f"`{above}{name}`", kind, prose(value.get("returned", ""), own), prose(value["description"], own)
        yield from values(value.get("contains") or {}, own, f"{above}{name}.")
