"""AllegroGraph's configuration file, agraph.cfg, as far as the stand-in obeys it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

DIRECTIVES = {
    *("basedir", "port", "sslport", "sslcertificate", "allowhttp", "runas", "sessionports", "usemainportforsessions"),
    *("settingsdirectory", "logdir", "pidfile", "instancetimeout", "superuser", "licensee", "licensekey", "main"),
}
"""What may stand in the file, in lower case; AllegroGraph itself knows many more."""
COMMENT = re.compile(r"(?<!\\)#.*")
CATALOG = re.compile(r"<(/?)(\w+)(?:\s+([^>]+))?>")


class ConfigurationError(Exception):
    """What is wrong with the file, in one sentence."""


@dataclass
class Configuration:
    """What the file says."""

    directives: dict[str, str] = field(default_factory=dict)
    """The directives outside of catalogs, and the root catalog's ``main``, by their names in lower case."""
    catalogs: list[str] = field(default_factory=list)
    """The names of the catalogs beside the root."""

    def path(self, name: str) -> Path:
        """Return a path; one that is relative begins at BaseDir."""
        return Path(self.directives.get("basedir", "/")) / self.needed(name)

    def needed(self, name: str) -> str:
        """Return the value of a directive that must be there."""
        if name not in self.directives:
            raise ConfigurationError(f"The directive {name} is missing.")
        return self.directives[name]

    def flag(self, name: str, default: bool) -> bool:
        """Return a directive that is yes or no."""
        return self.directives.get(name, "yes" if default else "no").lower() in ("yes", "y", "t", "true", "1")


def parse(text: str) -> Configuration:
    """Read a configuration; a name that AllegroGraph does not have, or a value with spaces in it, is an error."""
    result, inside = Configuration(), ""
    for number, written in enumerate(text.splitlines(), 1):
        line = COMMENT.sub("", written).replace("\\#", "#").strip()
        if not line:
            continue
        if catalog := CATALOG.fullmatch(line):
            inside = "" if catalog[1] else catalog[2].lower()
            if inside == "dynamiccatalogs" or (inside == "catalog" and catalog[3]):
                result.catalogs += [catalog[3]] if catalog[3] else []
            continue
        name, _, value = line.partition(" ")
        value = value.strip()
        if not value or name.lower() not in DIRECTIVES:
            raise ConfigurationError(f"Line {number} is no directive that is known here: {name}.")
        if " " in value and not name.lower().startswith("licens"):
            raise ConfigurationError(f"Line {number}: the value of {name} has a space in it.")
        if inside in ("", "rootcatalog"):
            result.directives[name.lower()] = value
    return result
