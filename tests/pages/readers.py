"""Which verb reads which setting: what its playbook leads to, followed through includes, roles and variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

WORD = re.compile(r"[A-Za-z_]\w*")
TEMPLATED = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
TEMPLATE_FILE = re.compile(r"[\w.]+\.j2")
# Their values are expressions as they stand.
EXPRESSIONS = {"when", "that", "until", "changed_when", "failed_when"}
PREFIX = "federation_"
SETTINGS_MODULE = "federation_settings_info"
# Hosts with whose connection no setting has to do.
HERE = {"localhost", "beside"}


def words_of(expression: str) -> set[str]:
    """Return the names in an expression, without the words of its texts."""
    return set(WORD.findall(QUOTED.sub(" ", expression)))


def names_in(data: Any, key: str = "") -> Iterator[str]:
    """Yield the names that YAML reads: those in its templates, and in what is an expression anyway."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from names_in(value, str(name).rpartition(".")[2])
    elif isinstance(data, list):
        for each in data:
            yield from names_in(each, key)
    elif isinstance(data, str):
        if key in EXPRESSIONS and "{{" not in data:
            yield from words_of(data)
        for found in TEMPLATED.finditer(data):
            yield from words_of(found[1] or found[2])


@dataclass(frozen=True)
class Context:
    """Where something is included: in which role, and with which states of roles."""

    role: str = ""
    states: tuple[tuple[str, str], ...] = ()

    def given(self, variables: Any) -> Context:
        """Return the context below a task with these variables of its own."""
        found = dict(self.states)
        if isinstance(variables, Mapping):
            found |= {name: value for name, value in variables.items() if isinstance(value, str) and "{{" not in value}
        return Context(self.role, tuple(sorted(found.items())))


