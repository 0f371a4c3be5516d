"""Which of the machine's file systems and directories a node's disk shows, and how."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SYSTEM_DIRECTORIES = ("/usr", "/etc", "/opt", "/var", "/bin", "/sbin", "/lib", "/lib64")
OTHER_SYSTEM_DIRECTORIES = ("/lib32", "/libx32", "/nix")
WRITTEN = {"usr": 1, "usr/local": 3, "opt": 2, "var": 3}
"""Directories in which a node's root makes files, and how deep."""
LARGEST_SETTING = 1 << 20


@dataclass(frozen=True)
class Volume:
    """A directory of a node's disk that is an overlay."""

    path: str
    of_machine: bool
    """Whether the machine's own directory lies at the bottom, or the image's layer alone."""


def volumes_of_root(mounts: Iterable[str]) -> list[Volume]:
    """Return the volumes where the machine's root can be overlaid: all of it, file system by file system."""
    return [Volume(path, of_machine=True) for path in ("/", *_separate(mounts))]


def volumes_of_user(mounts: Iterable[str]) -> list[Volume]:
    """Return the volumes in a user namespace.

    There the kernel overlays no directory below which something is mounted, since that could be unmounted and show
    what is under it. So the root is the image's own, with the machine's system directories one by one.
    """
    places = {Path(_place(line)) for line in mounts}
    volumes = [Volume("/", of_machine=False)]
    for each in (*SYSTEM_DIRECTORIES, *OTHER_SYSTEM_DIRECTORIES):
        path = Path(each)
        if path.is_dir() and not path.is_symlink() and each != "/etc":
            volumes += [Volume(str(part), of_machine=True) for part in _whole(path, places)]
    return volumes


def _whole(path: Path, places: set[Path]) -> Iterator[Path]:
    """Return the directory, or where things are mounted below it, those below it that are whole."""
    if not any(path in place.parents for place in places):
        yield path
    else:
        for child in sorted(path.iterdir()):
            if child.is_dir() and not child.is_symlink():
                yield from _whole(child, places)


def adopt(layer: Path, volumes: Iterable[Volume], hidden: Collection[str]) -> None:
    """Let root of a user namespace write where root writes: what is in the layer is its own, the machine's is not."""
    unseen = {Path("/") / name for name in hidden}
    _adopt_settings(Path("/etc"), layer / "etc", unseen)
    for name, depth in WRITTEN.items():
        _adopt_directories(Path("/") / name, layer / name, depth, unseen)
    for each in (*SYSTEM_DIRECTORIES, *OTHER_SYSTEM_DIRECTORIES):
        if Path(each).is_symlink():
            (layer / each[1:]).symlink_to(Path(each).readlink())
    for volume in volumes:
        (layer / volume.path[1:]).mkdir(parents=True, exist_ok=True)
    for name in ("dev", "proc", "sys", "tmp", "run"):
        (layer / name).mkdir(exist_ok=True)


def _adopt_settings(source: Path, target: Path, unseen: set[Path]) -> None:
    """Copy what can be read; without what belongs to root alone a node can do."""
    target.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):
        for path in source.iterdir():
            copy = target / path.name
            with contextlib.suppress(PermissionError):
                if path in unseen or (os.path.lexists(copy) and not copy.is_dir()):
                    continue
                if path.is_symlink():
                    copy.symlink_to(path.readlink())
                elif path.is_dir():
                    _adopt_settings(path, copy, unseen)
                elif path.is_file() and path.stat().st_size <= LARGEST_SETTING:
                    shutil.copyfile(path, copy)
                    copy.chmod(path.stat().st_mode & 0o777)


def _adopt_directories(source: Path, target: Path, depth: int, unseen: set[Path]) -> None:
    if source.is_dir() and not source.is_symlink() and source not in unseen:
        target.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):
            for path in source.iterdir() if depth else ():
                _adopt_directories(path, target / path.name, depth - 1, unseen)


def _separate(mounts: Iterable[str]) -> list[str]:
    """Return the system directories that are file systems of their own, outer ones first."""
    volumes = set()
    for line in mounts:
        where = _place(line)
        kind = line.partition(" - ")[2].split()[0]
        system = any(Path(where).is_relative_to(each) for each in SYSTEM_DIRECTORIES)
        if system and kind not in ("proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "autofs") and Path(where).is_dir():
            volumes.add(where)
    return sorted(volumes)


def _place(line: str) -> str:
    """Return where a line of ``mountinfo`` says that something is mounted."""
    return line.split()[4].encode().decode("unicode_escape")
