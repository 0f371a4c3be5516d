"""What a person sees on the screen: phases, the table, what stands then, and one last line that scripts can rely on."""

from __future__ import annotations

DOCUMENTATION = r"""
name: federation
type: stdout
short_description: Phases, short task lines, a table, and one last line that says how it ended
description:
  - On a terminal, prints a line for each play, its phase, that says how long it took. While it is under way, the line
    says what is done, since when, and how long the phase usually takes - as in the latest runs of the same verb with a
    similar number of nodes, whose seconds are kept in C(durations.json) in C(ANSIBLE_HOME), or else as measured. A
    module with a long task writes one line on how far it is into the file that C(FEDERATION_PROGRESS_FILE) names.
  - Elsewhere, and in check mode, prints a line for each play and for each task that changed something, failed, or took
    its time.
  - At the end, in this order, a line with the counts, then the C(table), the C(text), which is written byte for byte,
    the C(summary), which says something by its titles, and the C(closing) line of the statistic C(federation_report)
    that a play has left with
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
import signal
import sys
import time
from pathlib import Path
from typing import Any

from ansible import constants as C  # noqa: N812  # the name that all of Ansible has for it
from ansible import context
from ansible.playbook.task_include import TaskInclude
from ansible.utils.vars import load_extra_vars

# Ansible loads a plugin by its file alone; what it consists of is found from there.
if (CHECKOUT := str(Path(__file__).resolve().parents[2])) not in sys.path:
    sys.path.append(CHECKOUT)

from plugins.plugin_utils import answers, durations, progress, summary
from plugins.plugin_utils.commands import completed, options
from plugins.plugin_utils.failures import (
    Failure,
    error_of,
    lost_of,
    message_of,
    says_again,
    sections_of,
    sentence_of,
    tracebacks_of,
)
from plugins.plugin_utils.forks import share
from plugins.plugin_utils.interruptions import interrupted, watch
from plugins.plugin_utils.live_line import LiveLine
from plugins.plugin_utils.phases import Phase
from plugins.plugin_utils.quiet import QuietCallback
from plugins.plugin_utils.task_lines import Line, Tasks, action_of

LONGEST_ITEM = 40
# What the closing counts are called, here and by Ansible.
COUNTS = {"ok": "ok", "changed": "changed", "unreachable": "dark", "failed": "failures", "rescued": "rescued"}
# Ctrl-C is how these end.
UNTIL_STOPPED = {"tunnel"}


class CallbackModule(QuietCallback):
    """The project's stdout callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "federation"

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()
        self._failures: list[Failure] = []
        self._items: dict[tuple[str, str], list[str]] = {}
        self._tasks = Tasks()
        self._phase: Phase | None = None
        # What of it is under way.
        self._text = ""
        self._kind: durations.Kind | None = None
        self._durations = Path(C.ANSIBLE_HOME) / "durations.json"
        self._took: dict[str, float] = {}
        self._verb = "the run"
        self._changes: list[str] = []
        self._options: dict[str, str] = {}
        if self._brief:
            # Some modules keep what AWS said to the traceback; nothing else of it is shown. Only those who run them,
            # forks of this process, are to keep one: what ends the run here, as Ctrl-C does, would be shown with it.
            os.register_at_fork(after_in_child=lambda: os.environ.setdefault("ANSIBLE_DISPLAY_TRACEBACK", "error"))
        self._terminal = self._brief and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        # Of what is only tried, each step is what a person wants to see.
        self._steps = not self._terminal
        self._live = LiveLine(lambda text: self._display.display(text, screen_only=True, newline=False), self._now_live)

    # What Ansible calls, in the order of a run

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Begin."""
        self._verb = Path(playbook._file_name).stem
        given = context.CLIARGS["inventory"]
        inventories = given if given and list(given) != list(C.DEFAULT_HOST_LIST) else ()
        self._options = options(inventories, load_extra_vars(playbook._loader), Path.cwd())
        watch(os.getpid(), self._interrupt)
        self._stop_file = Path(C.DEFAULT_LOCAL_TMP) / "stop"
        os.environ["FEDERATION_STOP_FILE"] = str(self._stop_file)
        os.environ["FEDERATION_COLUMNS"] = str(answers.columns())
        self._progress = progress.Progress(Path(C.DEFAULT_LOCAL_TMP) / "progress")
        os.environ[progress.VARIABLE] = str(self._progress.file)
        if not self._brief:
            super().v2_playbook_on_start(playbook)
        elif context.CLIARGS["check"]:
            self._display.display("check mode: nothing is going to be changed")
        self._steps = self._steps or context.CLIARGS["check"] or context.CLIARGS["diff"]
        if self._terminal:
            self._live.start()
            atexit.register(self._live.stop)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Begin a phase; its name is printed with the first task that has something to say."""
        share()
        if not self._brief:
            super().v2_playbook_on_play_start(play)
            return
        self._finish()
        self._end_phase()
        self._play = play
        if self._kind is None:
            self._kind = durations.kind_of(self._verb, play.get_variable_manager().get_vars(play=play))
        name = play.get_name().strip() if play.name else ""
        usual = durations.expected(self._kind, name, durations.read(self._durations)) if self._terminal else None
        self._text = ""
        self._phase = Phase(name, time.monotonic(), usual, headed=not name)

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

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Show, on a terminal, what is under way."""
        if not self._brief:
            super().v2_runner_on_start(host, task)
        else:
            self._tasks.start(task)
            self._show()

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Say nothing of it."""
        self._is_over(result)
        super().v2_runner_on_skipped(result)

    def v2_runner_retry(self, result: Any) -> None:
        """Show, on a terminal, that a task is tried again."""
        if not self._brief:
            super().v2_runner_retry(result)
        elif line := self._tasks.get(result.task):
            line.detail = f"attempt {result.result.get('attempts', 0)} of {result.result.get('retries', 0)}"
            self._show()

    def v2_runner_on_ok(self, result: Any) -> None:
        """Count a success."""
        self._is_over(result)
        if not self._brief:
            super().v2_runner_on_ok(result)
            return
        if isinstance(result.task, TaskInclude):
            return
        line = self._tasks.has_result(result.task)
        if result.result.get("changed", False):
            line.changed += 1
        else:
            line.ok += 1
        if action_of(result.task) == "debug":
            self._say(result.result)
        self._warn(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Remember a failure, and say it at once."""
        self._is_over(result)
        self._remember(result, ignored=ignore_errors)
        if not self._brief:
            super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Remember a node that cannot be reached, and say it at once."""
        self._is_over(result)
        self._remember(result, ignored=bool(result.task.ignore_unreachable), unreachable=True)
        if not self._brief:
            super().v2_runner_on_unreachable(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Show, on a terminal, how far a loop is."""
        if not self._brief:
            super().v2_runner_item_on_ok(result)
        elif line := self._tasks.get(result.task):
            line.detail = str(self._get_item_label(result.result))[:LONGEST_ITEM]
            self._show()

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Remember what an item says: the task's own failure does not have it."""
        self._items.setdefault((result.task._uuid, result.host.get_name()), []).append(
            message_of(result.task, result.result, tracebacks_of(result.exception))
        )
        if not self._brief:
            super().v2_runner_item_on_failed(result)

    def v2_on_file_diff(self, result: Any) -> None:
        """Keep a difference until its task's line is printed."""
        if not self._brief:
            super().v2_on_file_diff(result)
            return
        outcome = result.result
        for each in outcome["results"] if result.task.loop and "results" in outcome else [outcome]:
            if each.get("diff") and each.get("changed", False):
                self._tasks.has_result(result.task).diffs.append(self._get_diff(each["diff"]))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the ending."""
        failed = any(stats.failures.values()) or any(stats.dark.values())
        if self._brief:
            self._finish()
            self._end_phase()
            self._live.stop()
            if recap := self._recap(stats):
                self._display.display(recap)
            if self._kind and not failed and not context.CLIARGS["check"] and self._verb not in UNTIL_STOPPED:
                durations.keep(self._durations, durations.Run(self._kind, self._took))
        else:
            super().v2_playbook_on_stats(stats)
        report = stats.custom.get("_run", {}).get("federation_report", {})
        federation = os.environ.get("FEDERATION_NAME", "")
        error = report.get("error") or (error_of(self._failures, self._verb, federation) if failed else None)
        if table := report.get("table"):
            self._display.display(str(table))
        if text := report.get("text"):
            answers.written_as_it_is(str(text))
        if error:
            self._end(str(error))
        else:
            for line in summary.lines(report.get("summary", {})):
                self._display.display(completed(line, self._options))
            if closing := report.get("closing"):
                self._display.display(str(closing))
        if last := report.get("last"):
            self._display.display(str(last))

    # How it is done

    def _interrupt(self, number: int) -> bool:
        """Have an interrupted run end with a sentence of ours, after whatever Ansible says of it."""
        if number == signal.SIGINT and self._stop():
            return True
        self._live.stop()
        if number == signal.SIGINT:
            atexit.register(self._end_interrupted)
        else:
            self._end_interrupted()
        return False

    def _end_interrupted(self) -> None:
        self._end(interrupted(self._verb, os.environ.get("FEDERATION_NAME", ""), self._changes))

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
        if self._brief:
            self._finish(all_of_them=False)
        self._tasks.begin(task)

    def _is_over(self, result: Any) -> None:
        self._tasks.end(result.task)
        self._show()

    def _finish(self, all_of_them: bool = True) -> None:
        """Print the lines of the tasks that have ended."""
        for line in self._tasks.take_ended(all_of_them):
            self._finish_line(line)

    def _finish_line(self, line: Line) -> None:
        text = line.text(context.CLIARGS["check"])
        if line.changed:
            self._changes.append(line.title)
        if self._phase:
            self._phase.count(line)
        if text and (self._steps or line.failed):
            color = C.COLOR_ERROR if line.failed else C.COLOR_CHANGED if line.changed else C.COLOR_OK
            self._print(text, color)
            for said in line.failed:
                self._print(f"    {said}", C.COLOR_ERROR)
            for difference in line.diffs:
                with self._live.aside():
                    self._display.display(difference)

    def _print(self, text: str, color: str | None = None) -> None:
        with self._live.aside():
            if self._phase and not self._phase.headed:
                self._display.display(self._phase.name)
                self._phase.headed = True
            self._display.display(completed(text, self._options), color=color)

    def _end_phase(self) -> None:
        """Print the line that stays of a phase."""
        phase, now = self._phase, time.monotonic()
        self._phase = None
        if phase is None:
            return
        self._took[phase.name] = self._took.get(phase.name, 0.0) + now - phase.began
        if phase.name and not self._steps and phase.is_worth_a_line(now):
            color = C.COLOR_ERROR if phase.failed else C.COLOR_CHANGED if phase.changed else C.COLOR_OK
            with self._live.aside():
                self._display.display(phase.finished(now), color=color)

    def _show(self) -> None:
        """Choose what the line that lives says; between two tasks, still the one before."""
        self._progress.forget()
        self._text = self._tasks.under_way or self._text

    def _now_live(self, columns: int) -> str:
        """Return the line that lives; another thread asks."""
        phase = self._phase
        return phase.live(self._progress.line() or self._text, time.monotonic(), columns) if phase else ""

    def _say(self, result: dict[str, Any]) -> None:
        """Print what a debug task says; of its message, nothing of its data."""
        message = result.get("msg")
        for each in message if isinstance(message, list) else [message]:
            for text in str(each).splitlines() if each is not None else []:
                self._print(f"  {text}")

    def _warn(self, result: Any) -> None:
        if result.warnings:
            result.result.pop("deprecations", None)
            with self._live.aside():
                self._handle_warnings(result.result)

    def _remember(self, result: Any, ignored: bool, unreachable: bool = False) -> None:
        task, name = result.task, self._tasks.name_of(result.task)
        items = self._items.pop((task._uuid, result.host.get_name()), ())
        text = message_of(task, result.result, tracebacks_of(result.exception), items)
        sentence = lost_of(result.host, text, unreachable) or sentence_of(name, task, result.host, text)
        repeatable = not (task._role and task._role.get_name() == "settings")
        again = says_again(task)
        sections = list(sections_of(task))
        self._failures.append(Failure(task._uuid, sentence, ignored, sections, unreachable, repeatable, again))
        if self._brief:
            line = self._tasks.has_result(result.task)
            if ignored:
                line.ignored += 1
            elif not again:
                line.failed.append(sentence)

    def _recap(self, stats: Any) -> str:
        counts = {name: sum(getattr(stats, kind).values()) for name, kind in COUNTS.items()}
        now = time.monotonic()
        if not self._steps:
            if len(self._took) == 1:
                return ""
            failed = counts["failed"] + counts["unreachable"]
            return Phase("Total", self._started, changed=len(self._changes), failed=failed).finished(now)
        told = " ".join(f"{name}={count}" for name, count in counts.items())
        return f"done: {told} in {now - self._started:.0f} s"