@dataclass
class Reading:
    """What one verb leads to."""

    root: Path
    names: set[str] = field(default_factory=set)
    _seen: set[tuple[Path, Context]] = field(default_factory=set)

    def playbook(self, file: Path) -> None:
        """Follow a playbook."""
        for play in yaml.safe_load(file.read_text()):
            if imported := play.get("ansible.builtin.import_playbook"):
                self.playbook(file.parent / imported)
                continue
            context = Context().given(play.get("vars"))
            hosts = play["hosts"] if isinstance(play["hosts"], list) else [play["hosts"]]
            if set(hosts) - HERE:
                self.names |= set(names_in(load(self.root / "group_vars/federation_nodes.yml")))
            self.names |= set(names_in({name: value for name, value in play.items() if name != "tasks"}))
            for role in play.get("roles", []):
                own = {"role": role} if isinstance(role, str) else role
                self.role(own["role"], "main", context.given(own))
            self.tasks(play.get("tasks", []), file, context)

    def role(self, name: str, tasks: str, context: Context) -> None:
        """Follow a role from one of its files of tasks on."""
        folder = self.root / "roles" / name
        if name == "settings":
            self.settings(folder, dict(context.states).get("settings_purpose", "up"))
            return
        self.file(folder / "tasks" / f"{tasks.removesuffix('.yml')}.yml", Context(name, context.states))

    def settings(self, folder: Path, purpose: str) -> None:
        """Read what the role `settings` looks at: it is given all of them, whatever they are for."""
        options = load(folder / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
        choices = set(options["settings_purpose"]["choices"])
        for task in load(folder / "tasks/main.yml"):
            given = task.get(SETTINGS_MODULE, {})
            # What is called as a purpose is, is for that one alone; the rest is for those that make something.
            rest = given.keys() - choices if purpose in purposes(self.root) else {"name"}
            self.names |= set(names_in({key: value for key, value in given.items() if key in {*rest, purpose}}))

    def file(self, file: Path, context: Context) -> None:
        """Follow a file of tasks."""
        if (file, context) not in self._seen and file.exists():
            self._seen.add((file, context))
            self.tasks(load(file) or [], file, context)

    def tasks(self, tasks: list[Any], file: Path, context: Context, around: tuple[Any, ...] = ()) -> None:
        """Follow tasks, and the blocks among them."""
        for task in tasks:
            sections = [each for each in ("block", "rescue", "always") if each in task]
            own = {name: value for name, value in task.items() if name not in sections}
            self.names |= set(names_in(own))
            self.templates(own, context)
            below = context.given(task.get("vars"))
            for section in sections:
                self.tasks(task[section], file, below, (*around, own))
            for action, value in own.items():
                kind = action.rpartition(".")[2]
                if kind in ("include_role", "import_role"):
                    for role, start in self.roles(value, (*around, own), context):
                        self.role(role, start, below)
                elif kind in ("include_tasks", "import_tasks"):
                    name = value["file"] if isinstance(value, Mapping) else value
                    for each in self.files(name, file, below):
                        self.file(each, below)

    def roles(self, value: Mapping[str, str], around: tuple[Any, ...], context: Context) -> Iterator[tuple[str, str]]:
        """Yield the roles that an include can mean, each with its file of tasks."""
        name, start = value["name"], value.get("tasks_from", "main")
        if "{{" not in name:
            yield name, start
            return
        there = {folder.name for folder in (self.root / "roles").iterdir()}
        known = definitions(self.root)
        for data in (*around, *(known[each] for each in sorted(set(names_in(list(around)))) if each in known)):
            for role, tasks in mentioned(data, there):
                yield role, tasks if "{{" in start else start

    def files(self, name: str, file: Path, context: Context) -> list[Path]:
        """Return the files that an include can mean; where nobody knows which, all beside it."""
        known = {**{each: value for each, value in definitions(self.root).items() if isinstance(value, str)}}
        known |= dict(context.states)
        certain = TEMPLATED.sub(lambda match: known.get((match[1] or "").strip(), match[0]), name)
        return sorted(file.parent.glob("*.yml")) if "{{" in certain else [file.parent / certain]

    def templates(self, task: Any, context: Context) -> None:
        """Read the templates that a task names, itself or by a variable of its role."""
        texts = [str(task)]
        if context.role:
            texts += [str(load(file)) for file in (self.root / "roles" / context.role).glob("vars/*.yml")]
        for name in TEMPLATE_FILE.findall(" ".join(texts)):
            for file in (self.root / "roles" / context.role / "templates").glob(name):
                for found in TEMPLATED.finditer(file.read_text()):
                    self.names |= words_of(found[1] or found[2])


def mentioned(data: Any, roles: Set[str]) -> Iterator[tuple[str, str]]:
    """Yield the roles that data name, as `{role: name, tasks: file}` or in a list of nothing but roles."""
    if isinstance(data, Mapping):
        if str(data.get("role")) in roles:
            yield data["role"], data.get("tasks", "main")
        for value in data.values():
            yield from mentioned(value, roles)
    elif isinstance(data, list):
        if data and all(isinstance(each, str) and each in roles for each in data):
            yield from ((each, "main") for each in data)
        else:
            for value in data:
                yield from mentioned(value, roles)


_files: dict[Path, Any] = {}
_definitions: dict[Path, dict[str, Any]] = {}


def load(file: Path) -> Any:
    """Return what a file of YAML says."""
    if file not in _files:
        _files[file] = yaml.safe_load(file.read_text())
    return _files[file]


def definitions(root: Path) -> dict[str, Any]:
    """Return the variables that roles and group_vars define, by name."""
    if root not in _definitions:
        files = [*sorted(root.glob("roles/*/defaults/*.yml")), *sorted(root.glob("roles/*/vars/*.yml"))]
        # What differs between the worlds is read in both.
        found: dict[str, Any] = {}
        for file in [*files, *sorted(root.glob("group_vars/*.yml"))]:
            for name, value in (load(file) or {}).items():
                found[name] = [found[name], value] if name in found and found[name] != value else value
        _definitions[root] = found
    return _definitions[root]


def purposes(root: Path) -> set[str]:
    """Return for which purposes all settings are looked at."""
    module = (root / f"library/{SETTINGS_MODULE}.py").read_text()
    found = re.search(r"params\[\"purpose\"\] in \(([^)]*)\)", module)
    return set(re.findall(r'"(\w+)"', found[1] if found else ""))


def of_every_verb(root: Path) -> set[str]:
    """Return the settings that the inventory reads, before there is any host."""
    return set(re.findall(rf'"({PREFIX}\w+)"', (root / "plugins/inventory/federation.py").read_text()))


def settings_read_by(root: Path, verb: str) -> set[str]:
    """Return the settings that a verb reads, itself or by way of other variables."""
    reading = Reading(root)
    reading.playbook(root / "playbooks" / f"{verb}.yml")
    known, names = definitions(root), reading.names | of_every_verb(root)
    waiting = list(names)
    while waiting:
        further = set(names_in([known.get(waiting.pop())])) - names
        names |= further
        waiting += further
    return {name for name in names if name.startswith(PREFIX)}
