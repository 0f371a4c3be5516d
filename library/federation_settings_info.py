#!/usr/bin/python
"""Holds a federation's settings against what can work, before anything is created."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_settings_info
short_description: Check a federation's settings before anything is created
description:
  - Checks every setting at once, first by itself, then with AWS - credentials, region, image and instance type - and
    runs the session-manager-plugin. Creates and changes nothing.
  - Fails with one sentence for each finding.
version_added: 0.1.0
options:
  purpose:
    description:
      - For C(up), C(plan) and C(preflight) all settings matter, and what the account has room and permission for; for
        anything else only the name, the region and the credentials, and for C(load) and C(logs) their own.
      - C(leftovers) and C(status) take the name C(all) as well, which stands for every federation.
    choices: [up, preflight, plan, down, leftovers, status, stop, start, load, logs]
    default: up
    type: str
  name:
    description: The federation's name.
    required: true
    type: str
  tags:
    description: Further tags of everything that is made.
    default: {}
    type: raw
  member_count:
    description: How many members the federation has.
    default: 1
    type: raw
  discard_data:
    description: Whether members beyond O(member_count) may go with what they hold; looked at for its type alone.
    default: false
    type: bool
  vpc_cidr:
    description: The VPC's addresses.
    default: ""
    type: str
  public_subnet_cidr:
    description: The manager's subnet.
    default: ""
    type: str
  private_subnet_cidr:
    description: The members' subnet.
    default: ""
    type: str
  access:
    description: How the manager is reached; with V(tunnel) nobody comes in, and nothing about that is looked at.
    default: public
    type: str
  allowed_cidr:
    description: Who may reach the manager. Empty for the caller's own public address alone.
    default: ""
    type: str
  allow_world:
    description: Whether O(allowed_cidr) may be everybody.
    default: false
    type: bool
  address_service:
    description:
      - A URL that answers with the caller's public IPv4 address, as C(https://checkip.amazonaws.com/) does. Asked only
        where O(allowed_cidr) is empty.
    default: ""
    type: str
  instance_type:
    description: The type of every instance.
    default: ""
    type: str
  image_id:
    description:
      - The image of every instance, with AllegroGraph on it. Empty for the latest Amazon Linux 2023 of the type's
        architecture, on which it is installed as O(installation) says.
    default: ""
    type: str
  user:
    description: The superuser of AllegroGraph on the image.
    default: ""
    type: str
  login_known:
    description: Whether the superuser's password on the image was given; the password itself stays outside.
    default: true
    type: bool
  reader:
    description: The user who is to read, and nothing else.
    default: reader
    type: str
  root_volume_gb:
    description: The size of every root disk in GiB; V(0) for the image's own.
    default: 0
    type: raw
  key_name:
    description: The key pair, or nothing.
    default: ""
    type: str
  key_file:
    description: Where a generated private key is written.
    default: ""
    type: str
  ttl_hours:
    description: After how many hours the instances end themselves; 0 for never.
    default: 0
    type: raw
  on_failure:
    description: What a failed C(up) does with what it made.
    default: remove
    type: str
  timeouts:
    description: How long each wait lasts, in seconds, by the setting's name without its prefix.
    default: {}
    type: dict
  installation:
    description: What is installed where O(image_id) is empty, by the setting's name without its prefix.
    default: {}
    type: dict
  load:
    description: What is loaded, by the setting's name without its prefix.
    default: {}
    type: dict
  logs:
    description: What C(logs) is told, by the setting's name without C(federation_logs_).
    default: {}
    type: dict
  session_manager_plugin:
    description: The session-manager-plugin that the connection is going to run; not checked when empty.
    default: ""
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - looks
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Check the settings
  federation_settings_info:
    name: agraph
    region: us-west-2
    member_count: 2
    vpc_cidr: 10.0.0.0/16
    public_subnet_cidr: 10.0.0.0/24
    private_subnet_cidr: 10.0.1.0/24
    allowed_cidr: 203.0.113.7/32
    instance_type: t3.medium
    image_id: ami-0123456789abcdef0
"""

