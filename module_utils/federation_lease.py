"""What a federation's lease says, whose it is, and when it may be taken; nothing here asks AWS."""

from __future__ import annotations

import getpass
import json
import os
import socket
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

# Without a time zone's name, so that it is the same on every machine.
FORMAT = "%Y-%m-%dT%H:%M:%SZ"
NEVER = "9999-12-31T23:59:59Z"
# States in which a process is there and does nothing any more: a zombie, and what is being taken away.
ENDED_STATES = ("Z", "X", "x")

CREATE, RENEW, TAKE_OVER, REFUSE = "create", "renew", "take over", "refuse"


@dataclass(frozen=True)
class Holder:
    """The process that works on a federation. `machine` and `started` are empty where they cannot be known."""

    user: str = ""
    host: str = ""
    process: int = 0
    started: str = ""
    machine: str = ""

    def __str__(self) -> str:
        who = f"{self.user or 'somebody'}@{self.host or 'an unknown machine'}"
        return f"{who} (process {self.process})" if self.process else who


@dataclass(frozen=True)
class Lease:
    """One version of the lease. `write` names the version itself, `over` the one that it was written over."""

    holder: Holder
    run: str
    verb: str
    since: str
    renewed: str
    expires: str
    took_over: bool = False
    write: str = ""
    over: str = ""

    def as_text(self) -> str:
        """Return what the parameter holds."""
        return json.dumps(asdict(self), sort_keys=True)

    def is_over(self, now: datetime) -> bool:
        """Say whether it has expired."""
        return self.expires < now.strftime(FORMAT)


def read(text: str) -> Lease:
    """Read what the parameter holds; what cannot be understood is somebody's, and does not expire."""
    try:
        found = json.loads(text)
        holder = Holder(**found["holder"])
        datetime.strptime(found["expires"], FORMAT)
        return Lease(**{**found, "holder": holder})
    except (ValueError, TypeError, KeyError):
        return Lease(Holder(), "", "", "", "", NEVER)


def standing(history: Iterable[str]) -> Lease | None:
    """Return the lease that holds, given all of the parameter's versions, the oldest first.

    Parameter Store has no write under a condition, but it counts versions, and each of them is written as a whole
    after exactly one other. So each version names the one that its writer has read (`over`). It counts only when that
    is the one right before it: somebody who wrote in between was first, and this version is void, for every reader
    alike. Of any number who write over the same version, exactly one is right behind it. What a person wrote by hand
    names nothing, and counts.
    """
    lease, before = None, ""
    for text in history:
        each = read(text)
        if lease is None or each.over == before or not each.write:
            lease = each
        before = each.write
    return lease


def last_write(history: Iterable[str]) -> str:
    """Return the name of the latest version, void or not: what comes next is written over it."""
    return next((read(text).write for text in reversed(list(history))), "")


def decide(now: datetime, lease: Lease | None, me: Lease, alive: bool | None, take_over: bool = False) -> str:
    """Say what a run may do about the lease that it has found.

    `alive` is whether the holder's process lives, None where that cannot be seen from here.
    """
    if lease is None:
        return CREATE
    if lease.run and lease.run == me.run:
        return RENEW
    if take_over or lease.is_over(now) or alive is False:
        return TAKE_OVER
    return REFUSE


def wanted(now: datetime, holder: Holder, run: str, verb: str, seconds: int) -> Lease:
    """Return the lease that a run would like to have."""
    said = now.strftime(FORMAT)
    return Lease(holder, run, verb, said, said, (now + timedelta(seconds=seconds)).strftime(FORMAT))


def following(lease: Lease | None, me: Lease, over: str) -> Lease:
    """Return the version to write next: it begins where this run's own lease began, or now."""
    mine = lease if lease is not None and lease.run == me.run else None
    return replace(
        me,
        since=mine.since if mine else me.since,
        took_over=mine.took_over if mine else lease is not None,
        write=uuid.uuid4().hex,
        over=over,
    )


def now() -> datetime:
    """Return the time."""
    return datetime.now(timezone.utc)


def readable(time: str) -> str:
    """Return a time as people write it."""
    return f"{time[:10]} {time[11:19]} UTC" if time else "an unknown time"


def refusal(federation: str, lease: Lease) -> str:
    """Say who holds the lease, and what to do about it."""
    ending = "it does not end by itself" if lease.expires == NEVER else f"its lease ends at {readable(lease.expires)}"
    return (
        f"The federation {federation} is being worked on: {lease.holder} runs {lease.verb or 'something'} on it since "
        f"{readable(lease.since)}, and nothing was changed. Wait until that run has ended ({ending}). Where it is "
        "certain that it no longer runs, repeat this with -e federation_take_over=true"
    )


def loss(federation: str, lease: Lease) -> str:
    """Say who took the lease from this run, and what to do about it."""
    return (
        f"The federation {federation} was taken over from this run by {lease.holder}, who runs "
        f"{lease.verb or 'something'} on it since {readable(lease.since)}; this run ends here and removes nothing. "
        "When that run has ended, repeat this one, or remove the federation with: "
        f"ansible-playbook down.yml -e federation_name={federation}"
    )


# Who we are, and whether somebody else still is


def holder(process: int) -> Holder:
    """Describe a process of this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = str(os.getuid())
    return Holder(user, socket.gethostname(), process, started(process) or "", machine())


def machine() -> str:
    """Return what this machine is called until it boots again; empty where /proc does not say it.

    Containers share the boot and count processes of their own: the namespace of the process ids is a part of it.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Through a link, since pathlib would follow it to nowhere.
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115
    except OSError:
        return ""


def started(process: int) -> str | None:
    """Return when a process was started, in the kernel's own count; empty when it has ended, None when unknown."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # A program's name stands in brackets and may hold anything.
    state, *rest = status.rpartition(")")[2].split()
    return "" if state in ENDED_STATES else rest[18]


def lives(whom: Holder) -> bool | None:
    """Say whether a holder's process lives; None when it is another machine's, or cannot be told."""
    here = machine()
    if not here or whom.machine != here or whom.host != socket.gethostname() or whom.process <= 0:
        return None
    try:
        os.kill(whom.process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's process, which need not be seen to be there
        pass
    since = started(whom.process)
    # Its number may be another process's by now.
    return None if since is None or not whom.started else since == whom.started
