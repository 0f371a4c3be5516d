#!/usr/bin/python
"""Lets one run at a time work on a federation, by a parameter of Systems Manager."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_lease
short_description: Let one run at a time work on a federation
description:
  - Keeps a lease in a parameter of Systems Manager's Parameter Store that says who works on a federation, with what and
    since when. A run that finds another's lease is refused, and told whose it is.
  - A lease is taken over when it has expired, when its holder is a process of this very machine that no longer lives,
    or with O(take_over). Of several runs that take it at once exactly one gets it.
version_added: 0.1.0
options:
  name:
    description: The parameter's name.
    required: true
    type: str
  federation:
    description: The federation's name, for the errors.
    required: true
    type: str
  state:
    description:
      - V(held) takes the lease, or renews this run's own.
      - V(renewed) renews it, and fails when another run has it by now. One that is gone is taken again.
      - V(released) deletes it when it is this run's own, and leaves another's alone.
    choices: [held, renewed, released]
    default: held
    type: str
  run:
    description: A name of this run that no other run has, the same in all of its tasks.
    required: true
    type: str
  process:
    description: The process that lives as long as the run does; 0 when it is not known, which leaves expiry alone.
    default: 0
    type: int
  verb:
    description: What the run does, for the others' errors.
    default: ""
    type: str
  duration:
    description: How long the lease lasts unless it is renewed, in seconds; longer than the run waits for anything.
    default: 3600
    type: int
  take_over:
    description: Whether to take the lease from a run that may be alive.
    default: false
    type: bool
  tags:
    description: The parameter's tags, set in the call that creates it.
    default: {}
    type: dict
attributes:
  check_mode:
    description: Can run in check mode; it writes nothing, and warns of another's lease.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Take the lease
  federation_lease: &lease
    name: /agraph/lease
    federation: agraph
    region: us-west-2
    run: "{{ lookup('ansible.builtin.env', 'FEDERATION_RUN') }}"
    process: "{{ lookup('ansible.builtin.env', 'FEDERATION_PROCESS') }}"
    verb: up
    tags: {Federation: agraph}

- name: Give it back
  federation_lease:
    <<: *lease
    state: released
"""

RETURN = r"""
took_over:
  description: Whether this run took its lease over from another one; that one's last calls may still be under way.
  returned: success
  type: bool
lease:
  description: The lease that holds now, with C(holder), C(verb), C(since), C(renewed) and C(expires); null for none.
  returned: success
  type: dict
"""

import contextlib
import itertools
import random
import time
from dataclasses import asdict
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    from botocore.exceptions import BotoCoreError, ClientError

from ansible.module_utils import federation_lease as leases
from ansible.module_utils.federation_lease import Lease
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

OPTIONS: dict[str, Any] = {
    "name": {"required": True},
    "federation": {"required": True},
    "state": {"choices": ["held", "renewed", "released"], "default": "held"},
    "run": {"required": True},
    "process": {"type": "int", "default": 0},
    "verb": {"default": ""},
    "duration": {"type": "int", "default": 3600},
    "take_over": {"type": "bool", "default": False},
    "tags": {"type": "dict", "default": {}},
}
# AWS asks for half a minute between a parameter's end and the next one of its name.
PATIENCE = 45.0
PAUSE = 0.5
GONE = "ParameterNotFound"
# A parameter is created with a type and only with one, so that what is written over something never creates anything.
NEVER_THERE = "ValidationException"
BUSY = "TooManyUpdates"


class LeaseError(Exception):
    """Why the lease cannot be had, in one sentence, with what to do."""


def code_of(error: ClientError) -> str:
    """Return the code with which AWS refuses."""
    return str(error.response["Error"]["Code"])