RETURN = r"""
account:
  description: The account that the credentials belong to.
  returned: success
  type: str
caller:
  description: The ARN of the caller.
  returned: success
  type: str
image_id:
  description: The image to launch, where O(purpose=up).
  returned: success
  type: str
caller_cidr:
  description: The caller's own public address as a network, where it was looked for; empty otherwise.
  returned: success
  type: str
hourly_cost:
  description:
    - What the federation costs in USD an hour, without disks and traffic; V(null) for a type without a known price.
  returned: where O(purpose) is C(up) or C(preflight)
  type: float
"""

import contextlib
import re
import subprocess
from http import HTTPStatus
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from ansible.module_utils.federation_account import problem_with_clock
from ansible.module_utils.federation_leftovers import hourly_cost
from ansible.module_utils.federation_offers import looked_up_at_aws
from ansible.module_utils.federation_settings import (
    RESERVED_NAMES,
    Settings,
    cidr_of_caller,
    problems,
    problems_with_load,
    problems_with_logs,
    problems_with_name,
    problems_with_timeouts,
)
from ansible.module_utils.urls import fetch_url
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

# The service answers with one line; anything longer is something else, such as the page of a captive portal.
LONGEST_ADDRESS = 64
ADDRESS_SECONDS = 10
CREDENTIALS_HELP = "look with `aws sts get-caller-identity`, or set AWS_PROFILE or AWS_ACCESS_KEY_ID."
# What those wait for that make nothing; a wrong setting that is none of theirs is not in their way.
TIMEOUTS = {
    "status": {"status_timeout"},
    "stop": {"stop_timeout"},
    "start": {"instance_timeout", "agent_timeout", "server_timeout"},
    "down": {"gateway_timeout", "instance_timeout", "settle_timeout"},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "purpose": {
        "choices": ["up", "preflight", "plan", "down", "leftovers", "status", "stop", "start", "load", "logs"],
        "default": "up",
    },
    "name": {"required": True},
    "tags": {"type": "raw", "default": {}},
    "member_count": {"type": "raw", "default": 1},
    "discard_data": {"type": "bool", "default": False},
    "vpc_cidr": {"default": ""},
    "public_subnet_cidr": {"default": ""},
    "private_subnet_cidr": {"default": ""},
    "access": {"default": "public"},
    "allowed_cidr": {"default": ""},
    "allow_world": {"type": "bool", "default": False},
    "address_service": {"default": ""},
    "instance_type": {"default": ""},
    "image_id": {"default": ""},
    "user": {"default": ""},
    "login_known": {"type": "bool", "default": True, "no_log": False},
    "reader": {"default": "reader"},
    "root_volume_gb": {"type": "raw", "default": 0},
    "key_name": {"default": "", "no_log": False},
    "key_file": {"default": "", "no_log": False},
    "ttl_hours": {"type": "raw", "default": 0},
    "on_failure": {"default": "remove"},
    "timeouts": {"type": "dict", "default": {}},
    "installation": {"type": "dict", "default": {}},
    "load": {"type": "dict", "default": {}},
    "logs": {"type": "dict", "default": {}},
    "session_manager_plugin": {"default": ""},
}


def problem_with_region(region: str | None) -> str | None:
    """Say that no partition of AWS has the region, as far as botocore knows."""
    session = boto3.session.Session()
    known = [name for part in session.get_available_partitions() for name in session.get_available_regions("ec2", part)]
    if region in known:
        return None
    return f"federation_region '{region}' is no region of AWS: use one like us-west-2."


def identity_or_problem(module: Any) -> tuple[dict[str, str], str | None]:
    """Ask AWS who is calling."""
    try:
        return module.client("sts").get_caller_identity(), None
    except (NoCredentialsError, PartialCredentialsError):
        return {}, f"No AWS credentials were found: {CREDENTIALS_HELP}"
    except ClientError as error:
        # With a clock that is far off, no credentials are good.
        refused = f"AWS refused the credentials ({error.response['Error']['Code']}): {CREDENTIALS_HELP}"
        return {}, problem_with_clock(date_of(error.response)) or refused
    except BotoCoreError as error:
        return {}, f"AWS could not be asked who is calling ({error}): {CREDENTIALS_HELP}"


