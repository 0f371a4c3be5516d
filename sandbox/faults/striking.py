"""What a rule does to a call of the API: around the answer, and never while a lock is held."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from sandbox.cloud import protocols
from sandbox.cloud.bodies import buffer, drain
from sandbox.cloud.calls import Call
from sandbox.cloud.journal import Journal, is_changing
from sandbox.faults.book import Book
from sandbox.faults.rules import Rule

LOG = logging.getLogger(__name__)
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Work = Callable[[Call, Environ, StartResponse], Iterable[bytes]]


class Striking:
    """Has calls answered, or not, as the rules in force say."""

    def __init__(self, book: Book, journal: Journal) -> None:
        self._book = book
        self._journal = journal

    def answer(self, call: Call, environ: Environ, start_response: StartResponse, work: Work) -> Iterable[bytes]:
        """Answer a call with `work`, unless a rule strikes it."""
        changing = is_changing(call.operation) and not call.is_dry_run
        rules = self._book.strike_call(call.service, call.operation, changing, call.is_dry_run)
        if not rules:
            return work(call, environ, start_response)
        call = dataclasses.replace(call, fault=", ".join(_words(each) for each in rules))
        time.sleep(sum(each.values["delay"] for each in rules if each.action == "delay"))
        for rule in rules:
            match rule.action:
                case "error" | "status":
                    return self._refuse(call, environ, start_response, rule)
                case "drop":
                    self._drop(call, environ, start_response, work, rule.values["drop"])
                case "kill":
                    _kill(call, environ, start_response, work, rule)
        return work(call, environ, start_response)

    def _refuse(self, call: Call, environ: Environ, start_response: StartResponse, rule: Rule) -> Sequence[bytes]:
        """Answer with an error of the service, or as a server in front of it does: a status and nothing else."""
        drain(environ)
        if rule.action == "error":
            answer = protocols.error(call, rule.values["error"], rule.values.get("message"), rule.values.get("status"))
        else:
            answer = protocols.Answer(rule.values["status"], "text/html", b"", str(rule.values["status"]))
        self._journal.write(call, call.access_key_id, answer.status, answer.code)
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        start_response(f"{answer.status} Refused", headers)
        return [answer.body]

    def _drop(self, call: Call, environ: Environ, start_response: StartResponse, work: Work, when: str) -> NoReturn:
        """Close the connection, without having done the work or after it."""
        if when == "after":
            list(work(call, environ, start_response))
        else:
            drain(environ)
            self._journal.write(call, call.access_key_id, 0, None)
        _hang_up(environ)


def _kill(call: Call, environ: Environ, start_response: StartResponse, work: Work, rule: Rule) -> NoReturn:
    """Kill a process group when the work is done, or first and do the work all the same."""
    if rule.values.get("when") == "in_flight":
        buffer(environ)
        _kill_group(rule.values["kill"])
        time.sleep(rule.values.get("delay", 0))
        list(work(call, environ, start_response))
    else:
        list(work(call, environ, start_response))
        _kill_group(rule.values["kill"])
    _hang_up(environ)


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError as reason:
        LOG.warning("process group %s, which a fault was to kill, could not be: %s", group, reason.strerror)


def _hang_up(environ: Environ) -> NoReturn:
    """Close the connection for good: no answer, and no further request on it."""
    with contextlib.suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("a fault closed the connection")


def _words(rule: Rule) -> str:
    """Return what the journal says of a rule that struck."""
    if rule.action == "kill":
        return f"kill {rule.values['kill']} {rule.values.get('when', 'after')}"
    return f"{rule.action} {rule.values[rule.action]}"
