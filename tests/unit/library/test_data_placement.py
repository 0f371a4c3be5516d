"""Parts and members: nothing is loaded twice, nothing is left out, and a repeated run asks the same of the same."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from pretended_agraph import ROOT  # noqa: F401  # makes ansible.module_utils ours, too

from ansible.module_utils import data_files, data_placement  # isort: skip

MB = 1_000_000
PART = 64 << 20


def identity(number: int, copy: int = 1) -> str:
    return f"{number:064x}#{copy}"


def ledgers(*loaded: list[str], statements: int = 1000) -> Any:
    members = [
        {"index": index, "loaded": [{"id": each, "statements": statements} for each in ids]}
        for index, ids in enumerate(loaded)
    ]
    return data_placement.Ledgers(members)


def shares(*sizes: int, parts: int = 1) -> list[Any]:
    return [
        data_placement.Share(each, f"file-{file}", number, size // parts)
        for file, size in enumerate(sizes)
        for number, each in enumerate(data_placement.part_ids(identity(file), parts))
    ]


def weights(found: dict[str, int], what: list[Any]) -> Counter[int]:
    total: Counter[int] = Counter()
    for share in what:
        total[found[share.id]] += share.weight
    return total


@pytest.mark.parametrize(
    ("size", "total", "members", "wanted"),
    [
        (600 * MB, 600 * MB, 4, 12),  # nine parts' worth, and three for each
        (600 * MB, 600 * MB, 1, 9),
        (PART + 1, PART + 1, 3, 3),
        (10 * MB, 10 * MB, 3, 3),  # small, but all there is
        (10 * MB, 11 * MB, 3, 3),
        (10 * MB, 20 * MB, 3, 3),
        (10 * MB, 30 * MB, 3, 1),  # its fair share
        (10 * MB, 27 * MB, 3, 1),  # and a little more
        (10 * MB, 10 * MB, 1, 1),
        (16_000, 16_000, 3, 1),  # not worth it
        (100_000 * MB, 100_000 * MB, 3, 126),  # no more files than can be open
        (100_000 * MB, 100_000 * MB, 200, 200),
        (0, 0, 3, 1),
    ],
)
def test_what_is_large_is_split_into_equal_shares(size: int, total: int, members: int, wanted: int) -> None:
    assert data_placement.number_of_parts(size, total, members, PART) == wanted


def test_the_largest_goes_to_whoever_has_least() -> None:
    what = shares(10, 50, 30, 30, 40)
    assert weights(data_placement.placed(what, ledgers([], [])), what) == {0: 80, 1: 80}


def test_what_was_loaded_before_counts() -> None:
    what = shares(120_000, 60_000)
    # 1,000 statements of other data weigh as much as the larger file.
    assert data_placement.placed(what, ledgers([identity(99)], [], [])) == {what[0].id: 1, what[1].id: 2}


def test_members_are_named_by_their_indices() -> None:
    what = shares(5, 4, 3)
    members = data_placement.Ledgers([{"index": 7}, {"index": 3, "loaded": None}])
    assert data_placement.placed(what, members) == {what[0].id: 3, what[1].id: 7, what[2].id: 7}


@pytest.mark.parametrize("seed", range(50))
def test_a_run_that_goes_on_asks_the_same_of_the_same_members(seed: int) -> None:
    chance = random.Random(seed)
    what = shares(*(chance.randrange(1, 1000) for _ in range(30)), parts=chance.choice([1, 4]))
    others: list[list[str]] = [[identity(1000 + number)] * chance.randrange(2) for number in range(4)]
    first = data_placement.placed(what, ledgers(*others))
    done = {share.id for share in what if chance.random() < 0.5}
    now = [[*ids, *(each for each in done if first[each] == index)] for index, ids in enumerate(others)]
    assert data_placement.placed(what, ledgers(*now)) == first


@pytest.mark.parametrize("seed", range(50))
def test_what_is_there_stays_when_members_come_and_the_rest_goes_to_them(seed: int) -> None:
    chance = random.Random(seed)
    what = shares(*[100] * 12, parts=4)
    first = data_placement.placed(what, ledgers([], []))
    done = {share.id for share in what if chance.random() < 0.5}
    now = [[each for each in done if first[each] == index] for index in range(2)]
    found = data_placement.placed(what, ledgers(*now, [], []))
    assert {each: found[each] for each in done} == {each: first[each] for each in done}
    assert found.keys() == {share.id for share in what}
    total = weights(found, what)
    # The new ones get all there is until they have as much as the others.
    if 48 - len(done) >= 24 and max(len(each) for each in now) <= 12:
        assert set(total.values()) == {300}


def test_what_went_with_a_member_is_missing_again() -> None:
    what = shares(100, parts=4)
    first = data_placement.placed(what, ledgers([], [], [], []))
    left = [[each for each in first if first[each] == index] for index in range(3)]
    found = data_placement.Ledgers(
        [{"index": index, "loaded": [{"id": each} for each in left[index]]} for index in (0, 1, 2)]
    )
    assert [share.id for share in what if share.id not in found.held] == [each for each in first if first[each] == 3]


def test_the_way_that_a_content_was_split_is_remembered() -> None:
    there = ledgers(
        [f"{identity(1)}/3of8"], [identity(2)], ["something else", f"{identity(3)}/1of2", f"{identity(3)}/2of2"]
    )
    assert [there.parts_of(identity(number), "a.nt") for number in (1, 2, 3, 4)] == [8, 1, 2, None]
    assert [there.has_all(identity(number), "a.nt") for number in (1, 2, 3, 4)] == [False, True, True, False]
    # Another copy of the same content is another content.
    assert there.parts_of(identity(2, copy=2), "a.nt") is None


def test_two_ways_at_once_are_refused() -> None:
    there = ledgers([f"{identity(1)}/3of8"], [identity(1)])
    with pytest.raises(data_files.DataError) as caught:
        there.parts_of(identity(1), "data/a.nt")
    assert "data/a.nt is on the members in more than one way (as a whole and in 8 parts)" in str(caught.value)


def test_part_ids_say_which_of_how_many() -> None:
    assert data_placement.part_ids("c#1", 1) == ["c#1"]
    assert data_placement.part_ids("c#1", 3) == ["c#1/1of3", "c#1/2of3", "c#1/3of3"]
