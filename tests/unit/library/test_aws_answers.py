"""All that AWS lists, over all pages, and of a call that has none."""

from __future__ import annotations

from typing import Any

import pytest

from module_utils.aws_answers import all_of


@pytest.mark.parametrize("size", [{}, {"PaginationConfig": {"PageSize": 5}}])
def test_what_has_pages_is_listed_to_the_last_one(aws: Any, image: str, size: dict[str, Any]) -> None:
    client = aws("ec2")
    launched = client.run_instances(ImageId=image, MinCount=12, MaxCount=12)["Instances"]
    found = all_of(client, "describe_instances", "Reservations[].Instances[]", **size)
    assert {each["InstanceId"] for each in found} == {each["InstanceId"] for each in launched}


def test_what_has_no_pages_is_listed_too(aws: Any) -> None:
    client = aws("ec2")
    made = client.allocate_address(Domain="vpc")["AllocationId"]
    assert not client.can_paginate("describe_addresses")
    assert [each["AllocationId"] for each in all_of(client, "describe_addresses", "Addresses")] == [made]
    assert list(all_of(client, "describe_key_pairs", "KeyPairs")) == []
