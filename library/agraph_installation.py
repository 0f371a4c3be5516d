#!/usr/bin/python
"""Installs AllegroGraph from a tarball as a service of systemd: all of it in one session."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agraph_installation
short_description: Install AllegroGraph from a tarball as a service
description:
  - Fetches the tarball from a URL, holds it against its SHA-256, and installs it into a directory of its own, beside
    the version in use; writes C(agraph.cfg) and a service, switches to the version, starts it, and waits until the
    server says that it is the one.
  - What is as wanted is left alone. A server that runs is stopped for a change only with O(change); its data stay.
  - The superuser's password is fetched by the host itself, with its own credentials. It stands in C(agraph.cfg) only
    until the server has started with it once, and on no command line.
  - It needs nothing but systemd and Python's standard library, 3.9 or newer, on the host where it runs, and root.
version_added: 0.1.0
author: [agraph-federation]
options:
  version:
    description: The version that the tarball holds.
    type: str
    required: true
  name:
    description: What to call the tarball in an error.
    type: str
    required: true
  url:
    description: Where the tarball is fetched from, only when it is needed. It may be signed.
    type: str
    required: true
  sha256:
    description: The tarball's SHA-256, in hexadecimal.
    type: str
    required: true
  configuration:
    description: The content of C(agraph.cfg), without the superuser and the license.
    type: str
    required: true
  license:
    description: The lines of a license, which C(agraph.cfg) gets as well.
    type: str
    default: ""
  unit:
    description: The content of the service's unit file.
    type: str
    required: true
  certificate_url:
    description: Where the certificate with its key is fetched from, as one PEM file. Empty for none.
    type: str
    default: ""
  certificate_sha256:
    description: The certificate file's SHA-256.
    type: str
    default: ""
  directory:
    description: Where versions are installed, each in a directory of its own; the link C(current) names the one in use.
    type: path
    default: /opt/agraph
  data_directory:
    description: Where repositories and users are kept.
    type: path
    default: /var/lib/agraph
  device:
    description:
      - A disk for O(data_directory) alone, by its device. It gets a file system if it has none, never otherwise, and is
        mounted by that one's uuid. Empty for none.
    type: path
    default: ""
  configuration_file:
    description: Where C(agraph.cfg) lies.
    type: path
    default: /etc/agraph/agraph.cfg
  run_as:
    description: The user whose the server is; made if missing.
    type: str
    default: agraph
  super_user:
    description: The name of the superuser.
    type: str
    default: test
  secrets:
    description: Where the host fetches the superuser's password, as an EC2 instance with a role that may.
    type: dict
    required: true
    suboptions:
      service:
        description: The URL of Systems Manager in the region.
        type: str
        required: true
      region:
        description: The region.
        type: str
        required: true
      superuser:
        description: The name of the parameter.
        type: str
        required: true
  port:
    description: AllegroGraph's HTTP port.
    type: int
    default: 10035
  change:
    description: Whether a server that runs may be stopped for what is not as wanted.
    type: bool
    default: false
  timeout:
    description: How long all of it may take, in seconds.
    type: int
    default: 900
  label:
    description: What to call the machine in an error, for example V(Member 1 (i-0abc, 10.0.1.5\)).
    type: str
    default: This machine
attributes:
  check_mode:
    description: Can run in check mode and says what it would do.
    support: full
  diff_mode:
    description: Shows the version in use, C(agraph.cfg) and the service, without secrets.
    support: full
"""

EXAMPLES = r"""
- name: Install AllegroGraph
  agraph_installation:
    version: 8.5.2
    name: agraph-8.5.2-linuxamd64.64.tar.gz
    url: https://example.com/agraph-8.5.2-linuxamd64.64.tar.gz
    sha256: "{{ sha256_of_the_tarball }}"
    configuration: "{{ lookup('ansible.builtin.template', 'agraph.cfg.j2') }}"
    unit: "{{ lookup('ansible.builtin.template', 'agraph.service.j2') }}"
    secrets:
      service: https://ssm.us-west-2.amazonaws.com/
      region: us-west-2
      superuser: /example/superuser
"""

RETURN = r"""
version:
  description: The version that the server says it is; empty where nothing runs yet.
  returned: success
  type: str
  sample: 8.5.2
behind:
  description: What is not as wanted and takes a stop of the server that runs, which O(change) did not allow, in words.
  returned: success
  type: list
  elements: str
  sample: [switched to 9.0.2-0a1b2c3d4e5f]
done:
  description: What was done, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
  sample: [stopped the server, switched to 9.0.2-0a1b2c3d4e5f, started the server]
"""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils import agraph_installation as installation
from ansible.module_utils import agraph_tarball as tarball
from ansible.module_utils import data_volume
from ansible.module_utils.agraph_client import AgraphError, Server, wait_for_version
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.instance_secrets import SUPERUSER_SECRET, SecretError, superuser_password

