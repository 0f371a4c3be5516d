"""The rules of faults: what they may say, and which call each strikes."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sandbox.faults.book import Book
from sandbox.faults.rules import RuleError, parse, rules_of


def struck(book: Book, *calls: tuple[Any, ...]) -> list[list[str]]:
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
        ({"nat_gateway": "breaks"}, 'has "breaks" for "nat_gateway": give "failed".'),
        ({"nat_gateway": "failed", "code": "Odd"}, 'give "InternalError" or "InsufficientFreeAddressesInSubnet" or'),
        ({"nat_gateway": "failed", "error": "X"}, 'has the unknown key "error": it may have nat_gateway, name, code,'),
        ({"instance": "dies_pending", "seconds": 1}, '"seconds", which does not go with "dies_pending"'),
        ({"instance": "dies", "seconds": -1}, "a number of seconds, 0 or more"),
        ({"instance": "dies", "name": ""}, "a text that is not empty"),
        ({"instance": "dies", "agent": "lost"}, "is about instance and agent at once: write a rule for each."),
        ({"agent": "lost", "times": 1}, 'has the unknown key "times": it may have agent, name.'),
        ({"session": "cut", "bytes": 0.5}, "a whole number, 0 or more"),
        ({"session": True}, 'give "cut" or "interrupted".'),
        ({"allegrograph": "error", "status": 200}, "a whole number from 400 to 599"),
        ({"allegrograph": "never_starts", "status": 500}, '"status", which does not go with "never_starts"'),
    ],
)
def test_a_wrong_rule_is_refused_with_the_remedy(rule: Any, said: str) -> None:
    with pytest.raises(RuleError) as refused:
        rules_of([{"error": "X"}, rule])
    assert said in str(refused.value)
    assert str(refused.value).startswith("Rule 2 ")


def test_a_dry_run_is_refused_with_the_call_and_counts_for_nothing_else() -> None:
    rules = [{"operation": "CreateVpc", "error": "VpcLimitExceeded"}, {"operation": "Create*", "drop": "after"}]
    asking = ("ec2", "CreateVpc", False, True)
    assert struck(Book(rules_of(rules)), asking, CREATE) == [[], ["error"]]
    refusing = {"operation": "CreateVpc", "error": "UnauthorizedOperation"}
    assert struck(Book(rules_of([refusing])), asking, CREATE) == [["error"], []]
    assert struck(Book(rules_of([{"status": 503}])), asking) == [["status"]]


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


def on(book: Book, kind: str, action: str, *names: str) -> list[bool]:
    """Tell which of these are struck, in their order."""
    return [book.strike(kind, [action], lambda each=name: each) is not None for name in names]  # type: ignore[misc]


def test_a_rule_about_something_else_counts_what_has_the_name() -> None:
    book = Book(rules_of([{"instance": "dies", "name": "*-member-*", "after": 1, "times": 2}]))
    assert on(book, "instance", "dies", "f-member-0", "f-manager", "f-member-1", "f-member-2", "f-member-3") == [
        *(False, False, True, True, False)
    ]
    assert not any(on(book, "instance", "dies_pending", "f-member-0"))
    assert not any(on(book, "nat_gateway", "dies", "f-member-0"))
    assert struck(book, CREATE) == [[]]
    assert (book.listed()[0]["matched"], book.listed()[0]["struck"]) == (4, 2)


def test_a_share_of_something_else_has_no_end_either() -> None:
    book = Book(rules_of([{"session": "cut", "share": 0.5, "seed": 3}]))
    assert 350 < sum(on(book, "session", "cut", *["f-manager"] * 1000)) < 650


@pytest.mark.parametrize(("action", "hits"), [("never_starts", 4), ("error", 4), ("dies_in_query", 1)])
def test_a_server_that_fails_fails_every_time_and_dies_once(action: str, hits: int) -> None:
    assert sum(on(Book(rules_of([{"allegrograph": action}])), "allegrograph", action, *"abcd")) == hits
    assert sum(on(Book(rules_of([{"allegrograph": action, "times": 2}])), "allegrograph", action, *"abcd")) == 2


def test_of_two_rules_that_are_due_the_first_strikes() -> None:
    book = Book(rules_of([{"allegrograph": "error", "status": 502}, {"allegrograph": "error"}]))
    rule = book.strike("allegrograph", ["error"], lambda: "")
    assert rule is not None
    assert rule.values["status"] == 502
    assert [each["matched"] for each in book.listed()] == [1, 1]
    assert [each["struck"] for each in book.listed()] == [1, 0]


def test_a_rule_may_look_at_more_than_the_name() -> None:
    book = Book(rules_of([{"session": "cut", "bytes": 10}]))
    assert book.strike("session", ["cut"], lambda: "", lambda rule: rule.values["bytes"] == 9) is None
    assert book.listed()[0]["matched"] == 0
    assert book.strike("session", ["cut"], lambda: "", lambda rule: rule.values["bytes"] == 10) is not None


def test_a_state_holds_until_other_rules_are_set() -> None:
    book = Book(rules_of([{"agent": "lost", "name": "f-m*"}]))
    for identity, name in (("i-1", "f-m0"), ("i-1", "f-m0"), ("i-2", "f-m1"), ("i-3", "other")):
        assert book.holds("agent", "lost", identity, lambda each=name: each) == (name != "other")  # type: ignore[misc]
        assert not book.holds("agent", "never_online", identity, lambda: "f-m0")
    assert (book.listed()[0]["matched"], book.listed()[0]["struck"]) == (2, 2)
    book.set([])
    assert not book.holds("agent", "lost", "i-1", lambda: "f-m0")


def test_a_name_is_asked_for_only_where_it_matters() -> None:
    def name() -> str:
        raise AssertionError("nobody needs to know")

    book = Book(rules_of([{"error": "X"}]))
    assert book.strike("session", ["cut"], name) is None
    assert not book.holds("agent", "lost", "i-1", name)


def test_whoever_wants_to_hears_of_other_rules() -> None:
    book, heard = Book(), []
    book.changed.append(lambda: heard.append(len(book.listed())))
    book.set(rules_of([{"error": "X"}]))
    assert heard == [1]
