"""The rules of faults: what they may say, and which call each strikes."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sandbox.faults.book import Book
from sandbox.faults.rules import RuleError, parse, rules_of


def struck(book: Book, *calls: tuple[str, str, bool]) -> list[list[str]]:
    """Return the actions that strike each of these calls."""
    return [[rule.action for rule in book.strike_call(*call)] for call in calls]


CREATE, DESCRIBE = ("ec2", "CreateVpc", True), ("ec2", "DescribeVpcs", False)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"operation": "CreateVpc"}, "does nothing: give it one of kill, error, drop, status, delay."),
        ({"operation": "CreateVpc", "error": "X", "every": 2}, 'has the unknown key "every": it may have operation,'),
        ({"operation": "CreateVpc", "error": "X", "drop": "before"}, '"drop", which does not go with "error"'),
        ({"error": "X", "when": "after"}, '"when", which does not go with "error"'),
        ({"drop": "sometimes"}, 'has "sometimes" for "drop": give "before" or "after".'),
        ({"kill": 1}, 'has 1 for "kill": give the id of a process group, 2 or more.'),
        ({"kill": True}, "the id of a process group"),
        ({"kill": 12, "delay": 1}, 'which only a kill "in_flight" takes'),
        ({"status": 404}, "has the status 404 without an error"),
        ({"delay": -1}, "a number of seconds, 0 or more"),
        ({"error": "X", "times": 0}, "1 or more, or null for every time"),
        ({"error": "X", "after": 1.5}, "a whole number, 0 or more"),
        ({"error": "X", "share": 0}, "a number above 0, up to 1"),
        ({"error": "X", "changing": 1}, "true or false"),
        ("CreateVpc", "Rule 2 is not an object"),
    ],
)
def test_a_wrong_rule_is_refused_with_the_remedy(rule: Any, said: str) -> None:
    with pytest.raises(RuleError) as refused:
        rules_of([{"error": "X"}, rule])
    assert said in str(refused.value)
    assert str(refused.value).startswith("Rule 2 ")


@pytest.mark.parametrize("text", ["{", '{"error": "X"}', '"error"'])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(RuleError, match=r"write a list|write one such as"):
        parse(text)


def test_a_rule_strikes_once_after_those_that_it_lets_pass() -> None:
    book = Book(rules_of([{"operation": "CreateVpc", "after": 1, "error": "X"}]))
    assert struck(book, CREATE, DESCRIBE, CREATE, CREATE) == [[], [], ["error"], []]
    (listed,) = book.listed()
    assert listed == {"operation": "CreateVpc", "after": 1, "error": "X", "matched": 3, "struck": 1}


def test_null_means_every_time() -> None:
    book = Book(rules_of([{"times": None, "drop": "before"}]))
    assert struck(book, *[CREATE] * 4) == [["drop"]] * 4


def test_changing_service_and_pattern_choose() -> None:
    assert struck(Book(rules_of([{"changing": True, "status": 500}])), DESCRIBE, CREATE) == [[], ["status"]]
    assert struck(Book(rules_of([{"changing": False, "status": 500}])), CREATE, DESCRIBE) == [[], ["status"]]
    book = Book(rules_of([{"service": "s3", "operation": "Put*", "status": 500}]))
    assert struck(book, CREATE, ("ssm", "PutParameter", True), ("s3", "PutObject", True)) == [[], [], ["status"]]


def test_a_share_is_about_that_many_and_the_same_for_the_same_seed() -> None:
    def chosen(seed: int) -> list[bool]:
        book = Book(rules_of([{"share": 0.2, "seed": seed, "error": "X"}]))
        return [bool(each) for each in struck(book, *[CREATE] * 1000)]

    assert 150 < sum(chosen(1)) < 250
    assert chosen(1) == chosen(1) != chosen(2)


def test_delays_come_first_and_of_the_others_only_one_strikes() -> None:
    book = Book(rules_of([{"error": "X"}, {"delay": 1}, {"status": 500}]))
    assert struck(book, CREATE, CREATE, CREATE) == [["error", "delay"], ["status"], []]


def test_setting_rules_begins_to_count_again() -> None:
    rules = rules_of([{"error": "X"}])
    book = Book(rules)
    assert struck(book, CREATE, CREATE) == [["error"], []]
    book.set(rules)
    assert struck(book, CREATE) == [["error"]]


def test_counts_are_exact_with_calls_at_once() -> None:
    book = Book(rules_of([{"changing": True, "after": 99, "times": 7, "error": "X"}]))
    hits: list[int] = []

    def call() -> None:
        hits.append(sum(len(each) for each in struck(book, *[CREATE, DESCRIBE] * 50)))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(hits) == 7
    assert book.listed()[0]["matched"] == 400
