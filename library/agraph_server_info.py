#!/usr/bin/python
"""Wait until an AllegroGraph server answers, and say which version it is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agraph_server_info
short_description: Wait until AllegroGraph answers, and return its version
description:
  - Asks C(/version) until an answer comes or the time is up. It needs no password and changes nothing.
  - It needs nothing but Python's standard library, 3.9 or newer, on the host where it runs.
version_added: 0.1.0
extends_documentation_fragment: [agraph, looks]
author: [agraph-federation]
options:
  timeout:
    description: How long to wait for the first answer, in seconds.
    type: int
    default: 120
  interval:
    description: How long to wait between two attempts, in seconds.
    type: float
    default: 1.0
  label:
    description: What to call the server in an error, for example V(Member 1 (i-0abc, 10.0.1.5\)).
    type: str
    default: AllegroGraph
  remedy:
    description: What a person should do when no answer came; the end of the error.
    type: str
    default: Is AllegroGraph installed and running on this machine?
"""

EXAMPLES = r"""
- name: Wait for AllegroGraph on this node
  agraph_server_info:
    timeout: 120
    label: "Member {{ federation_index }} ({{ inventory_hostname }}, {{ private_ip_address }})"
  register: server
"""

RETURN = r"""
version:
  description: The server's version.
  returned: success
  type: str
  sample: 8.5.2
waited:
  description: How long it took until it answered or was given up, in seconds.
  returned: always
  type: float
  sample: 3.2
"""

import time

from ansible.module_utils.agraph_client import AgraphError, Server, wait_for_version
from ansible.module_utils.agraph_contents import silence
from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 10035},
    "timeout": {"type": "int", "default": 120},
    "interval": {"type": "float", "default": 1.0},
    "label": {"type": "str", "default": "AllegroGraph"},
    "remedy": {"type": "str", "default": "Is AllegroGraph installed and running on this machine?"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = module.params
    started = time.monotonic()
    server = Server(wanted["host"], wanted["port"])
    try:
        version = wait_for_version(server, wanted["timeout"], wanted["interval"])
    except AgraphError as error:
        said = silence(wanted["label"], server.url, wanted["timeout"], str(error), wanted["remedy"])
        module.fail_json(msg=said, waited=round(time.monotonic() - started, 1))
    module.exit_json(changed=False, version=version, waited=round(time.monotonic() - started, 1))


if __name__ == "__main__":
    main()
