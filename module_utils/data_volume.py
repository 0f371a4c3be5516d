"""A disk for the data alone: it gets a file system once, and is mounted by its uuid; Python 3.9's library alone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

FSTAB = Path("/etc/fstab")
# Amazon Linux's own file system. nofail: a node whose disk is lost still boots, so that somebody can look at it.
KIND, OPTIONS = "xfs", "defaults,noatime,nofail"
# blkid's exit code for a disk with nothing on it that it knows.
NOTHING = 2
# An EBS volume may show a moment after its instance.
PATIENCE, STEP = 60.0, 0.5
# Made by some file systems themselves.
OWN = {"lost+found"}

Command = Callable[[Sequence[str]], "tuple[int, str]"]


class VolumeError(Exception):
    """Why the disk is not used, in one sentence."""


@dataclass(frozen=True)
class Volume:
    """The disk as it is: what is on it, and whether it is where it belongs."""

    uuid: str
    """The file system's; empty where there is none."""
    is_mounted: bool
    is_in_fstab: bool

    def steps(self) -> list[str]:
        """Return what has to be done, in order."""
        todo = [] if self.uuid else ["format_volume"]
        return todo if self.uuid and self.is_mounted and self.is_in_fstab else [*todo, "mount_volume"]


def look(device: str, directory: Path, command: Command, pause: Callable[[float], None] = time.sleep) -> Volume:
    """Find out what there is on a disk; raises VolumeError where it is not there, or holds what is not to be lost."""
    waited = 0.0
    while not Path(device).exists():
        if waited >= PATIENCE:
            raise VolumeError(
                f"there is no disk {device}: a disk for the data is made with the instance. Was "
                "federation_data_volume_gb set later? Set it to 0 again, or make the federation anew."
            )
        pause(STEP)
        waited += STEP
    code, said = command(["blkid", "--probe", "--output", "export", device])
    known = dict(re.findall(r"^(\w+)=(.*)$", said, re.MULTILINE))
    if code != 0 and code != NOTHING:
        raise VolumeError(f"the disk {device} cannot be read: {said.strip() or f'blkid ended with {code}'}.")
    if code == 0 and not known.get("UUID"):
        raise VolumeError(
            f"the disk {device} has something on it that is no file system ({known.get('PTTYPE') or 'unknown'}): it is "
            "left as it is. Look at it on the node with: lsblk"
        )
    uuid = known.get("UUID", "") if code == 0 else ""
    mounted = command(["findmnt", "--noheadings", "--output", "UUID", "--mountpoint", str(directory)])[1].strip()
    if mounted and mounted != uuid:
        raise VolumeError(f"{directory} is another disk than {device}: unmount it, then repeat up.")
    others = {each.name for each in directory.iterdir()} - OWN if directory.is_dir() else set()
    if not mounted and others:
        raise VolumeError(
            f"{directory} has files on the root disk ({', '.join(sorted(others)[:3])}), which the disk {device} would "
            "hide: move them away, then repeat up."
        )
    return Volume(uuid, bool(mounted), bool(uuid) and _line(uuid, directory) in _fstab())


def format_volume(device: str, command: Command) -> None:
    """Make a file system; mkfs itself refuses a disk that has one. Raises VolumeError."""
    _run(command, [f"mkfs.{KIND}", "-q", device])


def mount_volume(device: str, directory: Path, command: Command) -> None:
    """Mount the disk's file system now and at each boot, whatever the disk is called then. Raises VolumeError."""
    uuid = _run(command, ["blkid", "--probe", "--match-tag", "UUID", "--output", "value", device]).strip()
    others = [line for line in _fstab() if line.split()[1:2] != [str(directory)] or line.startswith("#")]
    draft = FSTAB.with_name(".fstab.new")
    draft.write_text("\n".join([*others, _line(uuid, directory), ""]))
    draft.chmod(0o644)
    draft.replace(FSTAB)
    directory.mkdir(parents=True, exist_ok=True)
    command(["systemctl", "daemon-reload"])
    if command(["findmnt", "--noheadings", "--mountpoint", str(directory)])[0] != 0:
        _run(command, ["mount", str(directory)])


def _line(uuid: str, directory: Path) -> str:
    return f"UUID={uuid} {directory} {KIND} {OPTIONS} 0 2"


def _fstab() -> list[str]:
    return FSTAB.read_text().splitlines() if FSTAB.exists() else []


def _run(command: Command, words: Sequence[str]) -> str:
    code, said = command(words)
    if code:
        raise VolumeError(f"{' '.join(words)} ended with {code}: {said.strip()}")
    return said
