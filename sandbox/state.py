"""Where a running sandbox is found: its directory, its state file, and the locks that keep two from starting."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILES = (
    *("state.json", "state.json.new", "authority.pem", "journal.jsonl", "log", "control"),
    *("running.lock", "start.lock"),
)
FOLDERS = ("hosts",)
"""Everything a sandbox may leave in its directory; nothing else there is ever removed."""


@dataclass(frozen=True)
class State:
    """What a client needs to know to use a running sandbox."""

    pid: int
    endpoint: str
    gateway: str
    operator_address: str
    region: str
    access_key_id: str
    secret_access_key: str
    latency: str
    started: str
    endpoint_s3: str = ""
    """The same endpoint with TLS, where S3 is to be asked."""
    authority: str = ""
    """The file with the certificate of who vouches for it."""
    isolation: str = "root"
    """How far its nodes are apart from the machine: ``root``, ``user`` or ``none``."""
    remark: str = ""
    """What a person should know about that: one sentence, or none."""
    throttling: bool = False
    """Whether requests that come too fast are refused."""
    account: str = "123456789012"


def home() -> Path:
    """Return the sandbox's directory: ``$SANDBOX_HOME``, or ``.sandbox`` in the checkout that this package lies in."""
    chosen = os.environ.get("SANDBOX_HOME")
    return Path(chosen).absolute() if chosen else Path(__file__).resolve().parents[1] / ".sandbox"


def read(directory: Path) -> State | None:
    """Return the state of the sandbox that runs in this directory, or None."""
    try:
        known = json.loads((directory / "state.json").read_text())
    except (OSError, ValueError):
        return None
    fields = {field.name for field in dataclasses.fields(State)}
    state = State(**{name: value for name, value in known.items() if name in fields})
    return state if is_held(directory / "running.lock") else None


def processes(directory: Path) -> list[int]:
    """Return the living processes of this directory's sandbox: those that write to its log."""
    log = str(directory / "log")
    found = []
    for each in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if each.name.isdigit() and str((each / "fd" / "2").readlink()).removesuffix(" (deleted)") == log:
                found.append(int(each.name))
    return found


def write(directory: Path, state: State) -> None:
    """Publish a state, whole or not at all, readable by its owner only: it holds the secret key."""
    draft = directory / "state.json.new"
    with open(draft, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump(dataclasses.asdict(state), file, indent=1)
    draft.replace(directory / "state.json")


def is_held(path: Path) -> bool:
    """Tell whether another living process holds this lock. Never for its holder: closing the file would give it up."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def take(path: Path, wait: bool = False) -> int | None:
    """Take a lock for as long as the returned descriptor is open; None when somebody else has it.

    POSIX record locks end with the process that took them, whatever it forked: a killed sandbox holds none.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            os.close(descriptor)
            return None
        # Whoever had it may have removed the file meanwhile: a lock on a file without a name guards nothing.
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


@contextlib.contextmanager
def starting(directory: Path) -> Iterator[None]:
    """Hold the right to start or stop the sandbox of this directory; waits for whoever has it."""
    descriptor = take(directory / "start.lock", wait=True)
    assert descriptor is not None
    try:
        yield
    finally:
        _vacate(directory, descriptor)


def _vacate(directory: Path, descriptor: int) -> None:
    """Let go of the start lock; where nothing else is left in the directory, it goes too."""
    with contextlib.suppress(OSError):
        if {each.name for each in directory.iterdir()} <= {"start.lock"}:
            (directory / "start.lock").unlink()
            directory.rmdir()
    os.close(descriptor)


def remove(directory: Path) -> None:
    """Remove what a sandbox left in its directory. The start lock stays until its holder lets go of it."""
    for name in FILES:
        if name != "start.lock":
            with contextlib.suppress(OSError):
                (directory / name).unlink()
    for name in FOLDERS:
        shutil.rmtree(directory / name, onexc=_open_and_try_again)


def _open_and_try_again(_function: object, path: str, _error: BaseException) -> None:
    """Remove a directory that nobody may read, such as an overlay's own: its owner may change that."""
    with contextlib.suppress(OSError):
        Path(path).chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)


def leave(directory: Path) -> None:
    """Remove a directory in which nothing is left, unless somebody is just starting or stopping a sandbox in it."""
    if directory.exists() and (descriptor := take(directory / "start.lock")) is not None:
        _vacate(directory, descriptor)
