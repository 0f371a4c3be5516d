"""federation_status_page: one document of what AWS, agents and servers say, and all that the page writes of it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import status_documents as documents
from ansible.module_utils.federation_page import page
from ansible.module_utils.federation_topology import WIDTHS, drawing
from ansible.module_utils.federation_words import compact, fitted, span, width_of
from pretended_agraph import Run

from library import federation_status_page

HOSTILE = "<script>alert('x')</script>\"&{{ 7 * 7 }}"


def nodes_of(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["label"]: (each["condition"], each["word"]) for each in page(document)["nodes"]}


def test_all_is_well(run: Run) -> None:
    instances = [documents.instance("manager"), documents.instance("member", 0), documents.instance("member", 1)]
    answer = run(
        federation_status_page,
        name="agraph",
        region="us-west-2",
        account="123456789012",
        member_count=2,
        cloud=documents.cloud(instances),
        agents=documents.agents(instances),
        answers=documents.answers(instances, {0: {"r": 1}, 1: {"r": 4}}),
    )
    document = answer["document"]
    assert (document["state"], document["problems"], document["made"]) == ("ready", [], documents.MADE)
    assert document["repositories"] == [
        {
            "catalog": "/",
            "name": "r",
            "statements": 5,
            "members": [
                {"node": "Member 0", "index": 0, "statements": 1},
                {"node": "Member 1", "index": 1, "statements": 4},
            ],
        }
    ]
    assert answer["line"] == (
        "status: federation=agraph state=ready instances=3 age=4h ends=2026-11-26T18:00:00Z cost=0.1897 triples=5"
    )
    header, *rows = answer["table"].splitlines()
    assert header.split() == ["name", "id", "state", "agent", "AllegroGraph", "triples", "address", "age"]
    assert [row.split()[0] for row in rows] == ["agraph-manager", "agraph-member-0", "agraph-member-1"]
    assert rows[2].split()[2:6] == ["running", "Online", "8.5.2", "4"]
    # The page is of the document alone.
    assert answer["page"] == json.loads(json.dumps(page(document)))


def test_a_server_that_is_down_is_a_problem_with_its_sentence_and_a_command() -> None:
    document = documents.one_down(3)
    who = document["nodes"][2]
    assert document["state"] == "partly"
    assert document["problems"] == [
        {
            "node": "Member 1",
            "severity": "down",
            "sentence": f"Member 1 ({who['id']}, 10.0.1.13) does not answer http://127.0.0.1:10035/version: "
            "connection refused.",
            "remedy": f"aws ssm start-session --region us-west-2 --target {who['id']}",
        }
    ]
    shown = page(document)
    assert shown["verdict"] == {"word": "Member 1 is down", "tone": "down"}
    assert [tile["value"] for tile in shown["tiles"]] == [
        "3 of 4 well",
        "at least 13.3 M triples",
        "0.23 USD an hour",
        "3 h 55 min left",
    ]
    unknown = [bar for chart in shown["charts"] for bar in chart["bars"] if not bar["known"]]
    assert [bar["label"] for bar in unknown] == ["Member 1", "Member 1"]


def test_every_way_not_to_be_well_has_a_word_and_a_remedy() -> None:
    document = documents.odd()
    assert nodes_of(document) == {
        "Manager": ("well", "well"),
        "Member 0": ("well", "well"),
        "Member 1": ("down", "down: stopped"),
        "Member 2": ("unsure", "starting"),
        "Member 3": ("down", "down: no answer"),
        "Member 4": ("unsure", "data unknown"),
        "Member 5": ("well", "well"),
        "Member 6": ("down", "down: missing"),
        "Member 7": ("down", "down: missing"),
        document["nodes"][-1]["name"]: ("down", "down: agent offline"),
    }
    said = {each["node"]: (each["sentence"], each["remedy"]) for each in document["problems"]}
    up = f"ansible-playbook up.yml -e federation_name={document['federation']}"
    assert said["Member 6"] == ("Member 6 does not exist.", up)
    assert said["Member 1"][1] == up
    assert said["Member 3"][0].endswith(") could not be asked in a session: nothing came back in time.")
    assert said[""] == ("The NAT gateway is failed: the members have no way out.", up)
    remedies = [each["remedy"].split()[:3] for each in document["leftovers"]]
    assert remedies == [["aws", "ec2", "delete-volume"], ["aws", "ec2", "describe-network-interfaces"], *remedies[:1]]


def test_what_is_left_after_its_time_is_removed_by_down() -> None:
    document = documents.overdue()
    assert document["state"] == "overdue"
    down = "ansible-playbook down.yml -e federation_name=agraph"
    assert [each["remedy"] for each in [*document["problems"], *document["leftovers"]]] == [down] * 4
    shown = page(document)
    assert shown["tiles"][3]["value"] == "8 h 5 min overdue"
    assert (shown["drawings"], shown["no_charts"]) == ([], "No member has said what it holds.")


def test_nothing_at_all_is_absent() -> None:
    its: dict[str, Any] = {
        "age": None,
        "ends": "",
        "free": 0,
        "costs": {"hourly": 0, "so_far": 0, "parts": [], "unknown": []},
    }
    nowhere: dict[str, Any] = {"vpc": None, "internet_gateway": None, "nat_gateway": None, "subnets": []}
    document = documents.made_of([], {}, 2, documents.cloud([], network=nowhere, **its))
    assert (document["state"], document["problems"], document["nodes"]) == ("absent", [], [])
    assert page(document)["verdict"] == {"word": "Absent", "tone": "plain"}
    assert "No instance stands" in documents.rendered(document)


@pytest.mark.parametrize("kind", WIDTHS)
@pytest.mark.parametrize("members", [1, 2, 3, 8, 9, 20, 100])
def test_no_card_lies_on_another_and_all_lie_in_their_subnet(kind: str, members: int) -> None:
    drawn = drawing(documents.healthy(members), kind)
    assert len(drawn["cards"]) == members + 2
    for one, other in itertools.combinations(drawn["cards"], 2):
        assert not overlap(one, other), (one["title"], other["title"])
    subnets = [box for box in drawn["boxes"] if box["kind"] != "vpc"]
    (vpc,) = [box for box in drawn["boxes"] if box["kind"] == "vpc"]
    assert not overlap(*subnets)
    assert all(inside(subnet, vpc) for subnet in subnets)
    assert inside(vpc, {"x": 0, "y": 0, "width": drawn["width"], "height": drawn["height"]})
    assert all(sum(inside(card, subnet) for subnet in subnets) == 1 for card in drawn["cards"])


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "width"), ("y", "height"))
    )


def inside(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(
        other[at] <= one[at] and one[at] + one[size] <= other[at] + other[size] + 0.01
        for at, size in (("x", "width"), ("y", "height"))
    )


def test_names_are_cut_to_their_room_and_told_in_full() -> None:
    text = "a name that is far too long for a card"
    assert fitted("short", 100, 12) == "short"
    cut = fitted(text, 100, 12)
    assert cut.endswith("…")
    assert width_of(cut, 12) <= 100
    assert text.startswith(cut[:-1])
    for drawn in (drawing(documents.odd(), kind) for kind in WIDTHS):
        (name,) = [each["texts"][0] for each in drawn["cards"] if "somebody" in each["title"]]
        assert name["shown"].endswith("…")
        assert name["full"] == documents.odd()["nodes"][-1]["name"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (9_999, "9,999"), (10_000, "10.0 k"), (999_600, "1.0 M"), (6_200_000, "6.2 M"), (123_456_789, "123 M")],
)
def test_numbers_in_short(number: int, text: str) -> None:
    assert compact(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_600, "1 h"), (11_520, "3 h 12 min"), (90_000, "1 d 1 h")],
)
def test_spans_of_time(seconds: int, text: str) -> None:
    assert span(seconds) == span(-seconds) == text


class Elements(HTMLParser):
    """Collects what a browser would make of a page: its elements and its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        # What others have named ends no attribute and begins none.
        self.texts += [value or "" for _, value in attrs]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def strings(it: Any, path: str = "") -> Iterator[tuple[Any, Any]]:
    """Yield where each text of a document stands: what holds it, and its key or number."""
    for key, value in it.items() if isinstance(it, dict) else enumerate(it):
        if isinstance(value, dict | list):
            yield from strings(value)
        elif isinstance(value, str):
            yield it, key


# What the module itself chooses among, and times it has written: others cannot write them.
CHOSEN = {"condition", "severity", "state", "role", "made", "ends", "launched"}


def test_whatever_others_name_is_written_as_text() -> None:
    document = documents.odd()
    before = Elements()
    before.feed(documents.rendered(document))
    replaced = 0
    for holder, key in strings(document):
        if key not in CHOSEN:
            holder[key] = HOSTILE
            replaced += 1
    assert replaced > 100
    after = Elements()
    written = documents.rendered(document)
    after.feed(written)
    assert "script" not in after.tags
    assert "<script" not in written
    assert sum(HOSTILE in text for text in after.texts) > 50
    assert set(after.tags) <= set(before.tags)


def test_every_expression_of_the_templates_is_escaped() -> None:
    found = 0
    for path in documents.TEMPLATES.rglob("*"):
        for expression in re.findall(r"\{\{(.*?)\}\}", path.read_text() if path.is_file() else ""):
            assert expression.endswith("| e ") or expression.startswith((" text(", " problem(")), (
                f"{path.name}: {expression}"
            )
            found += 1
    assert found > 50
