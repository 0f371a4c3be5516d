"""What the sandbox's journal says of a verb: how many calls, which of them make sessions, what was created when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

Journal = Sequence[dict[str, Any]]

SESSIONS = "StartSession"
SESSION_CALLS = {
    "ssm": {SESSIONS, "TerminateSession", "ResumeSession"},
    "s3": {"GetObject", "PutObject", "HeadObject", "DeleteObject", "HeadBucket", "GetBucketLocation"},
}
"""Sessions, and what carries modules to the nodes; the few HeadBucket of a bucket's own making are among them."""
THROTTLED = {"RequestLimitExceeded", "Throttling", "ThrottlingException"}


def own(journal: Journal) -> list[dict[str, Any]]:
    """Return the calls of the account's operator: not the nodes' and not the observer's."""
    return [call for call in journal if str(call["caller"]).endswith(":root")]


def counted(journal: Journal) -> dict[str, Any]:
    """Return the numbers: all calls, those that sessions make, sessions, refusals, and calls by operation."""
    calls = own(journal)
    for_sessions = sum(call["operation"] in SESSION_CALLS.get(call["service"], ()) for call in calls)
    return {
        "calls": len(calls) - for_sessions,
        "session_calls": for_sessions,
        "sessions": sum(call["operation"] == SESSIONS and call["status"] == 200 for call in calls),
        "throttled": sum(call["error"] in THROTTLED for call in calls),
        "operations": dict(Counter(f"{call['service']}:{call['operation']}" for call in calls).most_common()),
    }


def moment(call: dict[str, Any]) -> float:
    """Return when a call was answered, as Unix time."""
    return datetime.fromisoformat(call["time"]).timestamp()


def moments(journal: Journal) -> Iterable[tuple[float, str]]:
    """Yield the calls that changed something, each with its time."""
    for call in own(journal):
        in_sessions = call["operation"] in SESSION_CALLS.get(call["service"], ())
        if call["changing"] and call["status"] == 200 and not in_sessions:
            yield moment(call), str(call["operation"])
