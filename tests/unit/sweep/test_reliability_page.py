"""The page has a line for each case and no other, and says nothing that differs from one run to the next."""

from __future__ import annotations

from reliability.cases import CASES
from reliability.page import line, lines, read, written
from reliability.proof import Row, plain


def test_the_page_has_every_case_in_order() -> None:
    found = [[cell.strip() for cell in each.split(" | ")] for each in lines(read())]
    assert [(fault.removeprefix("| "), verb.strip("`")) for fault, verb, *_ in found] == [
        (case.fault, case.verb) for case in CASES
    ]


def test_another_table_leaves_the_words_as_they_are() -> None:
    page = read()
    rows = [Row("it rains", "up", "Bring an umbrella | or two.", "nothing"), Row("it snows", "up", "", "nothing")]
    table = [line(each) for each in rows]
    once = written(table, page)
    assert lines(once) == table
    assert lines(once)[0] == "| it rains | `up` | Bring an umbrella \\| or two. | nothing |"
    assert written(table, once) == once
    assert once.splitlines()[0] == page.splitlines()[0]
    assert once.splitlines()[-1] == page.splitlines()[-1]


def test_what_differs_is_left_out() -> None:
    said = "ERROR: Member 0 (i-0123456789abcdef0, 10.0.1.7) did not answer http://127.66.1.4:10035 within 4.5 s."
    assert plain(said) == "Member 0 (i-…, 10.0.x.x) did not answer http://203.0.113.x:10035 within N s."
    assert plain("ansible-playbook up.yml -e federation_name=a -e federation_member_count=1") == (
        "ansible-playbook up.yml -e federation_name=a"
    )
