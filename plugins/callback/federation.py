"""What a person sees on the screen: phases, short task lines, the table, and one last line that scripts can rely on."""

from __future__ import annotations

DOCUMENTATION = r"""
name: federation
type: stdout
short_description: Phases, short task lines, a table, and one last line that says how it ended
description:
  - Prints a line for each play and for each task that changed something, failed, or took its time.
  - At the end, in this order, a line with the counts, then the C(table), the C(text), which is written byte for byte,
    and the C(closing) line of the statistic C(federation_report) that a play has left with
    M(ansible.builtin.set_stats).
  - After a failure the last line is C(ERROR:) and a sentence, the original error even where a rescue cleaned up after
    it; C(federation_report.error) replaces it. C(federation_report.last) is printed after either.
  - A run that is interrupted ends with C(ERROR:), what stands, and how to go on. A C(tunnel) that is interrupted has
    ended well, by the file that C(FEDERATION_STOP_FILE) names; a second time interrupts it like any other.
  - Hands the terminal's width on as C(FEDERATION_COLUMNS), or what C(COLUMNS) says, or C(0) where there is neither.
  - Commands inside of sentences are completed with the inventory and the settings that this run was given.
  - With C(-v) and above, Ansible's own default output, and the same ending.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout in configuration
"""

import atexit
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from ansible import constants as C  # noqa: N812  # the name that all of Ansible has for it
from ansible import context
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as DefaultCallback
from ansible.utils.vars import load_extra_vars

# Ansible loads a plugin by its file alone; what it consists of is found from there.
if (CHECKOUT := str(Path(__file__).resolve().parents[2])) not in sys.path:
    sys.path.append(CHECKOUT)

from plugins.plugin_utils import answers
from plugins.plugin_utils.commands import completed, options
from plugins.plugin_utils.failures import (
    Failure,
    lost_of,
    message_of,
    original,
    says_again,
    sections_of,
    sentence_of,
    with_next_command,
)
from plugins.plugin_utils.interruptions import interrupted
from plugins.plugin_utils.task_lines import Line, action_of, is_silent

LONGEST_ITEM = 40
# Ctrl-C is how these end.
UNTIL_STOPPED = {"tunnel"}
ERASE = "\r\033[K"


