"""What of an installed AllegroGraph is as wanted here, and what is to be done; Python 3.9's library alone."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SERVICE = "agraph"
UNITS = Path("/etc/systemd/system")
SUPER_USER = re.compile(r"^SuperUser .*\n?", re.MULTILINE)
# Written last into a release: without it what is there is the rest of an installation that was interrupted.
COMPLETE = ".complete"
# A file that holds a secret is root's, and the server's to read.
SHARED, SECRET = 0o640, 0o600
LONGEST_WORDS = 400

# Runs a command: its exit code and what it says.
Command = Callable[[Sequence[str]], "tuple[int, str]"]


class InstallationError(Exception):
    """Why the server is not installed as wanted, in one sentence."""


@dataclass(frozen=True)
class Wanted:
    """An installation as it should be."""

    version: str
    sha256: str
    directory: Path
    data_directory: Path
    configuration_file: Path
    configuration: str
    """agraph.cfg without the superuser and the license."""
    license: str
    unit: str
    run_as: str
    certificate_sha256: str

    @property
    def release(self) -> str:
        """Return the name of this version's directory."""
        return f"{self.version}-{self.sha256[:12].lower()}"

    @property
    def configured(self) -> str:
        """Return agraph.cfg as it stands when the server has its superuser."""
        return self.configuration.rstrip("\n") + "\n" + (self.license.strip() + "\n" if self.license.strip() else "")

    @property
    def certificate_file(self) -> Path:
        """Return where the certificate lies, with its key."""
        return self.configuration_file.parent / "certificate.pem"


@dataclass(frozen=True)
class Found:
    """An installation as it is."""

    release: str | None
    """The name of the release that is switched on."""
    is_complete: bool
    """Whether the wanted release is unpacked and installed."""
    configuration: str | None
    unit: str | None
    certificate_sha256: str
    user_exists: bool
    is_enabled: bool
    is_active: bool


def look(wanted: Wanted, command: Command) -> Found:
    """Find out what there is."""
    current = wanted.directory / "current"
    certificate = wanted.certificate_file
    return Found(
        release=current.readlink().name if current.is_symlink() else None,
        is_complete=(wanted.directory / wanted.release / COMPLETE).exists(),
        configuration=_text(wanted.configuration_file),
        unit=_text(UNITS / f"{SERVICE}.service"),
        certificate_sha256=hashlib.sha256(certificate.read_bytes()).hexdigest() if certificate.exists() else "",
        user_exists=_user_exists(wanted.run_as),
        is_enabled=command(["systemctl", "is-enabled", SERVICE])[0] == 0,
        is_active=command(["systemctl", "is-active", SERVICE])[0] == 0,
    )


def steps(wanted: Wanted, found: Found) -> list[str]:
    """Return what has to be done, in order: names of the methods of a Node."""
    todo = []
    if not found.user_exists:
        todo.append("make_user")
    if not found.is_complete:
        todo.append("install")
    if wanted.certificate_sha256 and wanted.certificate_sha256 != found.certificate_sha256:
        todo.append("write_certificate")
    if found.configuration is None or SUPER_USER.sub("", found.configuration) != wanted.configured:
        todo.append("configure")
    if found.unit != wanted.unit:
        todo.append("write_unit")
    if found.release != wanted.release:
        todo.append("switch")
    if not found.is_enabled:
        todo.append("enable")
    if not found.is_active:
        todo.append("start")
    elif {"configure", "write_certificate", "write_unit", "switch"} & set(todo):
        # What can be done beside the server that runs comes first, and it stands still for the rest only.
        ahead = [each for each in todo if each in ("make_user", "install")]
        todo = [*ahead, "stop", *(each for each in todo if each not in ahead), "start"]
    if found.configuration and SUPER_USER.search(found.configuration) and "configure" not in todo:
        todo.append("forget_password")
    return todo


WORDS = {
    "format_volume": "made a file system on {device}",
    "mount_volume": "mounted {device} at {data_directory}",
    "make_user": "made the user {run_as}",
    "install": "installed AllegroGraph {version} in {directory}/{release}",
    "stop": "stopped the server",
    "write_certificate": "wrote {certificate_file}",
    "configure": "wrote {configuration_file}",
    "write_unit": "wrote the service agraph",
    "switch": "switched to {release}",
    "enable": "had the service start at boot",
    "start": "started the server",
    "forget_password": "took the first password out of {configuration_file}",
}


def in_words(todo: Sequence[str], wanted: Wanted, device: str = "") -> list[str]:
    """Say what is done, for people."""
    names = ("run_as", "version", "directory", "data_directory", "release", "certificate_file", "configuration_file")
    values = {"device": device, **{name: getattr(wanted, name) for name in names}}
    return [WORDS[each].format(**values) for each in todo]


