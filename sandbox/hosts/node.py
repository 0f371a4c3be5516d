"""Starting a node: a process tree in namespaces of its own, with an init as its process 1."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable

from sandbox.hosts import kernel
from sandbox.hosts.disk import Disk
from sandbox.hosts.errors import HostsError
from sandbox.hosts.images import Interpreter

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/",
    "container": "sandbox",
}


def start(namespace: int, disk: Disk, host_name: str, interpreter: Interpreter, boot_delay: float) -> int:
    """Start a node's process 1 in its network namespace and return its process id, once its init has taken over."""
    argument = ["/usr/lib/sandbox/run.py", "sandbox.hosts.systemctl"]
    environment = {**ENVIRONMENT, "SANDBOX_BOOT_DELAY": str(boot_delay)}

    def become_init() -> None:
        disk.mount()
        kernel.pivot_root(disk.root)
        socket.sethostname(host_name)
        os.setsid()
        _detach()
        kernel.confine()
        os.execve(interpreter.executable, [interpreter.executable, "-I", *argument], environment)

    return _spawn(namespace, become_init)


def try_disk(namespace: int, disk: Disk) -> None:
    """Find out whether this kernel lets a node have its disk; raises HostsError with what it refuses."""

    def look() -> None:
        disk.mount()
        kernel.pivot_root(disk.root)
        os.execv("/bin/true", ["true"])

    _spawn(namespace, look)


def _detach() -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.umask(0o022)


def _spawn(namespace: int, work: Callable[[], None]) -> int:
    """Run ``work``, which must end in an exec, as process 1 of new namespaces; what it raises is raised here."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _guarded(writing, lambda: _enter(namespace, writing, work))
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        said = pipe.read().split("\n")
    os.waitpid(child, 0)
    numbers = [int(line) for line in said if line.isdigit()]
    problems = [line for line in said if line and not line.isdigit()]
    if problems or not numbers:
        raise HostsError(f"A node could not start: {'; '.join(problems) or 'its first process ended at once'}.")
    return numbers[0]


def _enter(namespace: int, writing: int, work: Callable[[], None]) -> None:
    os.setns(namespace, os.CLONE_NEWNET)
    os.unshare(os.CLONE_NEWNS | os.CLONE_NEWUTS | os.CLONE_NEWIPC | os.CLONE_NEWPID)
    first = os.fork()
    if first == 0:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        _guarded(writing, work)
    os.write(writing, f"{first}\n".encode())
    os._exit(0)


def _guarded(writing: int, work: Callable[[], None]) -> None:
    """Run ``work`` in a forked child: whatever happens, this never returns into the parent's code."""
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - a forked child reports and ends
        os.write(writing, f"{error or type(error).__name__}\n".encode())
    finally:
        os._exit(1)
