"""Archives that come from machines that are not trusted: unpacked into a folder each, and into nothing else."""

from __future__ import annotations

import filecmp
import re
import shutil
import tarfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
MOST_FILES = 10000


class ArchiveError(Exception):
    """Why an archive is not unpacked, in one sentence."""


def folders(names: Mapping[str, str]) -> dict[str, str]:
    """Return a folder for each id: its name, or the id where that is no good as one or is another's, too."""
    often = Counter(names.values())
    return {each: name if SAFE.fullmatch(name) and often[name] == 1 else each for each, name in names.items()}


def unpack(archive: Path, folder: Path, largest: int) -> tuple[list[Path], bool]:
    """Put what is in a tar.gz into a folder, in place of what was there; return its files, and whether they differ.

    It holds regular files below the folder and at most `largest` bytes of them, or nothing of it is unpacked; raises
    ArchiveError. What was there stays until all of it is.
    """
    draft, old = (folder.with_name(f".{folder.name}.{which}") for which in ("new", "old"))
    for each in (draft, old):
        shutil.rmtree(each, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        _extract(archive, draft, largest)
        files = sorted(each.relative_to(draft) for each in draft.rglob("*") if each.is_file())
        changed = not same(draft, folder, files)
        if changed:
            if folder.exists():
                folder.rename(old)
            draft.rename(folder)
    finally:
        for each in (draft, old):
            shutil.rmtree(each, ignore_errors=True)
    return [folder / each for each in files], changed


def _extract(archive: Path, folder: Path, largest: int) -> None:
    size = 0
    try:
        with tarfile.open(archive, "r:gz") as opened:
            for number, member in enumerate(opened):
                size += member.size
                if not member.isreg():
                    raise ArchiveError(f"it has {member.name!r} in it, which is no file")
                if size > largest or number >= MOST_FILES:
                    raise ArchiveError(f"it has more in it than {largest} bytes or {MOST_FILES} files")
                opened.extract(member, folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ArchiveError(f"it cannot be unpacked: {error}") from None


def same(one: Path, other: Path, files: list[Path]) -> bool:
    """Tell whether a folder has just these files, with the same content as another folder has."""
    if not other.is_dir():
        return False
    there = sorted(each.relative_to(other) for each in other.rglob("*") if each.is_file())
    return there == files and all(filecmp.cmp(one / each, other / each, shallow=False) for each in files)
