"""What a sweep is a sweep of."""

from __future__ import annotations

import hashlib
from pathlib import Path

PLACES = ("playbooks", "roles", "library", "module_utils", "plugins", "inventory", "group_vars")
SINGLE = ("ansible.cfg", "up.yml", "query.yml", "down.yml", "leftovers.yml", "requirements.lock")
KINDS = {".py", ".yml", ".j2", ".json"}


def digest(root: Path) -> str:
    """Return a digest of all that has a part in what `up`, `query` and `down` do: their names and what is in them."""
    files = [path for place in PLACES for path in (root / place).rglob("*") if path.suffix in KINDS]
    whole = hashlib.sha256()
    for path in sorted([*files, *(root / name for name in SINGLE)]):
        name, content = path.relative_to(root).as_posix(), path.read_bytes()
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()
