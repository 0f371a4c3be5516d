"""The rules in force. All matching is done under one lock, so that counts are exact however many calls come at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from sandbox.faults.rules import Rule

PERMISSION = "UnauthorizedOperation"


class _Entry:
    """A rule, and what it has seen and done."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.matched = 0
        self.struck = 0
        self._held: set[str] = set()
        self._chance = random.Random(rule.seed)

    def is_due(self) -> bool:
        """Count one more that matches, and tell whether the rule strikes it."""
        self.matched += 1
        if self.matched <= self.rule.after:
            return False
        chosen = self.rule.share >= 1 or self._chance.random() < self.rule.share
        return chosen and (self.rule.times is None or self.struck < self.rule.times)

    def hold(self, identity: str) -> None:
        """Count what the rule holds, each once, however often it is looked at."""
        self._held.add(identity)
        self.matched = self.struck = len(self._held)


class Book:
    """The rules in force, in their order."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._entries = [_Entry(each) for each in rules]
        self.changed: list[Callable[[], None]] = []
        """To be called when other rules are in force."""

    def set(self, rules: Sequence[Rule]) -> None:
        """Put other rules in force, all counts at nothing."""
        with self._lock:
            self._entries = [_Entry(each) for each in rules]
        for tell in self.changed:
            tell()

    def listed(self) -> list[dict[str, Any]]:
        """Return the rules as they were written, with how many each matched and struck."""
        with self._lock:
            return [{**each.rule.given, "matched": each.matched, "struck": each.struck} for each in self._entries]

    def strike_call(self, service: str, operation: str, changing: bool, is_dry_run: bool = False) -> list[Rule]:
        """Count a call, and return the rules that strike it: delays, and the first that does something else.

        A dry run only asks for permission: of the rules for its operation, those that refuse it are for it as well.
        """

        def is_about(rule: Rule) -> bool:
            return (
                rule.kind == "call"
                and fnmatchcase(operation, rule.values.get("operation", "*"))
                and rule.values.get("service") in (None, service)
                and rule.values.get("changing") in (None, changing)
                and (not is_dry_run or "operation" not in rule.values or rule.values.get("error") == PERMISSION)
            )

        return self._strike(is_about)

    def strike(
        self,
        kind: str,
        actions: Sequence[str],
        name: Callable[[], str],
        fits: Callable[[Rule], bool] = lambda rule: True,
    ) -> Rule | None:
        """Count something that happens to what has this name, and return the rule that strikes it, if one does.

        The name is asked for only where a rule of this kind stands, and before any lock is taken.
        """
        if not self._has(kind):
            return None
        called = name()
        struck = self._strike(lambda rule: rule.action in actions and _is_about(rule, kind, called) and fits(rule))
        return struck[0] if struck else None

    def holds(self, kind: str, action: str, identity: str, name: Callable[[], str]) -> bool:
        """Tell whether a rule that is a state stands for what has this name; in its counts, each identity is one."""
        if not self._has(kind):
            return False
        called = name()
        with self._lock:
            holding = [e for e in self._entries if e.rule.action == action and _is_about(e.rule, kind, called)]
            for each in holding:
                each.hold(identity)
            return bool(holding)

    def _has(self, kind: str) -> bool:
        return any(each.rule.kind == kind for each in self._entries)

    def _strike(self, is_about: Callable[[Rule], bool]) -> list[Rule]:
        with self._lock:
            due = [each for each in self._entries if is_about(each.rule) and each.is_due()]
            decisive = [each for each in due if each.rule.action != "delay"][:1]
            striking = [each for each in due if each.rule.action == "delay" or each in decisive]
            for each in striking:
                each.struck += 1
            return [each.rule for each in striking]


def _is_about(rule: Rule, kind: str, name: str) -> bool:
    return rule.kind == kind and fnmatchcase(name, rule.values.get("name", "*"))
