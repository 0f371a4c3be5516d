"""A node's disk: an overlay over the machine's root and an image's layer, and what is mounted on top of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.hosts import kernel
from sandbox.hosts.images import HIDDEN, Interpreter, build_layer
from sandbox.hosts.kernel import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REMOUNT
from sandbox.hosts.volumes import Volume, adopt, volumes_of_root, volumes_of_user
from sandbox.world import Authority

DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
GUARDED = ("sysrq-trigger", "irq", "bus", "fs", "scsi", "acpi", "mtrr", "timer_list", "latency_stats")
"""Parts of /proc that belong to the machine and that root may write to."""


@dataclass(frozen=True)
class Settings:
    """What the agent on a node is told, in /etc/amazon/ssm/sandbox.json, besides what the metadata service says."""

    gateway: str
    endpoint: str
    region: str
    online_delay: float
    retry_delay: float
    ping_interval: float
    session_user: str | None


@dataclass(frozen=True)
class Powers:
    """What this process may do with disks: all, or what root of a user namespace may, in which only it exists."""

    one_user: bool

    @property
    def opaque(self) -> str:
        """Return the attribute of an overlay's directory that hides what is below."""
        return "user.overlay.opaque" if self.one_user else "trusted.overlay.opaque"


class Disks:
    """All disks, in a memory file system that only this process and the nodes can see."""

    def __init__(
        self, directory: Path, interpreter: Interpreter, powers: Powers, authority: Authority | None = None
    ) -> None:
        self.directory = directory
        self.interpreter = interpreter
        self._powers = powers
        self._authority = authority
        self._layers = directory / "images"
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        self._volumes = volumes_of_user(mounts) if powers.one_user else volumes_of_root(mounts)
        kernel.mount("sandbox", directory, "tmpfs", MS_NODEV, "mode=755,size=75%,nr_inodes=0")
        if not _keeps_attribute(directory, powers.opaque):
            # In memory only since Linux 6.6: on older ones the disks lie in the sandbox's own directory.
            kernel.unmount(directory)

    def layer(self, image: str) -> Path:
        """Return the image's layer, made when it is first asked for."""
        layer = self._layers / image
        if not layer.exists():
            build_layer(image, layer, self.interpreter, self._powers.opaque, self._powers.one_user, self._authority)
            if self._powers.one_user:
                adopt(layer, self._volumes, HIDDEN)
        return layer

    def disk(self, instance_id: str, image: str) -> Disk:
        """Return the disk of an instance, kept from its last run or new."""
        directory = self.directory / "disks" / instance_id
        return Disk(directory, self.layer(image), self._volumes, self.hidden_paths(), self._powers)

    def remove(self, instance_id: str) -> None:
        """Delete an instance's disk."""
        shutil.rmtree(self.directory / "disks" / instance_id, ignore_errors=True)

    def hidden_paths(self) -> list[str]:
        """Return what the interpreter needs and a node would not see by itself."""
        hidden = [*(f"/{name}" for name in HIDDEN), "/tmp", "/run", "/dev", str(self.directory)]
        machine = Path("/").stat().st_dev
        shown = [each.path for each in self._volumes if each.of_machine]
        return [
            path
            for path in self.interpreter.directories
            if any(Path(path).is_relative_to(each) for each in hidden)
            or not any(Path(path).is_relative_to(each) for each in shown)
            or Path(path).stat().st_dev != machine
        ]


