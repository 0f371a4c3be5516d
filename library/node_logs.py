#!/usr/bin/python
"""Sends this machine's logs, the newest of each, to where a URL says."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_logs
short_description: Send a machine's logs
description:
  - Packs the named files, what the journal says of the named services, and all that lies where AllegroGraph's
    configuration has its C(LogDir), and puts the archive (tar.gz) under a URL. It does not pass through the answer.
  - Where it is too much, the newest bytes of each log win, and small logs are whole before large ones are.
  - For a machine with Python 3.9 and nothing else. Run it as root, whose the logs are.
version_added: 0.1.0
options:
  url:
    description: Where the archive is put, by HTTP's C(PUT).
    type: str
    required: true
  paths:
    description: Files, by patterns of the shell with absolute paths.
    type: list
    elements: str
    default: []
  configuration_files:
    description: Files like C(agraph.cfg), of which those count that are there.
    type: list
    elements: str
    default: [/etc/agraph/agraph.cfg]
  units:
    description: Services of systemd.
    type: list
    elements: str
    default: []
  megabytes:
    description: How much of the logs is sent at most, in MB before they are packed.
    type: int
    default: 20
  timeout:
    description: How long the sending may take, in seconds.
    type: int
    default: 120
  label:
    description: What to call the machine in an error.
    type: str
    default: This machine
attributes:
  check_mode:
    description: Can run in check mode and says which logs there are.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author: [agraph-federation]
"""

EXAMPLES = r"""
- name: Send the logs
  node_logs:
    url: "{{ offered.urls['i-0123456789abcdef0/logs.tar.gz'] }}"
    paths: [/var/log/cloud-init*.log]
    units: [amazon-ssm-agent]
"""

RETURN = r"""
logs:
  description: The logs, each with its C(name) in the archive, its C(size), and how much of it was C(kept), in bytes.
  returned: always
  type: list
  elements: dict
sent:
  description: How many bytes the archive has; 0 in check mode.
  returned: success
  type: int
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils import node_logs
from ansible.module_utils.basic import AnsibleModule

TEXTS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
ARGUMENTS: dict[str, Any] = {
    "url": {"type": "str", "required": True, "no_log": True},
    "paths": TEXTS,
    "configuration_files": {**TEXTS, "default": ["/etc/agraph/agraph.cfg"]},
    "units": TEXTS,
    "megabytes": {"type": "int", "default": 20},
    "timeout": {"type": "int", "default": 120},
    "label": {"type": "str", "default": "This machine"},
}
MEGABYTE = 1000000
# More of the journal than this is old; what is too many bytes is cut afterwards.
JOURNAL_LINES = 20000
JOURNAL_SECONDS = 30


def main() -> None:
    """Look, pack, send."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    texts = [Path(each).read_text(errors="replace") for each in given["configuration_files"] if Path(each).is_file()]
    patterns = given["paths"] + [f"{each}/*" for each in node_logs.directories(texts)]
    logs = node_logs.files(patterns) + node_logs.journals({unit: journal(unit) for unit in given["units"]})
    kept, sent = [0] * len(logs), 0
    try:
        with tempfile.TemporaryFile() as archive:
            kept = node_logs.pack(logs, given["megabytes"] * MEGABYTE, archive)
            if not module.check_mode:
                sent = node_logs.send(archive, given["url"], given["timeout"])
    except (node_logs.LogsError, OSError) as error:
        module.fail_json(msg=f"{given['label']}: {error}", logs=[])
    listed = [{"name": log.name, "size": log.size, "kept": size} for log, size in zip(logs, kept)]
    module.exit_json(changed=False, logs=listed, sent=sent)


def journal(unit: str) -> bytes:
    """Return the newest that the journal says of a service; nothing where there is no journal."""
    command = ["journalctl", "--no-pager", "--output", "short-iso", "--lines", str(JOURNAL_LINES), "--unit", unit]
    try:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=JOURNAL_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return b""


if __name__ == "__main__":
    main()
