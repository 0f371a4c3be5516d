"""ssm_secrets: made once, never shown, and nobody else's are touched."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from pretended_agraph import Run

from library import federation_resources_info, ssm_secrets

NAMES = ["/f/superuser", "/f/reader"]
TAGS = {"Federation": "f", "Role": "secret"}
WANTED: dict[str, Any] = {"names": NAMES, "tags": TAGS, "region": "us-west-2"}


@pytest.fixture
def store(aws: Any) -> Any:
    return aws("ssm")


def values(store: Any) -> dict[str, str]:
    found = store.get_parameters(Names=NAMES, WithDecryption=True)["Parameters"]
    return {each["Name"]: each["Value"] for each in found}


def test_they_are_made_once_and_are_not_shown(store: Any, run: Run) -> None:
    first = run(ssm_secrets, **WANTED)
    assert (first["changed"], first["names"]) == (True, NAMES)
    made = values(store)
    assert len(set(made.values())) == 2
    assert min(len(each) for each in made.values()) >= 43
    assert not any(each in str(first) for each in made.values())
    again = run(ssm_secrets, **WANTED)
    assert (again["changed"], again["names"]) == (False, [])
    assert values(store) == made
    found = store.get_parameters(Names=NAMES)["Parameters"]
    assert {each["Type"] for each in found} == {"SecureString"}
    held = store.list_tags_for_resource(ResourceType="Parameter", ResourceId="/f/reader")["TagList"]
    assert {each["Key"]: each["Value"] for each in held} == TAGS


def test_one_that_is_missing_is_made_and_the_other_keeps_its_value(store: Any, run: Run) -> None:
    run(ssm_secrets, **WANTED)
    before = values(store)
    store.delete_parameter(Name="/f/reader")
    assert run(ssm_secrets, **WANTED)["names"] == ["/f/reader"]
    assert values(store)["/f/superuser"] == before["/f/superuser"]
    assert values(store)["/f/reader"] != before["/f/reader"]


def test_check_mode_only_looks(store: Any, run: Run) -> None:
    assert run(ssm_secrets, check=True, **WANTED)["names"] == NAMES
    assert values(store) == {}
    run(ssm_secrets, **WANTED)
    assert run(ssm_secrets, check=True, **WANTED, state="absent")["names"] == NAMES
    assert set(values(store)) == set(NAMES)


def test_they_are_deleted_and_what_is_somebody_elses_is_not(store: Any, run: Run) -> None:
    run(ssm_secrets, **WANTED)
    store.delete_parameter(Name="/f/reader")
    store.put_parameter(Name="/f/reader", Value="theirs", Type="SecureString")
    assert run(ssm_secrets, **WANTED, state="absent")["names"] == ["/f/superuser"]
    assert values(store) == {"/f/reader": "theirs"}
    assert not run(ssm_secrets, **WANTED, state="absent")["changed"]
    refused = run(ssm_secrets, **WANTED)
    assert refused["msg"].startswith(
        "The Parameter Store has a parameter /f/reader already that is not this federation's"
    )
    assert values(store) == {"/f/reader": "theirs"}


class Late:
    """A Parameter Store that does not show yet what is there already."""

    def __init__(self, tags: dict[str, str]) -> None:
        self.looks = 0
        self.tags = tags

    def describe_parameters(self, **_: Any) -> Any:
        self.looks += 1
        return {"Parameters": [] if self.looks == 1 else [{"Name": "/f/reader"}]}

    def list_tags_for_resource(self, **_: Any) -> Any:
        return {"TagList": [{"Key": key, "Value": value} for key, value in self.tags.items()]}

    def put_parameter(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "ParameterAlreadyExists", "Message": "There."}}, "PutParameter")


def test_one_that_came_meanwhile_counts_when_it_is_ours() -> None:
    wanted = {"names": ["/f/reader"], "tags": TAGS, "state": "present"}
    assert ssm_secrets.settle(Late(TAGS), wanted, check_mode=False) == ["/f/reader"]
    with pytest.raises(ssm_secrets.OthersError):
        ssm_secrets.settle(Late({}), wanted, check_mode=False)


def test_they_are_found_by_path_and_tag_and_the_lease_is_not_one_of_them(store: Any, run: Run) -> None:
    run(ssm_secrets, **WANTED)
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    store.put_parameter(Name="/f/lease", Value="{}", Type="String", Tags=tags)
    store.put_parameter(Name="/f/theirs", Value="x", Type="SecureString")
    store.put_parameter(Name="/other/superuser", Value="x", Type="SecureString", Tags=tags)
    found = run(federation_resources_info, name="f", region="us-west-2", kinds=["secrets"])
    assert {each["id"] for each in found["all"]} == set(NAMES)