class Disk:
    """The disk of one instance."""

    def __init__(self, directory: Path, layer: Path, volumes: list[Volume], hidden: list[str], powers: Powers) -> None:
        self.directory = directory
        self.root = directory / "root"
        self._layer = layer
        self._volumes = volumes
        self._hidden = hidden
        self._powers = powers
        self.others: list[tuple[str, int]] = []
        """The disks beside this one: name and size in GiB."""
        self.is_new = not directory.exists()
        for number in range(len(volumes)):
            (directory / f"upper-{number}").mkdir(parents=True, exist_ok=True)
            (directory / f"work-{number}").mkdir(exist_ok=True)
        self.root.mkdir(exist_ok=True)

    def write(self, path: str, text: str | bytes, mode: int = 0o644) -> None:
        """Put a file on the disk of a node that does not run."""
        holding = [number for number, each in enumerate(self._volumes) if Path(path).is_relative_to(each.path)]
        innermost = max(holding, key=lambda number: len(self._volumes[number].path))
        target = self.directory / f"upper-{innermost}" / Path(path).relative_to(self._volumes[innermost].path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        target.chmod(mode)

    def mount(self) -> None:
        """Mount everything under the root; to be called in the node's own namespaces, as its process 1."""
        for number, volume in enumerate(self._volumes):
            self._mount_overlay(number, volume)
        for name, mode in (("tmp", "1777"), ("run", "755")):
            kernel.mount(name, self.root / name, "tmpfs", MS_NOSUID | MS_NODEV, f"mode={mode}")
        for path in self._hidden:
            target = self.root / path.lstrip("/")
            target.mkdir(parents=True, exist_ok=True)
            kernel.bind(path, target, read_only=True)
        _mount_devices(self.root / "dev", self._powers.one_user)
        self._mount_others(self.root / "dev")
        _mount_processes(self.root / "proc")
        kernel.mount("sysfs", self.root / "sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
        self._mount_huge_pages(self.root / "sys/kernel/mm/transparent_hugepage/enabled")

    def _mount_others(self, devices: Path) -> None:
        """Show the other disks as Amazon Linux does: the kernel's name for each, and a link with EC2's name."""
        for number, (name, size) in enumerate(self.others, 1):
            own = self.directory / Path(name).name
            own.touch()
            os.truncate(own, size << 30)
            device = devices / f"nvme{number}n1"
            device.touch()
            kernel.bind(own, device)
            (devices / Path(name).name).symlink_to(device.name)

    def _mount_huge_pages(self, setting: Path) -> None:
        """Let the node have that setting of its kernel to itself: a file, which keeps what is written to it."""
        if setting.exists():
            own = self.directory / "huge-pages"
            own.write_text("always [madvise] never\n")
            kernel.bind(own, setting)

    def _mount_overlay(self, number: int, volume: Volume) -> None:
        lower = self._layer / volume.path.lstrip("/")
        layers = [*([str(lower)] if lower.is_dir() else []), *([volume.path] if volume.of_machine else [])]
        upper, work = self.directory / f"upper-{number}", self.directory / f"work-{number}"
        options = f"lowerdir={':'.join(layers)},upperdir={upper},workdir={work}"
        if self._powers.one_user:
            options += ",userxattr"
        kernel.mount("overlay", self.root / volume.path.lstrip("/"), "overlay", MS_NODEV, options)


def _keeps_attribute(directory: Path, name: str) -> bool:
    probe = directory / "attribute"
    probe.mkdir(exist_ok=True)
    try:
        os.setxattr(probe, name, b"y")
    except OSError:
        return False
    finally:
        probe.rmdir()
    return True


def _mount_devices(devices: Path, one_user: bool) -> None:
    """Make a /dev with a few harmless devices of its own, or where none can be made, the machine's."""
    kernel.mount("dev", devices, "tmpfs", MS_NOSUID, "mode=755")
    if one_user:
        for name in (*DEVICES, "console"):
            (devices / name).touch()
            kernel.bind("/dev/null" if name == "console" else f"/dev/{name}", devices / name)
    else:
        mask = os.umask(0)
        for name, (major, minor) in DEVICES.items():
            os.mknod(devices / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        os.mknod(devices / "console", stat.S_IFCHR | 0o600, os.makedev(*DEVICES["null"]))
        os.umask(mask)
    terminals = "newinstance,ptmxmode=0666,mode=620" + ("" if one_user else ",gid=5")
    for name, options in (("pts", terminals), ("shm", "mode=1777")):
        (devices / name).mkdir()
        kind = "devpts" if name == "pts" else "tmpfs"
        kernel.mount(name, devices / name, kind, MS_NOSUID | MS_NOEXEC, options)
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        (devices / name).symlink_to(target)


def _mount_processes(processes: Path) -> None:
    """Show the node's own processes; of the settings only those of its own network can be written."""
    kernel.mount("proc", processes, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for path in _existing(processes / name for name in GUARDED):
        kernel.bind(path, path, read_only=True)
    settings = processes / "sys"
    kernel.bind(settings, settings)
    kernel.bind(settings / "net", settings / "net")
    kernel.mount("", settings, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID)


def _existing(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.exists())


def write_identity(disk: Disk, host_name: str, address: str, settings: Settings) -> None:
    """Write who the node is: its name, its addresses by name, and where its agent finds the gateway."""
    domain = f"{host_name}.{settings.region}.compute.internal"
    disk.write("/etc/hostname", f"{domain}\n")
    disk.write("/etc/hosts", f"127.0.0.1 localhost localhost.localdomain\n{address} {domain} {host_name}\n")
    disk.write(
        "/etc/machine-id", hashlib.md5(f"{host_name} {address}".encode(), usedforsecurity=False).hexdigest() + "\n"
    )
    disk.write("/etc/amazon/ssm/sandbox.json", json.dumps(settings.__dict__, indent=1) + "\n")
