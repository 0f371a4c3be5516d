"""federation_plan: what up would make, change and remove where nothing is there, all of it, half, or something else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.federation_plan import Entry, entries
from ansible.module_utils.federation_plan_present import Present
from ansible.module_utils.federation_plan_words import folded, line, notes, table, totals
from ansible.module_utils.security_rules import in_words
from plan_samples import CIDR, changing, empty, everything, instance, nothing, of, situation, whole

HOUR = 3 * 0.0416 + 0.045 + 2 * 0.005 + 3 * 8 * 0.08 / 730


def said(it: Any) -> list[str]:
    sentences: list[str] = notes(entries(it), it.settings, Present(it.names, it.settings, it.found).instances)
    return sentences


def test_everything_is_made_in_an_empty_account() -> None:
    planned = entries(empty())
    assert {each.action for each in planned} == {"make"}
    assert {each.id for each in planned} == {None}
    assert len(planned) == 22
    assert totals(planned) == {"cost_hour": round(HOUR, 4), "cost_month": round(HOUR * 730, 2), "cost_hour_now": 0.0}
    assert line(planned) == ("plan: make 22, change 0, remove 0, keep 0; cost 0.18 USD an hour, 133 a month, now 0.00")


def test_nothing_changes_of_what_is_whole() -> None:
    planned = entries(whole())
    assert changing(planned) == []
    assert len(planned) == 22
    assert line(planned).endswith("keep 22; cost 0.18 USD an hour, 133 a month, now 0.18")
    assert said(whole()) == []


def test_a_half_made_one_is_completed() -> None:
    found = everything()
    for kind in ("instances", "nat_gateways", "buckets"):
        found[kind] = []
    found["addresses"] = found["addresses"][:1]
    found["route_tables"] = found["route_tables"][:1]
    made = [(action, name) for action, name, _ in changing(entries(situation(found)))]
    assert sorted(made) == [
        ("make", "f-bucket"),
        ("make", "f-manager"),
        ("make", "f-manager"),
        ("make", "f-manager-address"),
        *[("make", f"f-member-{index}") for index in (0, 0, 1, 1)],
        ("make", "f-nat-gateway"),
        ("make", "f-private-routes"),
    ]


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"member_count": 4}, [("make", f"f-member-{index}", "t3.medium") for index in (2, 3)]),
        ({"member_count": 1}, [("remove", "f-member-1", "beyond federation_member_count")]),
        (
            {"allowed_cidr": "198.51.100.0/24"},
            [
                (
                    "change",
                    "f-manager-group",
                    f"opens tcp 10035, 16000-17000 to 198.51.100.0/24, closes tcp 10035, 16000-17000 to {CIDR}",
                )
            ],
        ),
        (
            {"manager_ports": []},
            [("change", "f-manager-group", f"closes tcp 10035, 16000-17000 to {CIDR}")],
        ),
        ({"key_name": "mine", "key_file": "/k"}, [("make", "mine", "its private key in /k")]),
        ({"ttl_hours": 8.0}, []),
        ({"instance_type": "t3.large"}, []),
    ],
    ids=str,
)
def test_changed_settings(settings: dict[str, Any], changes: list[tuple[str, str, str]]) -> None:
    planned = [each for each in entries(whole(**settings)) if each.kind != "volume"]
    assert changing(planned) == changes


def test_other_tags_change_all_that_has_tags() -> None:
    planned = entries(whole(tags={"CostCenter": "42"}))
    kept = {each.kind for each in planned if each.action == "keep"}
    # A password is never written again, a bucket is looked at by itself, a disk is tagged with its instance.
    assert kept == {"parameter", "bucket", "volume"}
    assert {each.why for each in planned if each.action == "change"} == {"tags CostCenter"}


def test_members_that_go_take_their_disks_along_and_ask_for_a_word() -> None:
    it = whole(member_count=1)
    assert ("remove", "f-member-1", "goes with its instance") in changing(entries(it))
    assert totals(entries(it))["cost_hour"] == round(HOUR - 0.0416 - 8 * 0.08 / 730, 4)
    assert said(it) == [
        "Members that hold triples go only when you say so: with f-member-1 they would be lost. "
        "Mean it with -e federation_discard_data=true"
    ]
    assert said(whole(member_count=1, discard_data=True))[0].endswith("federation_discard_data is true.")


def test_a_time_to_live_that_comes_too_late_is_said() -> None:
    assert "federation_ttl_hours is for a federation that is still to be made" in said(whole(ttl_hours=8.0))[0]
    assert said(empty(ttl_hours=8.0, ends="2030-01-31T18:00:00Z")) == [
        "Its instances end themselves at 2030-01-31T18:00:00Z."
    ]


def test_settings_of_new_instances_are_said_to_be_so() -> None:
    (sentence,) = said(whole(instance_type="t3.large"))
    assert sentence.startswith("federation_instance_type t3.large is for new instances: f-manager, ")


def test_a_price_that_is_not_known_is_said_and_not_guessed() -> None:
    it = empty(instance_type="m7i.large")
    planned = entries(it)
    assert "cost at least 0.06 USD an hour, at least " in line(planned)
    assert "The price of m7i.large is not known here" in said(it)[0]
    (row,) = (each for each in table(planned).splitlines() if " instance  " in each)
    assert row.split()[-2:] == ["?", "m7i.large"]


def test_what_was_changed_by_hand_is_changed_back() -> None:
    found = everything()
    found["instances"][1] |= {"state": "stopped", "metadata": {"HttpTokens": "optional"}}
    found["route_tables"][1]["routes"] = {}
    found["internet_gateways"][0]["vpc_id"] = None
    found["addresses"][1] |= {"instance_id": None, "association_id": None}
    found["vpcs"][0]["tags"] = {"Federation": "f"}
    role = {"tags": found["vpcs"][0]["tags"], "changes": ["what it may do (f-node-policy)"]}
    it = situation(found, looked={"bucket_repairs": ["TLS"], "dns": False, "node_role": role})
    assert changing(entries(it)) == [
        ("change", "f-vpc", "tags Role, Name; DNS names"),
        ("change", "f-internet-gateway", "attached to the VPC"),
        ("change", "f-private-routes", "the route to 0.0.0.0/0"),
        ("change", "f-node-role", "tags Role, Name; what it may do (f-node-policy)"),
        ("change", "f-bucket", "TLS"),
        ("change", "f-member-0", "started; its metadata service"),
        ("change", "f-manager-address", "given to the manager"),
    ]
    # A stopped instance costs nothing now.
    assert totals(entries(it))["cost_hour_now"] == round(HOUR - 0.0416, 4)


def test_a_gateway_that_failed_is_replaced() -> None:
    found = everything()
    found["nat_gateways"][0]["state"] = "failed"
    found["route_tables"][1]["routes"] = {}
    assert changing(entries(situation(found)))[1:] == [
        ("remove", "f-nat-gateway", "it failed"),
        ("make", "f-nat-gateway", ""),
    ]


def test_what_was_made_twice_goes_and_what_is_unknown_stays() -> None:
    found = everything()
    found["addresses"].append(of("nat_address", "eipalloc-3", association_id=None, instance_id=None))
    found["key_pairs"].append({"id": "key-1", "name": "old", "tags": {}})
    planned = entries(situation(found))
    assert changing(planned) == [("remove", "f-nat-address", "made twice")]
    assert ("key pair", "old", "up leaves it as it is") in [(each.kind, each.name, each.why) for each in planned]


def test_an_instance_without_a_number_gets_one_and_one_too_many_goes() -> None:
    found = everything()
    unnumbered = {**instance("member"), "index": None}
    found["instances"][2] = {**unnumbered, "id": "i-a"}
    found["instances"].append({**unnumbered, "id": "i-b"})
    planned = [each for each in entries(situation(found)) if each.kind == "instance"]
    assert changing(planned) == [
        ("change", "f-member-1", "tags Name, Index"),
        ("remove", "f-member", "launched without a number"),
    ]


def test_servers_that_are_behind_are_changed() -> None:
    steps = ["stopped the server", "switched to 9.0.2-0a1b", "started the server"]
    looked = {"servers": [{"name": "f-member-0", "id": "i-member0", "steps": steps}], "uploads": ["agraph.tar.gz"]}
    it = whole(looked=looked, image_has_agraph=False, agraph_version="9.0.2", not_asked=["f-manager"])
    assert changing(entries(it)) == [
        ("make", "agraph.tar.gz", "sent to the bucket, for the nodes"),
        ("change", "f-member-0", "switched to 9.0.2-0a1b"),
    ]
    assert said(it) == [
        "AllegroGraph is changed on one node after the other; a query that needs the one fails meanwhile.",
        "f-manager could not be asked what is installed: up looks again, when their agents are online.",
    ]


def test_servers_are_in_the_order_of_their_numbers() -> None:
    names = ["f-member-10", "f-manager", "f-member-9"]
    looked = {"servers": [{"name": name, "id": f"i-{name}", "steps": ["stopped"]} for name in names], "uploads": []}
    found = [each.name for each in entries(whole(looked=looked)) if each.kind == "AllegroGraph"]
    assert found == ["f-manager", "f-member-9", "f-member-10"]


def test_the_table_is_short_and_its_columns_stand_below_each_other() -> None:
    shown = table(entries(empty(member_count=50)), ["A note."]).splitlines()
    assert shown[-2:] == ["", "A note."]
    assert len(shown) <= 24
    column = shown[0].index("USD an hour")
    (row,) = (each for each in shown if " instance  " in each)
    assert "f-manager, f-member-0 … f-member-49" in row
    assert row[column:].split() == ["2.1216", "t3.medium"]


def test_a_plan_that_keeps_all_is_one_row() -> None:
    assert [row.split() for row in table(entries(whole())).splitlines()[1:]] == [
        ["keep", "22", "as", "they", "are", "0.1824"]
    ]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a-0", "a-1"], "a-0, a-1"),
        (["m", "a-0", "a-1", "a-2", "a-4"], "m, a-0 … a-2, a-4"),
        ([], ""),
    ],
    ids=str,
)
def test_names_in_a_row_are_folded(names: list[str], text: str) -> None:
    assert folded(names) == text


def test_rules_are_the_same_in_words_however_ec2_puts_them_together() -> None:
    sources = [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.0.0.0/8"}]
    ports = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2}
    apart = [{**ports, "IpRanges": [each]} for each in reversed(sources)]
    assert in_words([{**ports, "IpRanges": sources}]) == ["tcp 1-2 0.0.0.0/0", "tcp 1-2 10.0.0.0/8"]
    assert in_words(apart) == in_words([{**ports, "IpRanges": sources}])
    assert in_words([{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1"}]}]) == ["all sg-1"]


def test_what_is_there_is_counted_once() -> None:
    planned: list[Entry] = entries(situation(nothing()))
    assert len({(each.kind, each.name) for each in planned}) == len(planned)