ARGUMENTS: dict[str, Any] = {
    "version": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True, "no_log": True},
    "sha256": {"type": "str", "required": True},
    "configuration": {"type": "str", "required": True},
    "license": {"type": "str", "default": "", "no_log": True},
    "unit": {"type": "str", "required": True},
    "certificate_url": {"type": "str", "default": "", "no_log": True},
    "certificate_sha256": {"type": "str", "default": ""},
    "directory": {"type": "path", "default": "/opt/agraph"},
    "data_directory": {"type": "path", "default": "/var/lib/agraph"},
    "device": {"type": "path", "default": ""},
    "configuration_file": {"type": "path", "default": "/etc/agraph/agraph.cfg"},
    "run_as": {"type": "str", "default": "agraph"},
    "super_user": {"type": "str", "default": "test"},
    "secrets": {**SUPERUSER_SECRET, "required": True},
    "port": {"type": "int", "default": 10035},
    "change": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 900},
    "label": {"type": "str", "default": "This machine"},
}
ERRORS = (installation.InstallationError, tarball.TarballError, data_volume.VolumeError, SecretError, OSError)
PATHS = ("directory", "data_directory", "configuration_file")
TEXTS = ("version", "sha256", "configuration", "license", "unit", "run_as", "certificate_sha256")


def main() -> None:
    """Look, decide, do."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given, deadline = module.params, time.monotonic() + module.params["timeout"]
    wanted = installation.Wanted(**{name: Path(given[name]) for name in PATHS}, **{name: given[name] for name in TEXTS})
    command = command_until(deadline)
    try:
        disk = data_volume.look(given["device"], wanted.data_directory, command).steps() if given["device"] else []
    except data_volume.VolumeError as error:
        module.fail_json(msg=f"{given['label']} did not get AllegroGraph {given['version']}: {error}", done=[])
    found = installation.look(wanted, command)
    todo = disk + installation.steps(wanted, found)
    if "stop" in todo and not given["change"]:
        module.exit_json(
            changed=False, version="", behind=installation.in_words(todo, wanted, given["device"]), done=[]
        )
    version = ""
    if not module.check_mode:
        try:
            version = carry_out(todo, installation.Node(wanted, command), found.release, given, deadline)
        except ERRORS as error:
            module.fail_json(msg=f"{given['label']} did not get AllegroGraph {given['version']}: {error}", done=[])
    done = installation.in_words(todo, wanted, given["device"])
    difference = installation.difference(wanted, found)
    module.exit_json(changed=bool(todo), version=version, behind=[], done=done, diff=difference)


def command_until(deadline: float) -> installation.Command:
    """Return what runs commands, each until that moment at the latest."""

    def command(words: Sequence[str]) -> tuple[int, str]:
        left = max(1.0, deadline - time.monotonic())
        try:
            ended = subprocess.run(
                list(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=left, text=True, check=False
            )
        except subprocess.TimeoutExpired:
            return 124, f"it had not ended after {left:.0f} s"
        except OSError as error:
            return 127, str(error)
        return ended.returncode, ended.stdout

    return command


def carry_out(
    todo: Sequence[str], node: installation.Node, previous: str | None, given: dict[str, Any], deadline: float
) -> str:
    """Do what is to be done, in order; return the server's version where it was started."""
    version = ""
    for step in todo:
        if step == "install":
            install(node, given, deadline)
        elif step == "write_certificate":
            fetched = node.wanted.directory / ".certificate"
            node.wanted.directory.mkdir(parents=True, exist_ok=True)
            tarball.fetch(given["certificate_url"], "The certificate", given["certificate_sha256"], fetched, deadline)
            node.write_certificate(fetched.read_bytes())
            fetched.unlink()
        elif step == "format_volume":
            data_volume.format_volume(given["device"], node.command)
        elif step == "mount_volume":
            data_volume.mount_volume(given["device"], node.wanted.data_directory, node.command)
        elif step == "configure":
            node.configure(given["super_user"], lambda: superuser_password(given["secrets"]))
        else:
            getattr(node, step)()
        if step == "start":
            version = started(given, deadline)
            node.forget_password()
            node.remove_others(previous)
    return version


def install(node: installation.Node, given: dict[str, Any], deadline: float) -> None:
    """Fetch the tarball and install what is in it."""
    directory = node.wanted.directory
    directory.mkdir(parents=True, exist_ok=True)
    fetched, unpacked = directory / ".tarball", directory / ".unpacked"
    tarball.fetch(given["url"], given["name"], given["sha256"], fetched, deadline)
    found = tarball.unpack(fetched, unpacked, given["version"], given["name"])
    fetched.unlink()
    node.install_from(found)
    tarball.remove(unpacked)


def started(given: dict[str, Any], deadline: float) -> str:
    """Wait until the server says which version it is; raises InstallationError where it is another."""
    try:
        version = str(wait_for_version(Server("127.0.0.1", given["port"]), deadline - time.monotonic(), 0.2))
    except AgraphError as error:
        raise installation.InstallationError(f"the server was started, but {error}") from None
    if version != given["version"]:
        raise installation.InstallationError(
            f"the server that was started says that it is {version}: is it the tarball of this version?"
        )
    return version


if __name__ == "__main__":
    main()
