"""How the command line reaches a running sandbox: a socket in its directory, for its owner only.

One line of JSON goes each way: `{"do": "set", "rules": […]}`, `{"do": "list"}`; the answer has `rules`, or an `error`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.faults.book import Book
from sandbox.faults.rules import RuleError, rules_of

NAME = "control"
TIMEOUT = 10.0


class ControlError(Exception):
    """Why a sandbox does not take rules: one sentence with the remedy."""


class Control:
    """The sandbox's end of the socket."""

    def __init__(self, directory: Path, book: Book) -> None:
        self._book = book
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        (directory / NAME).unlink(missing_ok=True)
        with _short(directory) as path:
            self._socket.bind(path)
        (directory / NAME).chmod(0o600)
        self._socket.listen()

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def close(self) -> None:
        """Answer nobody any more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(TIMEOUT)
                with connection.makefile("rw", encoding="utf-8") as file:
                    file.write(json.dumps(self._answer(file.readline())) + "\n")

    def _answer(self, asked: str) -> dict[str, Any]:
        try:
            message = json.loads(asked)
            if message["do"] == "set":
                rules = rules_of(message["rules"])
                own = [each for each in rules if each.values.get("kill") == os.getpgrp()]
                if own:
                    return {"error": f"The process group {os.getpgrp()} is the sandbox's own: name another to kill."}
                self._book.set(rules)
            return {"rules": self._book.listed()}
        except RuleError as reason:
            return {"error": str(reason)}
        except (ValueError, KeyError, TypeError):
            return {"error": "That is no order that this sandbox knows: use python -m sandbox faults."}


def ask(directory: Path, **message: Any) -> list[dict[str, Any]]:
    """Have a running sandbox do something, and return the rules that it has then."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, _short(directory) as path:
            connection.settimeout(TIMEOUT)
            connection.connect(path)
            with connection.makefile("rw", encoding="utf-8") as file:
                file.write(json.dumps(message) + "\n")
                file.flush()
                answer = json.loads(file.readline())
    except (OSError, ValueError) as reason:
        raise ControlError(
            f"The sandbox does not answer at {directory / NAME} ({reason}): stop it and start it again."
        ) from None
    if "error" in answer:
        raise ControlError(answer["error"])
    return list(answer["rules"])


@contextlib.contextmanager
def _short(directory: Path) -> Iterator[str]:
    """Return a path to the socket that is short enough for one, wherever the directory lies."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