def difference(wanted: Wanted, found: Found) -> list[dict[str, str]]:
    """Return what --diff shows; never the superuser's line or the license."""
    before = SUPER_USER.sub("", found.configuration or "").replace(wanted.license.strip() or "\0", "").strip() + "\n"
    pairs = [
        ("the version in use", f"{found.release or 'none'}\n", f"{wanted.release}\n"),
        (str(wanted.configuration_file), before, wanted.configuration.strip() + "\n"),
        (f"the service {SERVICE}", found.unit or "", wanted.unit),
    ]
    return [
        {"before_header": name, "after_header": name, "before": old, "after": new}
        for name, old, new in pairs
        if old != new
    ]


def write(path: Path, content: str | bytes, mode: int, group: int = 0) -> None:
    """Write a file whole or not at all; it is never readable by more people than in the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET)
    with os.fdopen(handle, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    if group:
        os.chown(draft, 0, group)
    draft.chmod(mode)
    draft.replace(path)


class Node:
    """This machine, and the steps that make it have the server."""

    def __init__(self, wanted: Wanted, command: Command) -> None:
        self.wanted = wanted
        self.command = command

    def make_user(self) -> None:
        """Make the user whose the server is."""
        home = str(self.wanted.data_directory)
        made = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home]
        self.run([*made, "--shell", "/sbin/nologin", self.wanted.run_as])

    def install_from(self, unpacked: Path) -> None:
        """Install what was unpacked into a directory of its own, beside the version in use."""
        target = self.wanted.directory / self.wanted.release
        shutil.rmtree(target, ignore_errors=True)
        self.run([str(unpacked / "install-agraph"), str(target), "--no-configure"])
        write(target / COMPLETE, f"{self.wanted.sha256}\n", 0o644)

    def has_superuser(self) -> bool:
        """Tell whether the server has been started before, and so has its users."""
        settings = self.wanted.data_directory / "settings"
        return settings.is_dir() and any(settings.iterdir())

    def configure(self, super_user: str, password: Callable[[], str]) -> None:
        """Write agraph.cfg; for the first start with the superuser in it, and not on a command line."""
        text = self.wanted.configured
        if not self.has_superuser():
            text += f"SuperUser {super_user}:{_as_value(password())}\n"
        write(self.wanted.configuration_file, text, SHARED, self.group())
        data = self.wanted.data_directory
        data.mkdir(parents=True, exist_ok=True)
        if self.wanted.run_as != "root":
            shutil.chown(data, self.wanted.run_as, self.wanted.run_as)
        data.chmod(0o750)

    def write_certificate(self, content: bytes) -> None:
        """Keep the certificate and its key."""
        write(self.wanted.certificate_file, content, SHARED, self.group())

    def write_unit(self) -> None:
        """Tell systemd how the server is started and ended."""
        write(UNITS / f"{SERVICE}.service", self.wanted.unit, 0o644)
        self.run(["systemctl", "daemon-reload"])

    def switch(self) -> None:
        """Make the wanted release the one that is started."""
        draft = self.wanted.directory / ".current"
        draft.unlink(missing_ok=True)
        draft.symlink_to(self.wanted.release)
        draft.replace(self.wanted.directory / "current")

    def remove_others(self, previous: str | None) -> None:
        """Remove every version but the one in use and the one before it, to which one might want to go back."""
        for each in self.wanted.directory.iterdir():
            if each.is_dir() and not each.is_symlink() and each.name not in (self.wanted.release, previous):
                shutil.rmtree(each, ignore_errors=True)

    def enable(self) -> None:
        """Have it start at boot."""
        self.run(["systemctl", "enable", SERVICE])

    def stop(self) -> None:
        """Stop the server, and wait until it has ended."""
        self.run(["systemctl", "stop", SERVICE])

    def start(self) -> None:
        """Start the server; raises InstallationError with the last that it said."""
        self.command(["systemctl", "reset-failed", SERVICE])
        code, words = self.command(["systemctl", "start", SERVICE])
        if code:
            log = _text(self.wanted.data_directory / "log" / "agraph.log") or ""
            said = (log.strip() or words.strip() or "it said nothing").splitlines()[-1]
            raise InstallationError(
                f"the server does not start: {said[-LONGEST_WORDS:].strip().rstrip('.')}. "
                f"Look on the node with: journalctl -u {SERVICE}"
            )

    def forget_password(self) -> None:
        """Take the superuser's line out of agraph.cfg, as soon as the server has the user."""
        write(self.wanted.configuration_file, self.wanted.configured, SHARED, self.group())

    def group(self) -> int:
        """Return the number of the server's own group."""
        return pwd.getpwnam(self.wanted.run_as).pw_gid

    def run(self, words: Sequence[str]) -> None:
        """Run a command that must work; raises InstallationError."""
        code, said = self.command(words)
        if code:
            raise InstallationError(f"{' '.join(words)} ended with {code}: {said.strip()[-LONGEST_WORDS:]}")


def _as_value(password: str) -> str:
    """Return a password as it stands in agraph.cfg, which quotes nothing; raises InstallationError."""
    if any(each.isspace() or each == "\\" for each in password):
        raise InstallationError(
            "the superuser's password has a space or a backslash in it, which agraph.cfg cannot have"
        )
    return password.replace("#", "\\#")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return None


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