class Parameter:
    """The parameter that holds the lease."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name

    def history(self) -> list[str]:
        """Return the values of all its versions, the oldest first."""
        try:
            pages = self.client.get_paginator("get_parameter_history").paginate(Name=self.name)
            found = [each for page in pages for each in page["Parameters"]]
        except ClientError as error:
            if code_of(error) == GONE:
                return []
            raise
        return [each["Value"] for each in sorted(found, key=lambda each: int(each["Version"]))]

    def create(self, lease: Lease, tags: dict[str, str]) -> bool:
        """Create it; say whether it is by this call, of all that may be under way, that it is there."""
        try:
            self.client.put_parameter(
                Name=self.name,
                Value=lease.as_text(),
                Type="String",
                Overwrite=False,
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )
        except ClientError as error:
            if code_of(error) in ("ParameterAlreadyExists", BUSY):
                return False
            raise
        return True

    def write(self, lease: Lease) -> None:
        """Write a version over what is there; whether it counts is for the next look."""
        try:
            self.client.put_parameter(Name=self.name, Value=lease.as_text(), Overwrite=True)
        except ClientError as error:
            if code_of(error) not in (GONE, NEVER_THERE, BUSY):
                raise

    def delete(self) -> None:
        """Delete it; that it is gone already is as good."""
        try:
            self.client.delete_parameter(Name=self.name)
        except ClientError as error:
            if code_of(error) != GONE:
                raise


def hold(parameter: Parameter, me: Lease, wanted: dict[str, Any]) -> tuple[Lease, Lease | None]:
    """Take the lease or renew it; return it, and the one that it was taken over from.

    Who creates the parameter has it: AWS lets one of all who try. Who writes over it looks again: `standing` says whose
    version counts, and says the same to everybody. Who lost decides anew, and is then refused. To delete and create
    would not do: the second of two takers would delete what the first has just created.
    """
    deadline = time.monotonic() + PATIENCE
    written: set[str] = set()
    before = first = None
    for attempt in itertools.count():
        history = parameter.history()
        lease = leases.standing(history)
        if lease and lease.write in written:
            return lease, before
        first = lease if attempt == 0 else first
        # To take over by hand means the lease that was found, not one that somebody else was quicker to take.
        decision = decided(lease, me, wanted, wanted["take_over"] and lease == first)
        new = leases.following(lease, me, leases.last_write(history))
        written.add(new.write)
        if decision == leases.CREATE:
            if parameter.create(new, wanted["tags"]):
                return new, before
        else:
            before = lease if decision == leases.TAKE_OVER else before
            parameter.write(new)
            if attempt == 0:
                continue
        if time.monotonic() > deadline:
            break
        # Two who met once should not meet for ever.
        time.sleep(PAUSE * (1 + random.random()))
    raise LeaseError(
        f"The lease of the federation {wanted['federation']} could not be taken within {PATIENCE:.0f} s: the parameter "
        f"{wanted['name']} was deleted a moment ago, or others keep writing it. Repeat this in a minute."
    )


def decided(lease: Lease | None, me: Lease, wanted: dict[str, Any], take_over: bool) -> str:
    """Say what is to be done about a lease, or raise whose it is."""
    alive = leases.lives(lease.holder) if lease else None
    decision: str = leases.decide(leases.now(), lease, me, alive, take_over)
    if lease and wanted["state"] == "renewed" and decision != leases.RENEW:
        raise LeaseError(leases.loss(wanted["federation"], lease))
    if lease and decision == leases.REFUSE:
        raise LeaseError(leases.refusal(wanted["federation"], lease))
    return decision


def release(parameter: Parameter, me: Lease, check_mode: bool) -> Lease | None:
    """Delete the lease when it is this run's own; return whose it was.

    Between the look and the deletion somebody might take it over, by hand, while this run still lived; that one's next
    renewal finds it gone, and takes it again.
    """
    lease = leases.standing(parameter.history())
    if lease and lease.run == me.run and not check_mode:
        parameter.delete()
    return lease


def shown(lease: Lease | None) -> dict[str, Any] | None:
    """Return what others need of a lease."""
    if lease is None:
        return None
    whole = asdict(lease)
    return {key: whole[key] for key in ("holder", "verb", "since", "renewed", "expires")}


def act(module: Any, parameter: Parameter, me: Lease) -> dict[str, Any]:
    """Bring the lease to the wanted state, and return what the module answers."""
    wanted = module.params
    if wanted["state"] == "released":
        lease = release(parameter, me, module.check_mode)
        own = lease is not None and lease.run == me.run
        return {"changed": own, "took_over": False, "lease": None if own else shown(lease)}
    if module.check_mode:
        lease = leases.standing(parameter.history())
        try:
            decided(lease, me, wanted, wanted["take_over"])
        except LeaseError as error:
            module.warn(str(error))
        return {"changed": True, "took_over": False, "lease": shown(lease)}
    lease, before = hold(parameter, me, wanted)
    if before:
        module.warn(
            f"The lease was taken over from {before.holder}, who ran {before.verb or 'something'} on the federation "
            f"{wanted['federation']} since {leases.readable(before.since)}."
        )
    return {"changed": True, "took_over": lease.took_over, "lease": shown(lease)}


def main() -> None:
    """Bring the lease to the wanted state."""
    module = AnsibleAWSModule(argument_spec=OPTIONS, supports_check_mode=True)
    wanted = module.params
    if not wanted["run"]:
        module.fail_json(msg="A run without a name cannot hold a lease: use one of this project's inventories.")
    now, holder = leases.now(), leases.holder(wanted["process"])
    me = leases.wanted(now, holder, wanted["run"], wanted["verb"], wanted["duration"])
    try:
        module.exit_json(**act(module, Parameter(module.client("ssm"), wanted["name"]), me))
    except LeaseError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The lease {wanted['name']} cannot be {wanted['state']}")


if __name__ == "__main__":
    main()
