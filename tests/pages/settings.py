"""The page of the settings: what group_vars and the roles' argument specs say of each, and which verb reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pages.markdown import code, prose, shown, table
from pages.readers import settings_read_by

SECTION = re.compile(r"# --- (.*?) -+")
SETTING = re.compile(r"(federation_\w+): ?(.*)")
# An argument that is a setting and nothing else.
MADE_OF = re.compile(r"\{\{ *(federation_\w+)( \| \w+)? *\}\}")
# What is below it is derived from the settings.
NO_SETTINGS = "Not settings"
# A setting's unit stands in its name.
UNITS = (
    (re.compile(r"_(seconds|timeout)$"), "seconds"),
    (re.compile(r"_hours$"), "hours"),
    (re.compile(r"_gb$"), "GiB"),
    (re.compile(r"_cidr$"), "network, CIDR"),
    (re.compile(r"_count$"), "number"),
    (re.compile(r"_ports?$"), "TCP port"),
    (re.compile(r"_(allow_\w+|take_over)$"), "true, false"),
)
OPENING = """# Settings

Change them in `group_vars/`, or for one run with `-e NAME=VALUE`; a setting that differs from its default is given to
each verb alike. A text with spaces is given as `-e "NAME='SOME TEXT'"`, anything else as JSON, `-e '{"NAME": VALUE}'`.
A name that is not here is refused, with the one that is perhaps meant."""
DIFFERENT = "## What differs between the sandbox and AWS"
WORLDS = {"sandbox": "In the sandbox", "aws": "On AWS"}
ROLES = """## The roles' own variables

For a playbook of your own that uses a role by itself. Each defaults to the setting it is made of."""


@dataclass(frozen=True)
class Setting:
    """A setting, as a file of group_vars has it. Its default is as it is written."""

    name: str
    default: str
    meaning: str


def page(root: Path) -> str:
    """Return the page."""
    verbs = sorted(file.stem for file in (root / "playbooks").glob("*.yml"))
    readers: dict[str, list[str]] = {}
    for verb in verbs:
        for name in settings_read_by(root, verb):
            readers.setdefault(name, []).append(verb)
    types = dict(types_of_settings(root))
    parts = [OPENING]

    def row(setting: Setting, default: str) -> tuple[str, ...]:
        read = readers.get(setting.name, [])
        by = "all verbs" if read == verbs else ", ".join(read)
        return f"`{setting.name}`", default, unit(setting, types.get(setting.name, "")), by, shown(setting.meaning)

    head = ("setting", "default", "unit", "read by", "what it is")
    for section, settings in sections((root / "group_vars/all.yml").read_text()):
        if settings and section != NO_SETTINGS:
            parts += [f"## {section}", table(head, [row(each, code(each.default)) for each in settings])]
    worlds = [settings_of((root / f"group_vars/{world}.yml").read_text()) for world in WORLDS]
    parts += [DIFFERENT]
    for world, settings in zip(WORLDS.values(), worlds, strict=True):
        parts += [f"### {world}", table(head, [row(each, code(each.default)) for each in settings])]
    parts += [ROLES]
    for role, options in roles(root):
        parts += [f"### {role}", table(("variable", "type", "default", "what it is"), options)]
    return "\n\n".join(parts) + "\n"


def sections(text: str) -> Iterator[tuple[str, list[Setting]]]:
    """Yield each section of a file of settings, by its title."""
    title = ""
    lines: list[str] = []
    for line in [*text.splitlines(), "# --- end ---"]:
        if found := SECTION.match(line):
            yield title, settings_of("\n".join(lines))
            title, lines = found[1], []
        else:
            lines.append(line)


def settings_of(text: str) -> list[Setting]:
    """Return the settings of a text; of those that stand together the first has the comment."""
    found: list[Setting] = []
    meaning: list[str] = []
    before = ""
    for line in text.splitlines():
        if line.startswith("#"):
            meaning = [*meaning, line.removeprefix("#").strip()] if before.startswith("#") else [line[1:].strip()]
        elif not line:
            meaning = []
        elif setting := SETTING.match(line):
            found.append(Setting(setting[1], written(setting[2]), " ".join(meaning)))
            meaning = ["See above."]
        before = line
    return found


def written(value: str) -> str:
    """Return a default without YAML's quotation marks; an empty text as nothing."""
    loaded = yaml.safe_load(value) if value else ""
    return loaded if isinstance(loaded, str) else value


def unit(setting: Setting, kind: str) -> str:
    """Return in what a setting is counted, or of what kind it is."""
    by_name = next((words for pattern, words in UNITS if pattern.search(setting.name)), None)
    by_default = (
        "dictionary" if re.match(r"\{[^{]|\{$", setting.default) else "number" if setting.default.isdigit() else ""
    )
    return by_name or kind or by_default or "text"


def types_of_settings(root: Path) -> Iterator[tuple[str, str]]:
    """Yield what the roles' argument specs say of a setting's kind, where an argument is just that setting."""
    words = {"str": "text", "int": "number", "float": "number", "bool": "true, false", "dict": "dictionary"}
    for _, options in specs(root):
        for option in options.values():
            if found := MADE_OF.fullmatch(str(option.get("default", ""))):
                yield found[1], words.get(option["type"], option["type"])
    for _, options in specs(root):
        for option in options.values():
            if option.get("choices") and (found := MADE_OF.fullmatch(str(option.get("default", "")))):
                yield found[1], ", ".join(map(str, option["choices"]))


def specs(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the arguments of each role."""
    for file in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        yield file.parts[-3], yaml.safe_load(file.read_text())["argument_specs"]["main"].get("options", {})


def roles(root: Path) -> Iterator[tuple[str, Sequence[tuple[str, ...]]]]:
    """Yield each role that has variables, with a row for each of them."""
    for role, options in specs(root):
        rows = []
        for name, option in options.items():
            kind = ", ".join(map(str, option["choices"])) if option.get("choices") else option["type"]
            default = "required" if option.get("required") else code(option.get("default"))
            rows.append((f"`{name}`", kind, default, prose(option["description"])))
        if rows:
            yield role, rows
