"""An AWS that writes down what it is asked and has nothing in it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# One of Ansible's commands, run to its end: name, arguments, folder=, and the environment's variables.
Command = Callable[..., subprocess.CompletedProcess[str]]

EC2 = "http://ec2.amazonaws.com/doc/2016-11-15/"
IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Arn>arn:aws:iam::123456789012:user/u</Arn><UserId>AID</UserId><Account>123456789012</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)
REFUSAL = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    "<Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message>"
    "</Error></ErrorResponse>"
)


@dataclass
class Recorder:
    """One pretended AWS: what it was asked, as (action, body, authorization), and whether it accepts the keys."""

    url: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    accepts: bool = True

    @property
    def actions(self) -> list[str]:
        """Return the actions asked for."""
        return [action for action, _, _ in self.asked]

    def answer(self, action: str) -> tuple[int, str]:
        """Return status and body for an action."""
        if not self.accepts:
            return 403, REFUSAL
        if action == "GetCallerIdentity":
            return 200, IDENTITY
        return 200, f'<{action}Response xmlns="{EC2}"><reservationSet/><vpcSet/></{action}Response>'
