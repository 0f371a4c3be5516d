"""The rules in force. All matching is done under one lock, so that counts are exact however many calls come at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from sandbox.faults.rules import Rule


class _Entry:
    """A rule, and what it has seen and done."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.matched = 0
        self.struck = 0
        self._chance = random.Random(rule.seed)

    def is_due(self) -> bool:
        """Count one more that matches, and tell whether the rule strikes it."""
        self.matched += 1
        if self.matched <= self.rule.after:
            return False
        chosen = self.rule.share >= 1 or self._chance.random() < self.rule.share
        return chosen and (self.rule.times is None or self.struck < self.rule.times)


class Book:
    """The rules in force, in their order."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._entries = [_Entry(each) for each in rules]

    def set(self, rules: Sequence[Rule]) -> None:
        """Put other rules in force, all counts at nothing."""
        with self._lock:
            self._entries = [_Entry(each) for each in rules]

    def listed(self) -> list[dict[str, Any]]:
        """Return the rules as they were written, with how many each matched and struck."""
        with self._lock:
            return [{**each.rule.given, "matched": each.matched, "struck": each.struck} for each in self._entries]

    def strike_call(self, service: str, operation: str, changing: bool) -> list[Rule]:
        """Count a call, and return the rules that strike it: delays, and the first that does something else."""

        def is_about(rule: Rule) -> bool:
            return (
                rule.kind == "call"
                and fnmatchcase(operation, rule.values.get("operation", "*"))
                and rule.values.get("service") in (None, service)
                and rule.values.get("changing") in (None, changing)
            )

        with self._lock:
            due = self._due(is_about)
            decisive = [each for each in due if each.rule.action != "delay"][:1]
            striking = [each for each in due if each.rule.action == "delay" or each in decisive]
            for each in striking:
                each.struck += 1
            return [each.rule for each in striking]

    def _due(self, is_about: Callable[[Rule], bool]) -> list[_Entry]:
        return [each for each in self._entries if is_about(each.rule) and each.is_due()]
