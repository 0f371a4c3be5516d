"""Images: what a node's disk holds on top of the machine's own root, as a read-only layer made once for each image."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.world import Authority

TREES = Path(__file__).parent / "images"

IMAGES: dict[str, tuple[str, ...]] = {
    "al2023": ("common", "al2023"),
    "al2023-agraph": ("common", "al2023", "agraph"),
    "tutorial": ("common", "tutorial", "agraph"),
}
"""Each image as trees of files, later ones over earlier ones."""

HIDDEN = (
    *("etc/systemd", "etc/init.d", *(f"etc/rc{level}.d" for level in "0123456S"), "etc/profile.d"),
    *("usr/lib/systemd/system", "usr/lib/systemd/user", "usr/local/lib/systemd"),
    *("home", "root", "mnt", "media", "srv"),
    *("var/log", "var/spool", "var/tmp", "var/lib/cloud", "var/lib/agraph"),
    *("etc/ssl/certs", "etc/pki/tls/certs", "etc/pki/ca-trust/extracted/pem"),
)
"""Directories of the machine that a node must not see: its services, its people's files, its logs, whom it trusts."""

BUNDLES = (
    *("etc/ssl/certs/ca-certificates.crt", "etc/ssl/ca-bundle.pem", "etc/ssl/cert.pem"),
    *("etc/pki/tls/certs/ca-bundle.crt", "etc/pki/tls/cert.pem", "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
)
"""Where curl and Python look for whom to trust: what is Amazon Linux's, and what the machine's programs may have."""
HASHED = ("etc/ssl/certs", "etc/pki/tls/certs")
"""Where OpenSSL looks for it by a hash of the name."""

OLDEST_PYTHON = (3, 9)

PROGRAMS = "/usr/bin:/bin:/usr/sbin:/sbin"

USERS = (
    "ec2-user:x:1000:1000:EC2 Default User:/home/ec2-user:/bin/bash",
    "ssm-user:x:1001:1001::/home/ssm-user:/bin/bash",
)


@dataclass(frozen=True)
class Interpreter:
    """Where the sandbox's own Python and code are; they look the same from inside a node."""

    executable: str
    base: str
    """An interpreter outside any virtual environment, for those who call ``python3``."""
    code: str
    """The directory that holds the package ``sandbox``."""
    directories: tuple[str, ...]
    """What must be visible for it to run."""

    @classmethod
    def current(cls) -> Interpreter:
        """Describe the interpreter that runs this."""
        code = Path(__file__).resolve().parents[2]
        packages = [code / name for name in ("sandbox", "session_manager_plugin")]
        real = [str(Path(path).resolve()) for path in (sys.base_prefix, sys.prefix)]
        directories = dict.fromkeys([*real, *(str(path) for path in packages if path.is_dir())])
        base = str(Path(sys.executable).resolve())
        return cls(sys.executable, base, str(code), tuple(directories))


def build_layer(
    image: str, layer: Path, interpreter: Interpreter, opaque: str, one_user: bool, authority: Authority | None = None
) -> None:
    """Lay out an image's files under ``layer``.

    ``opaque`` names the overlay attribute that hides what is below; with ``one_user``, all files are that one's. There
    is no other internet, so nodes trust the authority of the sandbox and no other.
    """
    for name in HIDDEN:
        hide(layer / name, opaque)
    for tree in IMAGES[image]:
        _copy(TREES / tree, layer)
    for directory in ("usr/bin", "usr/sbin"):
        for path in (layer / directory).iterdir():
            path.chmod(0o755)
    _write_runner(layer, interpreter)
    _write_privileges(layer, one_user)
    _write_users(layer)
    _write_homes(layer, one_user)
    if authority:
        _write_trust(layer, authority)
    _enable_units(layer)
    (layer / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")
    (layer / "var/log/journal").mkdir(parents=True)
    (layer / "var/tmp").chmod(0o1777)
    if any(Path(each).is_relative_to("/root") for each in interpreter.directories):
        # The interpreter is everyone's: a service that is not root's runs on it, too.
        (layer / "root").chmod(0o711)
    if not _has_python():
        # Its own idea of where to look for whom to trust may be any.
        trusted = f"export SSL_CERT_FILE=/{BUNDLES[0]}"
        _write_script(layer / "usr/bin/python3", trusted, f'exec {shlex.quote(interpreter.base)} "$@"')


def _copy(tree: Path, layer: Path) -> None:
    """Copy files without their modes, which depend on how the project was checked out."""
    for path in sorted(tree.rglob("*")):
        target = layer / path.relative_to(tree)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(path.read_bytes())


def hide(directory: Path, opaque: str) -> None:
    """Make a directory that shows nothing of the layers below it."""
    directory.mkdir(parents=True, exist_ok=True)
    os.setxattr(directory, opaque, b"y")


def _write_script(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def runner_program(interpreter: Interpreter) -> str:
    """Return the program that runs a module of the sandbox, its name being the first argument."""
    return (
        "import runpy\nimport sys\n\n"
        f"sys.path.insert(0, {interpreter.code!r})\n"
        "del sys.argv[0]\n"
        'runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)\n'
    )


def _write_runner(layer: Path, interpreter: Interpreter) -> None:
    """Write ``/usr/lib/sandbox/run MODULE``: the sandbox's interpreter and code, deaf to the node's settings."""
    program = layer / "usr/lib/sandbox/run.py"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(runner_program(interpreter))
    command = f'exec {shlex.quote(interpreter.executable)} -I /usr/lib/sandbox/run.py "$@"'
    _write_script(layer / "usr/lib/sandbox/run", command)


def _write_privileges(layer: Path, one_user: bool) -> None:
    """Copy the program that ``sudo`` and ``systemctl`` become root with; setuid, which counts on a node's disk only."""
    program = layer / "usr/lib/sandbox/setpriv"
    if one_user:
        # Everyone is root already, and can be nobody else: the command runs as it is.
        options = 'while case "$1" in --reuid | --regid) shift 2 ;; --*) shift ;; *) false ;; esac; do :; done'
        _write_script(program, options, 'exec "$@"')
        return
    shutil.copyfile(shutil.which("setpriv", path=PROGRAMS) or "/usr/bin/setpriv", program)
    program.chmod(0o4755)


def _write_users(layer: Path) -> None:
    """Keep the machine's system users and groups, leave its people out, add Amazon Linux's."""
    passwd = [line for line in _lines("/etc/passwd") if _is_system(line)]
    root = "root:x:0:0:root:/root:/bin/bash"
    passwd = [root if line.startswith("root:") else line for line in passwd]
    groups = [line for line in _lines("/etc/group") if _is_system(line)]
    _write_lines(layer / "etc/passwd", [*passwd, *USERS])
    _write_lines(layer / "etc/group", [*groups, "ec2-user:x:1000:", "ssm-user:x:1001:"])
    shadow = [f"{line.split(':')[0]}:*:19000:0:99999:7:::" for line in [*passwd, *USERS]]
    _write_lines(layer / "etc/shadow", shadow)
    (layer / "etc/shadow").chmod(0o600)


def _lines(path: str) -> list[str]:
    return [line for line in Path(path).read_text().splitlines() if line.count(":") > 1]


def _is_system(line: str) -> bool:
    number = int(line.split(":")[2] or 0)
    return number < 1000 or number > 60000


def _write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]))


