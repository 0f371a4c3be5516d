#!/usr/bin/python
"""Hold a tunnel to a port of an instance open, for a browser or any other client on this machine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_tunnel
short_description: Hold a port of an instance open as a port of this machine
description:
  - Opens a port-forwarding session of SSM, sees that AllegroGraph answers through it, holds it until it is to end, and
    closes it whatever happens. The instance needs no open port.
  - It ends well after O(seconds), when the file O(stop_file) is there, or when the process O(process) is gone; it fails
    when the session ends before.
  - It changes nothing, on the servers or elsewhere.
version_added: 0.1.0
author: [agraph-federation]
requirements: [boto3]
options:
  instance_id:
    description: The instance.
    type: str
    required: true
  title:
    description: What a person calls the instance, for the errors.
    type: str
    default: the manager
  port:
    description: The instance's port.
    type: int
    default: 10035
  local_port:
    description: The port of this machine, on 127.0.0.1.
    type: int
    default: 10035
  seconds:
    description: How long to hold it; V(0) for until something else ends it.
    type: int
    default: 0
  stop_file:
    description: A file whose coming says that it is enough; not looked for when empty.
    type: str
    default: ""
  process:
    description: The process for which the tunnel is held; V(0) for none.
    type: int
    default: 0
  timeout:
    description: How long it may take until AllegroGraph answers, in seconds.
    type: int
    default: 60
  plugin:
    description: The session-manager-plugin, AWS's own or the project's.
    type: str
    required: true
  region:
    description: The instance's region; the environment's when it is not given.
    type: str
attributes:
  check_mode:
    description: Opens nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: See AllegroGraph's web view for an hour, at http://127.0.0.1:10035/
  federation_tunnel:
    instance_id: i-0123456789abcdef0
    plugin: /usr/local/bin/session-manager-plugin
    region: us-west-2
    seconds: 3600
"""

RETURN = r"""
version:
  description: AllegroGraph's version.
  returned: when a tunnel was open
  type: str
seconds:
  description: How long it was open.
  returned: success
  type: float
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.agraph_client import AgraphError, Server
from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.port_forwarding import (
    LOCALHOST,
    PORTS,
    ForwardedPort,
    ForwardingError,
    Instance,
    port_is_taken,
    taken,
)

ARGUMENTS: dict[str, Any] = {
    "instance_id": {"type": "str", "required": True},
    "title": {"type": "str", "default": "the manager"},
    "port": {"type": "int", "default": 10035},
    "local_port": {"type": "int", "default": 10035},
    "seconds": {"type": "int", "default": 0},
    "stop_file": {"type": "str", "default": ""},
    "process": {"type": "int", "default": 0},
    "timeout": {"type": "int", "default": 60},
    "plugin": {"type": "str", "required": True},
    "region": {"type": "str"},
}
LOOK = 0.1
# How long a server that is there may take to say so.
PATIENCE = 10.0

Wanted = dict[str, Any]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    # A run that is ended ends its session.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    answer: dict[str, Any] = {"seconds": 0.0}
    try:
        check(module.params)
        if not module.check_mode:
            answer = hold(module.params, enough(module.params))
    except ImportError:
        module.fail_json(msg=missing_required_lib("boto3"))
    except ForwardingError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **answer)


def check(wanted: Wanted) -> None:
    """Raise what can be known before AWS is asked."""
    if wanted["local_port"] not in PORTS:
        raise ForwardingError(
            f"federation_tunnel_port {wanted['local_port']} is no port: use one from {PORTS[0]} to {PORTS[-1]}."
        )
    if wanted["seconds"] < 0:
        raise ForwardingError(
            f"federation_tunnel_seconds {wanted['seconds']} is no time: give whole seconds, or 0 for until Ctrl-C."
        )
    if taken(wanted["local_port"]):
        raise ForwardingError(port_is_taken(wanted["local_port"]))


def enough(wanted: Wanted) -> Callable[[float], bool]:
    """Return what says, of the seconds so far, whether the tunnel was held for long enough."""
    stop_file, process = wanted["stop_file"] and Path(wanted["stop_file"]), wanted["process"]

    def is_enough(seconds: float) -> bool:
        return bool(
            (wanted["seconds"] and seconds >= wanted["seconds"])
            or (stop_file and stop_file.exists())
            or (process and not runs(process))
        )

    return is_enough


def hold(wanted: Wanted, is_enough: Callable[[float], bool]) -> dict[str, Any]:
    """Hold the tunnel until it is enough, or raise why it cannot be held."""
    deadline = time.monotonic() + wanted["timeout"]
    instance = Instance(wanted["instance_id"], wanted["title"], wanted["plugin"], wanted["region"])
    with ForwardedPort(instance, wanted["port"], deadline, wanted["local_port"]) as tunnel:
        started = time.monotonic()
        version = greet(tunnel, max(1.0, min(PATIENCE, deadline - started)))
        while not is_enough(seconds := time.monotonic() - started):
            if not tunnel.is_open:
                raise ForwardingError(f"{tunnel.trouble} Open it again with: ansible-playbook tunnel.yml")
            time.sleep(LOOK)
    return {"version": version, "seconds": round(seconds, 1)}


def greet(tunnel: ForwardedPort, patience: float) -> str:
    """Return AllegroGraph's version; a browser would only show that nothing comes."""
    try:
        return str(Server(LOCALHOST, tunnel.local_port, timeout=patience).version())
    except AgraphError as error:
        raise ForwardingError(
            tunnel.explained()
            or f"AllegroGraph does not answer through the tunnel: {error} Does it run on the manager?"
        ) from None


def runs(process: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
