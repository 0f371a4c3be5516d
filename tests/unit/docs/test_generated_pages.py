"""The pages that are written from the code say what the code says now."""

from __future__ import annotations

import re

import pytest
from harness import ROOT
from pages.all import COMMAND, MARK, pages, stale
from pages.guides import purpose
from pages.markdown import cell, prose, shown
from pages.readers import definitions, names_in, settings_read_by
from pages.settings import sections, settings_of

PAGES = pages(ROOT)
VERBS = sorted(file.stem for file in (ROOT / "playbooks").glob("*.yml"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_it_would_be_written_now(name: str) -> None:
    file = ROOT / name
    assert file.exists(), f"{name} is missing: run {COMMAND}"
    assert file.read_text() == PAGES[name], f"{name} is not what the code says: run {COMMAND}"


def test_no_page_is_left_of_a_module_that_is_gone() -> None:
    assert stale(ROOT) == [], f"run {COMMAND}"


def test_a_page_of_a_module_that_is_gone_is_found() -> None:
    file = ROOT / "docs/modules/nobody_has_it.md"
    file.write_text(f"{MARK}\n\n# nobody_has_it\n")
    try:
        assert stale(ROOT) == [file]
    finally:
        file.unlink()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", PAGES["docs/README.md"]))))
def test_a_link_of_the_list_leads_to_a_page(link: str) -> None:
    assert (ROOT / "docs" / link).exists()


def test_every_setting_is_read_by_a_verb() -> None:
    read = {name for verb in VERBS for name in settings_read_by(ROOT, verb)}
    text = (ROOT / "group_vars/all.yml").read_text()
    settings = {each.name for title, found in sections(text) if title != "Not settings" for each in found}
    assert len(settings) > 30
    assert settings <= read


def test_a_verb_reads_what_it_leads_to_and_nothing_else() -> None:
    up, down, query = (settings_read_by(ROOT, verb) for verb in ("up", "down", "query"))
    assert {"federation_instance_type", "federation_vpc_cidr", "federation_on_failure"} <= up
    assert {"federation_name", "federation_take_over", "federation_gateway_timeout"} <= down
    assert not {"federation_instance_type", "federation_vpc_cidr", "federation_query"} & down
    assert {"federation_query", "federation_query_file", "federation_repository"} <= query
    assert not {"federation_instance_type", "federation_on_failure"} & query
    # By way of federation_tunnel_port, whose default it is.
    assert "federation_agraph_port" in settings_read_by(ROOT, "tunnel")
    assert "federation_agraph_port" in str(definitions(ROOT)["federation_tunnel_port"])


def test_names_are_read_in_expressions_and_not_in_prose() -> None:
    task = {"fail": {"msg": "Set a_thing to {{ b_thing ~ 'or c_thing' }}."}, "when": "d_thing == 'e_thing'"}
    assert {"b_thing", "d_thing"} == {name for name in names_in(task) if name.endswith("_thing")}


def test_settings_that_stand_together_share_the_comment_of_the_first() -> None:
    found = settings_of("# Of old.\n\n# One\n# and two.\nfederation_a: 'x y'\nfederation_b: 2\n\nfederation_c: \"\"\n")
    assert [(each.name, each.default, each.meaning) for each in found] == [
        ("federation_a", "x y", "One and two."),
        ("federation_b", "2", "See above."),
        ("federation_c", "", ""),
    ]


def test_what_a_header_says_first_is_what_a_verb_does() -> None:
    header = "---\n# up: makes it, or what\n# of it is missing. Costs a lot.\n- name: Up\n"
    assert purpose(header) == "Makes it, or what of it is missing."


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "For C(up) and O(name=x); M(ours), M(theirs) of B(both).",
            "For `up` and `name=x`; [ours](ours.md), `theirs` of **both**.",
        ),
        ("See U(https://example.com/).", "See <https://example.com/>."),
        (
            "Its name is /<federation_name>/reader, not federation_name.",
            "Its name is `/<federation_name>/reader`, not `federation_name`.",
        ),
        ("With -e federation_name=all.", "With `-e federation_name=all`."),
        (["One.", "Two."], "One. Two."),
    ],
)
def test_ansibles_mark_up_becomes_markdown(written: object, told: str) -> None:
    assert prose(written, ["ours"]) == told
    assert shown(told) == told
    assert cell("a | b\n c") == "a \\| b c"