def _write_homes(layer: Path, one_user: bool) -> None:
    for home, owner in (("root", 0), ("home/ec2-user", 1000), ("home/ssm-user", 1001)):
        directory = layer / home
        directory.mkdir(exist_ok=True)
        (directory / ".bashrc").write_text("if [ -f /etc/bashrc ]; then . /etc/bashrc; fi\n")
        (directory / ".bash_profile").write_text("if [ -f ~/.bashrc ]; then . ~/.bashrc; fi\n")
        directory.chmod(0o700)
        for path in (directory, *directory.iterdir()):
            if not one_user:
                os.chown(path, owner, owner)


def _write_trust(layer: Path, authority: Authority) -> None:
    for name in (*BUNDLES, *(f"{directory}/{authority.name_hash}.0" for directory in HASHED)):
        (layer / name).parent.mkdir(parents=True, exist_ok=True)
        (layer / name).write_text(authority.certificate)


def _enable_units(layer: Path) -> None:
    units = layer / "etc/systemd/system"
    wants = units / "multi-user.target.wants"
    wants.mkdir()
    for unit in sorted(units.glob("*.service")):
        (wants / unit.name).symlink_to(f"../{unit.name}")


def _has_python() -> bool:
    program = f"import sys; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    try:
        return subprocess.run(["/usr/bin/python3", "-I", "-S", "-c", program], check=False).returncode == 0
    except OSError:
        return False
