"""People who may do less than everything: users of the account, and playbooks that run as one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from harness import Sandbox


class Operator(Sandbox):
    """A user of a running sandbox, with policies; what is run with it is run as that user."""

    def __init__(self, sandbox: Sandbox, home: Path, name: str, policies: Mapping[str, str]) -> None:
        """Make the user and an access key; `policies` are documents by the names of managed policies to make."""
        super().__init__(home, sandbox.latency)
        self.sandbox, self.name = sandbox, name
        iam = sandbox.client("iam")
        iam.create_user(UserName=name)
        for policy, document in policies.items():
            made = iam.create_policy(PolicyName=policy, PolicyDocument=document)["Policy"]
            iam.attach_user_policy(UserName=name, PolicyArn=made["Arn"])
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
        # Whoever finds the sandbox by this folder finds the same one, with other keys.
        home.mkdir()
        (home / "running.lock").symlink_to(sandbox.home / "running.lock")
        (home / "journal.jsonl").symlink_to(sandbox.home / "journal.jsonl")
        (home / "state.json").write_text(json.dumps({**sandbox.state, **keys}))

    def elsewhere(self, service: str, region: str) -> Any:
        """A client of the user's in another region."""
        state = self.state
        make: Any = boto3.client  # typed by one overload a service; here the service is a variable
        return make(
            service,
            endpoint_url=state["endpoint"],
            region_name=region,
            aws_access_key_id=state["access_key_id"],
            aws_secret_access_key=state["secret_access_key"],
        )

    @property
    def asked(self) -> list[dict[str, Any]]:
        """What the policies of all who are not the account itself were asked so far, with each call's `operation`."""
        return [
            {**each, "operation": call["operation"], "caller": call["caller"]}
            for call in self.journal()
            for each in call.get("authorisation", [])
        ]