class CallbackModule(DefaultCallback):
    """The project's stdout callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "federation"

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()
        self._failures: list[Failure] = []
        self._names: dict[str, str] = {}
        self._items: dict[tuple[str, str], list[str]] = {}
        # The tasks under way, by their uuid: one, or under a free strategy one on each host.
        self._lines: dict[str, Line] = {}
        self._phase: str | None = None
        self._verb = "the run"
        self._changes: list[str] = []
        self._options: dict[str, str] = {}
        self._brief = self._display.verbosity == 0
        if self._brief:
            # Some modules keep what AWS said to the traceback; nothing else of it is shown.
            os.environ.setdefault("ANSIBLE_DISPLAY_TRACEBACK", "error")
        self._terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    # What Ansible calls, in the order of a run

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Begin."""
        self._verb = Path(playbook._file_name).stem
        given = context.CLIARGS["inventory"]
        inventories = given if given and list(given) != list(C.DEFAULT_HOST_LIST) else ()
        self._options = options(inventories, load_extra_vars(playbook._loader), Path.cwd())
        self._watch(os.getpid())
        self._stop_file = Path(C.DEFAULT_LOCAL_TMP) / "stop"
        os.environ["FEDERATION_STOP_FILE"] = str(self._stop_file)
        os.environ["FEDERATION_COLUMNS"] = str(answers.columns())
        if not self._brief:
            super().v2_playbook_on_start(playbook)
        elif context.CLIARGS["check"]:
            self._display.display("check mode: nothing is going to be changed")

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Remember the phase; it is printed with the first task that has something to say."""
        if not self._brief:
            super().v2_playbook_on_play_start(play)
            return
        self._finish()
        self._play = play
        self._phase = play.get_name().strip() if play.name else None

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Begin a task."""
        self._begin(task)
        if not self._brief:
            super().v2_playbook_on_task_start(task, is_conditional)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """Begin a handler."""
        self._begin(task)
        if not self._brief:
            super().v2_playbook_on_handler_task_start(task)

    def v2_runner_retry(self, result: Any) -> None:
        """Show, on a terminal, that a task is tried again."""
        if not self._brief:
            super().v2_runner_retry(result)
        elif line := self._lines.get(result.task._uuid):
            attempts, retries = result.result.get("attempts", 0), result.result.get("retries", 0)
            self._transient(f"{line.title}: attempt {attempts} of {retries}")

    def v2_runner_on_ok(self, result: Any) -> None:
        """Count a success."""
        if not self._brief:
            super().v2_runner_on_ok(result)
            return
        if isinstance(result.task, TaskInclude):
            return
        line = self._line_for(result)
        if result.result.get("changed", False):
            line.changed += 1
        else:
            line.ok += 1
        if action_of(result.task) == "debug":
            self._say(result.result)
        self._warn(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Remember a failure, and say it at once."""
        self._remember(result, ignored=ignore_errors)
        if not self._brief:
            super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Remember a node that cannot be reached, and say it at once."""
        self._remember(result, ignored=bool(result.task.ignore_unreachable), unreachable=True)
        if not self._brief:
            super().v2_runner_on_unreachable(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Show, on a terminal, how far a loop is."""
        if not self._brief:
            super().v2_runner_item_on_ok(result)
        elif line := self._lines.get(result.task._uuid):
            self._transient(f"{line.title}: {str(self._get_item_label(result.result))[:LONGEST_ITEM]}")

    def v2_on_file_diff(self, result: Any) -> None:
        """Keep a difference until its task's line is printed."""
        if not self._brief:
            super().v2_on_file_diff(result)
            return
        outcome = result.result
        for each in outcome["results"] if result.task.loop and "results" in outcome else [outcome]:
            if each.get("diff") and each.get("changed", False):
                self._line_for(result).diffs.append(self._get_diff(each["diff"]))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the ending."""
        if self._brief:
            self._finish()
            self._display.display(self._recap(stats))
        else:
            super().v2_playbook_on_stats(stats)
        report = stats.custom.get("_run", {}).get("federation_report", {})
        failed = any(stats.failures.values()) or any(stats.dark.values())
        error = report.get("error") or (self._error() if failed else None)
        if table := report.get("table"):
            self._display.display(str(table))
        if text := report.get("text"):
            answers.written_as_it_is(str(text))
        if error:
            self._end(str(error))
        elif closing := report.get("closing"):
            self._display.display(str(closing))
        if last := report.get("last"):
            self._display.display(str(last))

    # What Ansible's own output shows and the short one leaves out

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Say nothing."""
        if not self._brief:
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        """Say nothing."""
        if not self._brief:
            super().v2_runner_item_on_skipped(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Remember what an item says: the task's own failure does not have it."""
        self._items.setdefault((result.task._uuid, result.host.get_name()), []).append(
            message_of(result.task, result.result)
        )
        if not self._brief:
            super().v2_runner_item_on_failed(result)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Say nothing."""
        if not self._brief:
            super().v2_playbook_on_include(included_file)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Say nothing."""
        if not self._brief:
            super().v2_playbook_on_no_hosts_matched()

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        """Say nothing: the last line does."""
        if not self._brief:
            super().v2_playbook_on_no_hosts_remaining()

    def v2_runner_on_async_poll(self, result: Any) -> None:
        """Say nothing."""
        if not self._brief:
            super().v2_runner_on_async_poll(result)

    def v2_runner_on_async_ok(self, result: Any) -> None:
        """Say nothing."""
        if not self._brief:
            super().v2_runner_on_async_ok(result)

    def v2_runner_on_async_failed(self, result: Any) -> None:
        """Say nothing: the task's own failure has it."""
        if not self._brief:
            super().v2_runner_on_async_failed(result)

    # How it is done

    def _watch(self, process: int) -> None:
        """Have an interrupted run end with a sentence of ours, after whatever Ansible says of it."""

        def say_it() -> None:
            self._erase()
            self._end(interrupted(self._verb, os.environ.get("FEDERATION_NAME", ""), self._changes))

        def wrapped(before: Any) -> Any:
            def handle(number: int, frame: Any) -> None:
                if os.getpid() == process and number == signal.SIGINT and self._stop():
                    return
                # A worker has these handlers, too, until it has its own.
                if os.getpid() == process and number == signal.SIGINT:
                    atexit.register(say_it)
                elif os.getpid() == process:
                    say_it()
                if callable(before):
                    before(number, frame)

            return handle

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, wrapped(signal.getsignal(number)))

    def _stop(self) -> bool:
        """Ask a verb that only ends when it is told to for its end; say whether that is now under way."""
        if self._verb not in UNTIL_STOPPED or self._stop_file.exists():
            return False
        self._stop_file.touch()
        return True

    def _end(self, error: str) -> None:
        sentence = completed(" ".join(error.split()), self._options)
        self._display.display(f"ERROR: {sentence}", color=C.COLOR_ERROR)

    def _begin(self, task: Any) -> None:
        # The name is templated only while this event lasts.
        name = str(task.name or task.get_name()).strip()
        title = name.rpartition(" | ")[2]
        if task._role:
            title = f"{task._role.get_name()} | {title}"
        self._names[task._uuid] = title
        if self._brief:
            self._finish(running=True)
            line = self._lines.setdefault(task._uuid, Line(title, time.monotonic(), is_silent(task)))
            if not line.silent:
                self._transient(title)

    def _line_for(self, result: Any) -> Line:
        """Return the task's line."""
        task = result.task
        name = self._names.get(task._uuid, str(task.get_name()))
        line = self._lines.setdefault(task._uuid, Line(name, time.monotonic(), is_silent(task)))
        line.ended = time.monotonic()
        return line

    def _finish(self, running: bool = False) -> None:
        """Print the lines of the tasks that have ended; the others may be running in another lane."""
        for uuid, line in list(self._lines.items()):
            if not running or line.ended:
                del self._lines[uuid]
                self._finish_line(line)

    def _finish_line(self, line: Line) -> None:
        text = line.text(context.CLIARGS["check"])
        if line.changed:
            self._changes.append(line.title)
        if text:
            color = C.COLOR_ERROR if line.failed else C.COLOR_CHANGED if line.changed else C.COLOR_OK
            self._print(text, color)
            for said in line.failed:
                self._print(f"    {said}", C.COLOR_ERROR)
            for difference in line.diffs:
                self._display.display(difference)
        else:
            self._erase()

    def _print(self, text: str, color: str | None = None) -> None:
        self._erase()
        if self._phase:
            self._display.display(self._phase)
            self._phase = None
        self._display.display(completed(text, self._options), color=color)

    def _transient(self, text: str) -> None:
        """Show what is under way, on a terminal only, on a line that the next text replaces."""
        if self._terminal:
            lead = f"{self._phase}: " if self._phase else "  "
            room = shutil.get_terminal_size().columns - 1
            self._display.display(ERASE + f"{lead}{text} ..."[:room], screen_only=True, newline=False)

    def _erase(self) -> None:
        if self._terminal:
            self._display.display(ERASE, screen_only=True, newline=False)

    def _say(self, result: dict[str, Any]) -> None:
        """Print what a debug task says; of its message, nothing of its data."""
        message = result.get("msg")
        for each in message if isinstance(message, list) else [message]:
            for text in str(each).splitlines() if each is not None else []:
                self._print(f"  {text}")

    def _warn(self, result: Any) -> None:
        if result.warnings:
            self._erase()
            result.result.pop("deprecations", None)
            self._handle_warnings(result.result)

    def _remember(self, result: Any, ignored: bool, unreachable: bool = False) -> None:
        task, name = result.task, self._names.get(result.task._uuid, str(result.task.get_name()))
        text = message_of(task, result.result, self._items.pop((task._uuid, result.host.get_name()), ()))
        sentence = lost_of(result.host, text, unreachable) or sentence_of(name, task, result.host, text)
        repeatable = not (task._role and task._role.get_name() == "settings")
        again = says_again(task)
        sections = list(sections_of(task))
        self._failures.append(Failure(task._uuid, sentence, ignored, sections, unreachable, repeatable, again))
        if self._brief:
            line = self._line_for(result)
            if ignored:
                line.ignored += 1
            elif not again:
                line.failed.append(sentence)

    def _error(self) -> str:
        failure = original(self._failures)
        if failure is None:
            return "The run failed without saying why. Run it again with -v to see all of it."
        others = {
            each.sentence for each in self._failures if each.task_uuid == failure.task_uuid and not each.ignored
        } - {failure.sentence}
        sentence = failure.sentence + (f" (The same task failed on {len(others)} more.)" if others else "")
        if not failure.repeatable:
            return sentence
        return with_next_command(sentence, self._verb, os.environ.get("FEDERATION_NAME", ""))

    def _recap(self, stats: Any) -> str:
        kinds = {"ok": "ok", "changed": "changed", "unreachable": "dark", "failed": "failures", "rescued": "rescued"}
        counts = " ".join(f"{name}={sum(getattr(stats, kind).values())}" for name, kind in kinds.items())
        return f"done: {counts} in {time.monotonic() - self._started:.0f} s"
