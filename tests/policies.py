"""The policies that an administrator is given, as data, and what they say to a request that was made."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness import ROOT

from sandbox.cloud.authorisation.policies import Question, effects

Document = dict[str, Any]
OPERATOR = (ROOT / "docs" / "operator-policy-ec2.json", ROOT / "docs" / "operator-policy.json")
NODES = ROOT / "roles" / "identity" / "files" / "node_policy.json"
LARGEST = 6144
"""Characters that a managed policy may have, white space not counted."""
VOLATILE = ("aws:currenttime", "aws:epochtime", "aws:useragent")
"""Conditions that differ from call to call, and that no policy here looks at."""


def read(path: Path, federation: str = "agraph", region: str = "us-west-2") -> Document:
    """Return a policy for a federation and a region, as docs/operator-policy.md has it rendered."""
    text = path.read_text().replace("agraph", federation).replace("us-west-2", region)
    return dict(json.loads(text))


def operator(federation: str = "agraph", region: str = "us-west-2") -> Document:
    """Return what an operator may do, of all policies that are for one, as one document."""
    documents = [read(path, federation, region) for path in OPERATOR]
    return {**documents[0], "Statement": [each for document in documents for each in document["Statement"]]}


def as_list(value: Any) -> list[Any]:
    """Return a list, of one where the document has a single value."""
    return list(value) if isinstance(value, list) else [value]


def allows(document: Document, decision: dict[str, Any]) -> bool:
    """Whether a policy, if there is no other, allows what the journal says was asked."""
    keys = {name: tuple(values) for name, values in decision["conditions"].items()}
    return effects([document], Question(decision["action"], decision["resource"], keys)) == {"Allow"}


def distinct(decisions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return decisions once each, whenever they were asked."""
    return list(
        {
            json.dumps(
                [
                    each["action"],
                    each["resource"],
                    each["allowed"],
                    {name: values for name, values in each["conditions"].items() if name not in VOLATILE},
                ],
                sort_keys=True,
            ): each
            for each in decisions
        }.values()
    )


def without(document: Document, sid: str) -> Document:
    """Return a policy without one of its statements."""
    return {**document, "Statement": [each for each in document["Statement"] if each["Sid"] != sid]}


def without_actions(document: Document) -> Iterator[tuple[str, Document]]:
    """Yield, for each action of each statement, its name and the policy without it."""
    for number, statement in enumerate(document["Statement"]):
        actions = as_list(statement["Action"])
        for action in actions:
            less = copy.deepcopy(document)
            less["Statement"][number]["Action"] = [each for each in actions if each != action]
            if len(actions) == 1:
                del less["Statement"][number]
            yield f"{statement['Sid']}: {action}", less


def loosened(document: Document) -> Iterator[tuple[str, Document]]:
    """Yield the policy with one of its limits taken away, for each condition and each resource that is not all."""
    for number, statement in enumerate(document["Statement"]):
        for operator, keys in statement.get("Condition", {}).items():
            for key in keys:
                more = copy.deepcopy(document)
                del more["Statement"][number]["Condition"][operator][key]
                yield f"{statement['Sid']}: {key}", more
        if statement["Resource"] != "*":
            more = copy.deepcopy(document)
            more["Statement"][number]["Resource"] = "*"
            yield f"{statement['Sid']}: Resource", more
