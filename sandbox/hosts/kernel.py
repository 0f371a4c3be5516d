"""The few system calls that Python's standard library lacks, and how to work inside another namespace."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER = 1, 24, 36
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217, "armv7l": 218}

CAPABILITIES_OF_A_NODE = frozenset(
    {
        0,  # chown
        1,  # dac_override
        3,  # fowner
        4,  # fsetid
        5,  # kill
        6,  # setgid
        7,  # setuid
        8,  # setpcap
        10,  # net_bind_service
        12,  # net_admin: its network namespace is its own
        13,  # net_raw
        14,  # ipc_lock
        18,  # sys_chroot
        19,  # sys_ptrace
        23,  # sys_nice
        29,  # audit_write
        31,  # setfcap
    }
)
"""What root may do on a node: no mounts, devices, modules, clock or raw file handles, with which it could leave."""


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str | Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    arguments = (source.encode(), os.fsencode(target), kind.encode() or None, flags, options.encode() or None)
    _check(_libc.mount(*arguments[:3], ctypes.c_ulong(flags), arguments[4]), f"mounting {kind or source} on {target}")


def bind(source: str | Path, target: str | Path, read_only: bool = False) -> None:
    """Show a directory or file a second time, writable or not."""
    mount(os.fspath(source), target, flags=MS_BIND | MS_REC)
    if read_only:
        # What the machine forbids on that file system must stay forbidden, or the kernel refuses the change.
        kept = os.statvfs(target).f_flag & (MS_NODEV | MS_NOEXEC)
        mount("", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | kept)


def become_root_of_a_user_namespace() -> None:
    """Enter a user namespace in which this process's user is root and nobody else exists."""
    user, group = os.geteuid(), os.getegid()
    os.unshare(os.CLONE_NEWUSER)
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"0 {user} 1")
    (own / "gid_map").write_text(f"0 {group} 1")


def unmount(target: str | Path) -> None:
    """umount(2), now and whoever uses it."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"unmounting {target}")


def pivot_root(new_root: str | Path) -> None:
    """Make a directory the root and let go of the old one."""
    os.chdir(new_root)
    number = _SYS_PIVOT_ROOT[os.uname().machine]
    _check(_libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", MNT_DETACH), "leaving the old root")
    os.chdir("/")


def die_with_parent(signal_number: int) -> None:
    """Ask for a signal when the thread that made this process ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "PR_SET_PDEATHSIG")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER")


def confine() -> None:
    """Take every capability that a node must not have from this process and all that it will start."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in set(range(last + 1)) - CAPABILITIES_OF_A_NODE:
        _check(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "PR_CAPBSET_DROP")


def network_namespace() -> int:
    """Return a descriptor of this thread's network namespace."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def new_network_namespace() -> int:
    """Make a network namespace without entering it; it lives as long as the descriptor."""
    home = network_namespace()
    try:
        os.unshare(os.CLONE_NEWNET)
        return network_namespace()
    finally:
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """Run the block, and the processes it starts, in another network namespace."""
    home = network_namespace()
    try:
        os.setns(namespace, os.CLONE_NEWNET)
        yield
    finally:
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)


def system_control(name: str, value: str) -> None:
    """Set a sysctl of the current network namespace; one that this kernel lacks (no IPv6) does not matter."""
    path = Path("/proc/sys") / name.replace(".", "/")
    if path.exists():
        path.write_text(value)
