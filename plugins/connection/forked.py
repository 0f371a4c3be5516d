"""Runs modules on this machine in forks of Ansible's own process, where boto3 has been imported already."""

from __future__ import annotations

DOCUMENTATION = r"""
name: forked
short_description: Run modules on this machine in forks of Ansible's own process
description:
  - A module for AWS takes half a second of processor time before it asks for anything, more than half of it for a new
    interpreter and for boto3. A fork of the process that runs the task has both. What belongs to Ansible is forgotten
    there, so that the module gets its own, from the payload, as anywhere else.
  - Whatever is not a module in Ansible's pipeline to this interpreter is C(ansible.builtin.local)'s, and so is
    everything on systems where a fork without a new program is not safe, such as macOS.
version_added: 0.1.0
author: [agraph-federation]
extends_documentation_fragment: [connection_pipelining]
options:
  become_success_timeout:
    description: As for C(ansible.builtin.local).
    type: int
    default: 10
    vars: [{name: ansible_local_become_success_timeout}]
  become_strip_preamble:
    description: As for C(ansible.builtin.local).
    type: bool
    default: true
    vars: [{name: ansible_local_become_strip_preamble}]
"""

import contextlib
import multiprocessing
import os
import shlex
import signal
import sys
import types
from pathlib import Path
from typing import BinaryIO

from ansible.plugins.connection.local import Connection as LocalConnection
from ansible.utils.display import Display

SAFE = sys.platform == "linux"
# What has to come from a module's own payload.
ANSIBLE = {"ansible", "ansible_collections", "plugins"}
STANDARD_FILES = 3
NOT_OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD)
display = Display()


class Connection(LocalConnection):
    """The connection to this machine."""

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command and return its exit code, its output and its errors."""
        if not (SAFE and in_data and is_this_interpreter(cmd)):
            ended: tuple[int, bytes, bytes] = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
            return ended
        self._connect()
        display.vvv(f"FORK for {cmd}", host=self._play_context.remote_addr)
        return run(in_data, self.cwd)


def is_this_interpreter(command: str) -> bool:
    """Say whether a command only starts the interpreter that runs this, which reads a program then."""
    words = shlex.split(command)
    if words[1:2] == ["-c"]:
        words = shlex.split(words[2])
    # What Ansible adds to each of its commands.
    if words[-3:] == ["&&", "sleep", "0"]:
        words = words[:-3]
    return len(words) == 1 and Path(words[0]).absolute() == Path(sys.executable)


def run(program: bytes, folder: str | None = None) -> tuple[int, bytes, bytes]:
    """Run a Python program in a fork of this process, as an interpreter of its own would; return what comes of it."""
    # In memory: an answer may be a secret.
    with in_memory("output") as output, in_memory("errors") as errors:
        fork = multiprocessing.get_context("fork").Process(target=become, args=(program, folder, output, errors))
        fork.start()
        try:
            fork.join()
        finally:
            # When the task's time is over; without it, this process could not end before its fork.
            fork.kill()
        output.seek(0)
        errors.seek(0)
        return fork.exitcode or 0, output.read(), errors.read()


def in_memory(name: str) -> BinaryIO:
    """Open a file that is on no disk."""
    return os.fdopen(os.memfd_create(name), "w+b")


def become(program: bytes, folder: str | None, output: BinaryIO, errors: BinaryIO) -> None:
    """Turn this process, a fork, into one that runs a program and has nothing of Ansible's in it."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    close_others()
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww"))
    for number in NOT_OURS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if folder:
        os.chdir(folder)
    forget_ansible()
    sys.argv = ["-"]
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    exec(compile(program, "<stdin>", "exec"), vars(main))  # It is what the interpreter would do.


def close_others() -> None:
    """Close all files but the standard ones: most are Ansible's, which waits for their end elsewhere."""
    for number in [int(each.name) for each in Path("/proc/self/fd").iterdir()]:
        if number >= STANDARD_FILES:
            # The one by which they are listed is closed by now.
            with contextlib.suppress(OSError):
                os.close(number)


def forget_ansible() -> None:
    """Have what is Ansible's imported anew, and from where anybody finds it, rather than by Ansible's own finders."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ANSIBLE]:
        del sys.modules[name]
    sys.meta_path[:] = [each for each in sys.meta_path if not is_of_ansible(type(each))]
    sys.path_hooks[:] = [each for each in sys.path_hooks if not is_of_ansible(each)]
    sys.path_importer_cache.clear()


def is_of_ansible(thing: object) -> bool:
    """Say whether a class or a function, or a method's class, is one of Ansible's."""
    owner = getattr(thing, "__self__", thing)
    module = getattr(owner, "__module__", None) or type(owner).__module__
    return str(module).partition(".")[0] in ANSIBLE
