"""mkfs.xfs, mount, umount and findmnt on a node: for the disks that its instance has beside the root disk.

A node may mount nothing, since with that it could leave. So what such a disk holds lies in a directory of the root
disk, under the uuid that is written on the disk itself, and mounting puts a link to it in the mount point's place.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import struct
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

DEVICES = Path("/dev")
FSTAB = Path("/etc/fstab")
CONTENTS = Path("/var/lib/sandbox/volumes")
COVERED = ".below"
"""What a mount point held is kept beside it, under its name with this at the end."""
MAGIC = b"XFSB"
BLOCK, SECTOR, INODE, PART_COUNT = 4096, 512, 512, 4
IDENTITY = 32
"""Where the uuid stands, in bytes from the beginning."""


class MountError(Exception):
    """What the program says, without its name."""


def make_file_system(device: Path, force: bool) -> str:
    """Write the beginning of an XFS file system, enough for blkid to know it; return its uuid."""
    if not force and _uuid(device):
        raise MountError(
            f"{device} appears to contain an existing filesystem (xfs).\nUse the -f option to force overwrite."
        )
    blocks = device.stat().st_size // BLOCK
    own = uuid.uuid4()
    block = struct.pack(
        ">4sIQQQ16sQQQQIIIIIHHHH12sBBBBBBBB",
        *(MAGIC, BLOCK, blocks, 0, 0, own.bytes, 0, 128, 129, 130, 1, -(-blocks // PART_COUNT), PART_COUNT, 1, 2560),
        *(0xB4A5, SECTOR, INODE, BLOCK // INODE, b"", 12, 9, 9, 3, (blocks // PART_COUNT).bit_length(), 0, 0, 25),
    )
    with device.open("r+b") as disk:
        disk.write(block)
    return str(own)


def mount(source: str, point: Path) -> None:
    """Let a disk's content be seen at the mount point."""
    device = _device(source)
    own = _uuid(device)
    if not own:
        raise MountError(f"{point}: wrong fs type, bad option, bad superblock on {device}.")
    if point.is_symlink():
        raise MountError(f"{point}: {source} already mounted on {point}.")
    if not point.is_dir():
        raise MountError(f"{point}: mount point does not exist.")
    content = CONTENTS / own
    content.mkdir(parents=True, exist_ok=True)
    # Not renamed: an overlay keeps a directory of the image's where it is.
    shutil.move(point, point.with_name(point.name + COVERED))
    point.symlink_to(content)


def unmount(point: Path) -> None:
    """Put back what the mount point held."""
    if not point.is_symlink():
        raise MountError(f"{point}: not mounted.")
    point.unlink()
    shutil.move(point.with_name(point.name + COVERED), point)


def mount_all() -> None:
    """Do what systemd does at boot: nothing is mounted, then all that /etc/fstab names."""
    wanted = [(source, Path(point)) for source, point in _table() if point != "/"]
    for source, point in wanted:
        if point.is_symlink():
            unmount(point)
        with contextlib.suppress(MountError):
            mount(source, point)


def find(point: Path) -> tuple[str, str]:
    """Return the device and the uuid of what is mounted at a point; raises MountError where nothing is."""
    if not point.is_symlink() or not point.readlink().is_relative_to(CONTENTS):
        raise MountError("")
    own = point.readlink().name
    return str(_device(f"UUID={own}")), own


def _table() -> list[tuple[str, str]]:
    lines = (
        [line.split() for line in FSTAB.read_text().splitlines() if not line.startswith("#")] if FSTAB.exists() else []
    )
    return [(line[0], line[1]) for line in lines if len(line) > 1]


def _device(source: str) -> Path:
    if not source.startswith("UUID="):
        return Path(source)
    for device in sorted(DEVICES.glob("nvme*n1")):
        if _uuid(device) == source.removeprefix("UUID="):
            return device
    raise MountError(f"can't find {source}.")


def _uuid(device: Path) -> str:
    try:
        with device.open("rb") as disk:
            beginning = disk.read(IDENTITY + 16)
    except OSError as error:
        raise MountError(f"{device}: {error.strerror}") from None
    return str(uuid.UUID(bytes=beginning[IDENTITY:])) if beginning.startswith(MAGIC) else ""


def _mount(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="mount")
    parser.add_argument("-a", "--all", action="store_true")
    parser.add_argument("-t", "--types")
    parser.add_argument("-o", "--options")
    parser.add_argument("words", nargs="*")
    given = parser.parse_args(arguments)
    if given.all:
        mount_all()
    elif not given.words:
        print(Path("/proc/mounts").read_text(), end="")
    elif len(given.words) == 2:
        mount(given.words[0], Path(given.words[1]))
    else:
        found = [source for source, point in _table() if point == given.words[0]]
        if not found:
            raise MountError(f"{given.words[0]}: can't find in /etc/fstab.")
        mount(found[0], Path(given.words[0]))


def _find(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="findmnt")
    parser.add_argument("-n", "--noheadings", action="store_true", required=True)
    parser.add_argument("-o", "--output", default="SOURCE", choices=["SOURCE", "UUID"])
    parser.add_argument("-M", "--mountpoint", type=Path, required=True)
    given = parser.parse_args(arguments)
    print(find(given.mountpoint)[0 if given.output == "SOURCE" else 1])


def _make(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="mkfs.xfs")
    parser.add_argument("-q", action="store_true")
    parser.add_argument("-f", action="store_true")
    parser.add_argument("-L", dest="label")
    parser.add_argument("device", type=Path)
    given = parser.parse_args(arguments)
    make_file_system(given.device, given.f)


def main(name: str, arguments: Sequence[str]) -> int:
    """Be one of the programs; returns the exit code."""
    try:
        if name == "umount":
            unmount(Path.cwd() / arguments[-1])
        else:
            {"mount": _mount, "findmnt": _find, "mkfs.xfs": _make}[name](arguments)
    except MountError as error:
        if str(error):
            print(f"{name}: {error}", file=sys.stderr)
        return 32 if name.endswith("mount") else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
