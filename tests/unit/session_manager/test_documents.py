"""Amazon's own document is there to be looked at, beside the account's, and cannot be changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

NAME = "AWS-RunShellScript"
OWN = json.dumps(
    {
        "schemaVersion": "2.2",
        "mainSteps": [{"action": "aws:runShellScript", "name": "go", "inputs": {"runCommand": ["true"]}}],
    }
)


def test_it_is_described(ssm: Any) -> None:
    document = ssm.describe_document(Name=NAME)["Document"]
    assert (document["Owner"], document["DocumentType"], document["SchemaVersion"]) == ("Amazon", "Command", "1.2")
    assert document["PlatformTypes"] == ["Linux", "MacOS"]
    kinds = {each["Name"]: (each["Type"], each.get("DefaultValue")) for each in document["Parameters"]}
    assert kinds == {
        "commands": ("StringList", None),
        "workingDirectory": ("String", ""),
        "executionTimeout": ("String", "3600"),
    }
    content = json.loads(ssm.get_document(Name=NAME)["Content"])
    assert list(content["runtimeConfig"]) == ["aws:runShellScript"]


def test_documents_are_listed_by_owner(ssm: Any) -> None:
    ssm.create_document(Content=OWN, Name="Own", DocumentType="Command")

    def listed(*filters: dict[str, Any]) -> list[str]:
        return [each["Name"] for each in ssm.list_documents(Filters=list(filters))["DocumentIdentifiers"]]

    assert listed() == [NAME, "Own"]
    assert listed({"Key": "Owner", "Values": ["Amazon"]}) == [NAME]
    assert listed({"Key": "Owner", "Values": ["Self"]}) == ["Own"]
    assert listed({"Key": "PlatformTypes", "Values": ["Linux"]}, {"Key": "Owner", "Values": ["Amazon"]}) == [NAME]


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("delete_document", {}),
        ("update_document", {"Content": OWN}),
        ("update_document_default_version", {"DocumentVersion": "1"}),
        ("modify_document_permission", {"PermissionType": "Share", "AccountIdsToAdd": ["all"]}),
    ],
)
def test_it_is_nobody_s_to_change(ssm: Any, operation: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(ssm, operation)(Name=NAME, **arguments)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert ssm.describe_document(Name=NAME)["Document"]["Owner"] == "Amazon"
