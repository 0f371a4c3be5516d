"""What Ansible's own output shows of a run, and a short one leaves out."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback.default import CallbackModule as DefaultCallback


class QuietCallback(DefaultCallback):
    """Ansible's own callback with `-v`; without it, nothing of what is here."""

    def __init__(self) -> None:
        super().__init__()
        self._brief = self._display.verbosity == 0

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Say nothing."""
        if not self._brief:
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        """Say nothing."""
        if not self._brief:
            super().v2_runner_item_on_skipped(result)

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
