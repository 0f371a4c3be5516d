"""The node's side of a session: a terminal with a shell behind the data channel's frames."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pwd
import signal
import struct
import subprocess
import termios
import time
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.session_manager.conversation import WINDOW, Conversation
from session_manager_plugin import frames
from session_manager_plugin.frames import Frame, FrameError

_LINGER: Final = 60.0
"""Seconds that the rest of an ended shell's output waits for a client that was cut off."""
_LAST_WORDS: Final = 3.0
"""Seconds that the end waits for a client that is there and does not acknowledge."""
_UNPROMPTED: Final = 1.0
"""Seconds after which the output of a command that nobody types to is sent without waiting for the client."""


@dataclass
class Shell(Conversation):
    """One session: the terminal and the process behind the frames.

    Output is held until the client has sent input or its terminal's size: before that, AWS's plugin throws it away.
    The terminal itself does the holding: it is not read.
    """

    _process: subprocess.Popen[bytes] | None = None
    _terminal: int | None = None
    _process_handle: int | None = None
    _to_terminal: bytearray = field(default_factory=bytearray)
    _reading: bool = False
    _released: bool = False
    _ended: float | None = None

    def _begin(self, client_version: str) -> None:
        self._start()

    def _hear(self, frame: Frame) -> None:
        if frame.payload_type == frames.OUTPUT:
            self._start()
            self._release()
            self._to_terminal += frame.payload
            self._write()
        elif frame.payload_type == frames.SIZE:
            self._start()
            self._resize(frame.json())
            self._release()

    def _start(self) -> None:
        if self._process is not None or self._done:
            return
        controller, terminal = os.openpty()
        try:
            command, environment, account = self._launch()
            if account is not None:
                os.fchown(terminal, account.pw_uid, -1)
            self._process = subprocess.Popen(
                command,
                executable="/bin/bash",
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                env=environment,
                cwd="/usr/bin",
                user=account and account.pw_uid,
                group=account and account.pw_gid,
                extra_groups=account and os.getgrouplist(account.pw_name, account.pw_gid),
                start_new_session=True,
                preexec_fn=_take_terminal,  # noqa: PLW1509  the agent has one thread
            )
        except (OSError, KeyError, subprocess.SubprocessError) as error:
            os.close(controller)
            self._finish(f"The shell could not be started: {error}")
            return
        finally:
            os.close(terminal)
        os.set_blocking(controller, False)
        self._terminal = controller
        self._process_handle = os.pidfd_open(self._process.pid)
        asyncio.get_running_loop().add_reader(self._process_handle, self._on_exit)

    def _launch(self) -> tuple[list[str], dict[str, str], pwd.struct_passwd | None]:
        """Bash under the name `sh`, as on Amazon Linux, where `sh` is bash; None: as whom the agent runs."""
        account = pwd.getpwnam(self.request.user) if self.request.user else pwd.getpwuid(os.getuid())
        environment = {
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PATH": os.environ.get("PATH") or "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": account.pw_dir,
            "USER": account.pw_name,
            "LOGNAME": account.pw_name,
            "SHELL": "/bin/bash",
            **self.request.environment,
        }
        command = ["sh", "-c", self.request.command] if self.request.command else ["sh"]
        return command, environment, account if self.request.user else None

    def _resize(self, size: dict[str, Any]) -> None:
        if self._terminal is None:
            return
        try:
            window = struct.pack("HHHH", int(size["rows"]), int(size["cols"]), 0, 0)
        except (KeyError, TypeError, ValueError, struct.error) as error:
            raise FrameError("a size without columns and rows") from error
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, window)

    def _release(self) -> None:
        if not self._released:
            self._released = True
            self._read_while_there_is_room()

    def _read_while_there_is_room(self) -> None:
        wanted = self._released and self._terminal is not None and len(self._outbox) < WINDOW
        if self._terminal is None or wanted == self._reading:
            return
        self._reading = wanted
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(self._terminal, self._read)
        else:
            loop.remove_reader(self._terminal)

    def _read(self) -> None:
        assert self._terminal is not None
        try:
            data = os.read(self._terminal, frames.MAXIMUM_PAYLOAD)
        except BlockingIOError:
            data = b""
            if self._ended is None:
                return
        except OSError:
            # Every process has closed the terminal.
            data = b""
        if data:
            self._emit(frames.OUTPUT, data)
            self._read_while_there_is_room()
            return
        self._close_terminal()
        self._close_when_delivered()

    def _write(self) -> None:
        if self._terminal is None:
            self._to_terminal.clear()
            return
        loop = asyncio.get_running_loop()
        try:
            while self._to_terminal:
                written = os.write(self._terminal, self._to_terminal)
                del self._to_terminal[:written]
        except BlockingIOError:
            loop.add_writer(self._terminal, self._write)
            return
        except OSError:
            self._to_terminal.clear()
        loop.remove_writer(self._terminal)

    def _on_exit(self) -> None:
        """The shell has ended; what it left in the terminal still goes out."""
        assert self._process is not None
        self._forget_process()
        self._process.wait()
        self._ended = time.monotonic()
        while self._reading and self._terminal is not None:
            self._read()
        self._close_when_delivered()

    def _has_room(self) -> None:
        self._read_while_there_is_room()
        self._close_when_delivered()

    def _look(self, now: float) -> None:
        if self._attached:
            self._read_while_there_is_room()
        if self.request.command and self._process is not None and now - self._created > _UNPROMPTED:
            self._release()
        if self._ended is not None:
            if self._terminal is not None and self._reading:
                # Something in the background still holds the terminal: its shell is over all the same.
                self._read()
            self._close_when_delivered()
            if now - self._ended > (_LAST_WORDS if self._attached else _LINGER):
                self._finish("")

    def _close_when_delivered(self) -> None:
        if self._ended is not None and self._terminal is None and not self._outbox:
            self._finish("")

    def _close_terminal(self) -> None:
        if self._terminal is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._terminal)
            loop.remove_writer(self._terminal)
            os.close(self._terminal)
            self._terminal = None
            self._reading = False

    def _forget_process(self) -> None:
        if self._process_handle is not None:
            asyncio.get_running_loop().remove_reader(self._process_handle)
            os.close(self._process_handle)
            self._process_handle = None

    def _end(self) -> None:
        """Hang up, and see to it that nothing in the shell's own process group stays."""
        self._forget_process()
        self._close_terminal()
        if self._process is None or self._process.poll() is not None:
            return
        for number in (signal.SIGHUP, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.2)
                return


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