def date_of(answer: Any) -> str:
    """Return when AWS says that it has answered."""
    return str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", ""))


def caller_cidr_or_problem(module: Any) -> tuple[str, str | None]:
    """Ask a service on the internet from which address this machine is seen."""
    service = module.params["address_service"]
    response, info = fetch_url(module, service, timeout=ADDRESS_SECONDS)
    if info["status"] == HTTPStatus.OK:
        text = response.read(LONGEST_ADDRESS).decode("ascii", "replace").strip()
        if cidr := cidr_of_caller(text):
            return cidr, None
        reason = f"{service} answers {text!r}, which is no IPv4 address"
    else:
        # Python's own words stand around those of the system.
        said = re.sub(r".*<urlopen error (\[Errno -?\d+\] )?(.*)>", r"\2", str(info["msg"]))
        reason = f"{service}: {said.rstrip('.')}"
    return "", (
        f"Your own public address could not be found out ({reason}): set federation_allowed_cidr to the network that "
        "may reach the manager, such as 203.0.113.7/32."
    )


def problem_with_plugin(path: str) -> str | None:
    """Run the session-manager-plugin and say why it cannot."""
    if not path:
        return None
    try:
        subprocess.run([path, "--version"], check=True, timeout=30, capture_output=True, text=True)
    except subprocess.TimeoutExpired as error:
        reason = f"it said nothing for {error.timeout} s"
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip() or f"it ended with {error.returncode}").splitlines()[-1]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
    else:
        return None
    return (
        f"The session-manager-plugin {path} cannot run: {reason.rstrip('.')}. "
        "Install AWS's own, or set ansible_aws_ssm_plugin to one that runs."
    )


def main() -> None:
    """Collect everything that is wrong, then fail with all of it or return who is calling."""
    module = AnsibleAWSModule(argument_spec=OPTIONS, supports_check_mode=True)
    up = module.params["purpose"] in ("up", "plan", "preflight")
    given = {name: module.params[name] for name in Settings.__dataclass_fields__}
    # These two may be asked of every federation at once.
    every = module.params["purpose"] in ("leftovers", "status") and module.params["name"] in RESERVED_NAMES
    found = problems(Settings(**given)) if up else [] if every else list(problems_with_name(module.params["name"]))
    if own := TIMEOUTS.get(module.params["purpose"]):
        found += problems_with_timeouts({name: it for name, it in module.params["timeouts"].items() if name in own})
    if module.params["purpose"] == "load":
        found += problems_with_load(module.params["load"])
    if module.params["purpose"] == "logs":
        found += problems_with_logs(module.params["logs"])
    identity: dict[str, str] = {}
    image = module.params["image_id"]
    if problem := problem_with_region(module.region):
        found.append(problem)
    elif not found:
        identity, refused = identity_or_problem(module)
        clock = None if refused else problem_with_clock(date_of(identity))
        found = [each for each in (refused, clock) if each]
        if up and not refused:
            image, wrong = looked_up_at_aws(module)
            found += wrong
    if up and (problem := problem_with_plugin(module.params["session_manager_plugin"])):
        found.append(problem)
    caller_cidr = ""
    # Nobody outside is told of a run that cannot go on anyway.
    if up and module.params["access"] == "public" and not module.params["allowed_cidr"] and not found:
        caller_cidr, problem = caller_cidr_or_problem(module)
        found += [problem] if problem else []
    if found:
        module.fail_json(msg=" ".join(found), problems=found)
    known = {"account": identity["Account"], "caller": identity["Arn"], "caller_cidr": caller_cidr, "image_id": image}
    if up:
        known["hourly_cost"] = hourly_cost(module.params["instance_type"], 1 + int(module.params["member_count"]))
    module.exit_json(changed=False, **known)


if __name__ == "__main__":
    main()
