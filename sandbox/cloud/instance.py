"""One instance as AWS has it: its states, its groups and addresses, its checks."""

from __future__ import annotations

import base64
import copy
import time
from typing import Any

from moto.ec2.models.instances import Instance as MotoInstance

from sandbox.cloud import context
from sandbox.cloud.images import image_name
from sandbox.world import Machine

STATES = {0: "pending", 16: "running", 32: "shutting-down", 48: "terminated", 64: "stopping", 80: "stopped"}
PENDING, RUNNING, SHUTTING_DOWN, TERMINATED, STOPPING, STOPPED = STATES
GONE = (SHUTTING_DOWN, TERMINATED)


class Instance(MotoInstance):  # type: ignore[misc]
    """An instance whose groups and addresses are those of its interfaces."""

    agent_stays_away = False
    """Whether its agent is never to register, as long as it runs."""

    @property
    def security_groups(self) -> list[Any]:
        """Return the groups of the primary interface."""
        return self.nics[0].group_set if 0 in self.nics else []

    @security_groups.setter
    def security_groups(self, groups: list[Any]) -> None:
        if 0 in self.nics:
            self.nics[0]._group_set = list(groups)

    @property
    def private_ip(self) -> str | None:
        """Return the primary interface's address; a terminated instance has none."""
        return self.nics[0].private_ip_address if 0 in self.nics else None

    @property
    def private_ip_address(self) -> str | None:
        """Return the primary interface's address."""
        return self.private_ip

    @property
    def private_dns_name(self) -> str:
        """Return the primary interface's name."""
        return self.nics[0].private_dns_name if 0 in self.nics else ""

    @property
    def public_ip(self) -> str | None:
        """Return the public address that is mapped to the primary interface."""
        return self.nics[0].public_ip if 0 in self.nics else None

    @property
    def public_ip_address(self) -> str | None:
        """Return the public address that is mapped to the primary interface."""
        return self.public_ip

    @property
    def public_dns_name(self) -> str:
        """Return the public name; as on AWS, only where the VPC gives host names."""
        vpc = self.ec2_backend.vpcs.get(self.vpc_id)
        if not self.public_ip or vpc is None or str(vpc.enable_dns_hostnames).lower() != "true":
            return ""
        dashed = self.public_ip.replace(".", "-")
        region = self.ec2_backend.region_name
        middle = "compute-1" if region == "us-east-1" else f"{region}.compute"
        return f"ec2-{dashed}.{middle}.amazonaws.com"

    def _checks(self) -> dict[str, Any]:
        if self.state_code != RUNNING:
            return {"Status": "not-applicable"}
        late = time.monotonic() < self.running_since + context.current().latency.instance_status_checks
        name = "initializing" if late else "passed"
        return {
            "Details": [{"Name": "reachability", "Status": name}],
            "Status": "initializing" if late else "ok",
        }

    @property
    def instance_status(self) -> dict[str, Any]:
        """Return the instance's own check."""
        return self._checks()

    @property
    def system_status(self) -> dict[str, Any]:
        """Return the check of what it runs on."""
        return self._checks()

    def become(self, code: int) -> Any:
        """Change the state; returns the previous one. What was to happen in that state does not any more."""
        previous = copy.copy(self._state)
        self._state.code, self._state.name = code, STATES[code]
        self.turn = getattr(self, "turn", 0) + 1
        return previous

    def machine(self) -> Machine:
        """Return what the hosts need to know."""
        address = self.nics[0].private_ip_address
        return Machine(
            instance_id=self.id,
            vpc_id=self.vpc_id,
            private_address=address,
            image=image_name(self.image_id),
            host_name="ip-" + address.replace(".", "-"),
            user_data=base64.b64decode(str(self.user_data)) if self.user_data else b"",
            http_tokens=self.metadata_options.http_tokens or "optional",
            disks=tuple(
                (name, int(each.size))
                for name, each in sorted(self.block_device_mapping.items())
                if name != self.root_device_name
            ),
        )
