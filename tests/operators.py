"""People who may do less than everything: users of an account, and playbooks that run as one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness import Sandbox


class Operator(Sandbox):
    """A user of a running sandbox, who may do nothing at first; what is run with it is run as that user."""

    def __init__(self, sandbox: Sandbox, home: Path, name: str = "olga") -> None:
        super().__init__(home, sandbox.latency)
        self.sandbox, self.name = sandbox, name
        self._iam = sandbox.client("iam")
        self._iam.create_user(UserName=name)
        key = self._iam.create_access_key(UserName=name)["AccessKey"]
        keys = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
        # Whoever finds the sandbox by this folder finds the same one, with other keys.
        home.mkdir()
        for file in ("running.lock", "journal.jsonl"):
            (home / file).symlink_to(sandbox.home / file)
        (home / "state.json").write_text(json.dumps({**sandbox.state, **keys}))

    def may(self, policy: str, document: dict[str, Any]) -> None:
        """Attach a managed policy of this name, in place of one of the same name."""
        arn = f"arn:aws:iam::{self.state['account']}:policy/{policy}"
        attached = self._iam.list_attached_user_policies(UserName=self.name)["AttachedPolicies"]
        if policy in {each["PolicyName"] for each in attached}:
            self._iam.detach_user_policy(UserName=self.name, PolicyArn=arn)
            self._iam.delete_policy(PolicyArn=arn)
        self._iam.create_policy(PolicyName=policy, PolicyDocument=json.dumps(document))
        self._iam.attach_user_policy(UserName=self.name, PolicyArn=arn)

    def asked(self, since: int = 0) -> list[dict[str, Any]]:
        """What the user's policies were asked, from a line of the journal on."""
        mine = [call for call in self.journal()[since:] if call["caller"].endswith(f":user/{self.name}")]
        return [decision for call in mine for decision in call.get("authorisation", [])]
