"""What a node without namespaces finds in its directory: programs of its own before the machine's, and its settings."""

from __future__ import annotations

import json
import shlex
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.hosts.images import IMAGES, TREES, Interpreter, runner_program
from sandbox.world import Machine

PROGRAMS = Path(__file__).parent / "plain" / "bin"
PACKAGES = ("dnf", "yum")
"""Programs of the image that nodes have instead of the machine's, which would change the machine."""
ENDINGS = ("shutdown", "poweroff", "halt")
"""And those that would end the machine."""
OWN_PATHS = (
    *("/var/lib/cloud/instance", "/var/log/cloud-init-output.log", "/var/log/cloud-init.log"),
    *("/run/cloud-init-finished", "/run/systemd/shutdown"),
)
"""What those of the image's programs that a node shares write, which lies in its directory."""
OWN_VARIABLES = ("HOME", "TMPDIR", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "SSL_CERT_FILE")
"""What sessions and commands have of a node's environment, besides the usual."""
METADATA_PORT = 18169
"""Where a node's metadata service answers on its private address: 169.254.169.254 cannot be had."""
AGRAPH_PORT = 10035
MACHINE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def trusted_by_the_machine() -> str:
    """Return the certificates of those whom the machine trusts, in PEM: its internet is the node's, too."""
    bundle = ssl.get_default_verify_paths().cafile
    return Path(bundle).read_text(encoding="utf-8", errors="replace") + "\n" if bundle else ""


@dataclass(frozen=True)
class PlainNode:
    """A node's directory, and the commands that run in it."""

    directory: Path
    machine: Machine
    interpreter: Interpreter
    authority: str = ""
    """The certificate, in PEM, of whom the node trusts besides those whom the machine does."""

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of everything that runs on the node."""
        return {
            "PATH": f"{self.directory / 'bin'}:{MACHINE_PATH}",
            "HOME": str(self.directory / "home"),
            "TMPDIR": str(self.directory / "tmp"),
            "LANG": "C.UTF-8",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{self.machine.private_address}:{METADATA_PORT}",
            "SSL_CERT_FILE": str(self.directory / "trusted.pem"),
        }

    def command(self, module: str, *arguments: str) -> list[str]:
        """Return the command line that runs a module of the sandbox, deaf to the node's settings."""
        return [self.interpreter.executable, "-I", str(self.directory / "run.py"), module, *arguments]

    def services(self) -> dict[str, list[str]]:
        """Return the command of each service."""
        settings = str(self.directory / "agent.json")
        services = {"amazon-ssm-agent": self.command("sandbox.session_manager.agent", "--settings", settings)}
        if "agraph" in IMAGES[self.machine.image]:
            data = str(self.directory / "var/lib/agraph")
            place = ("--host", self.machine.private_address, "--port", str(AGRAPH_PORT))
            server = ("--session-ports", "16000-17000", "--data", data, "--user", "test", "--password", "xyzzy")
            services["agraph"] = self.command("sandbox.allegrograph", *place, *server)
        return services

    def prepare(self, agent: dict[str, Any], boot_delay: float) -> Path:
        """Lay everything out, at each boot anew but for what the node keeps; return the supervisor's settings."""
        shutil.rmtree(self.directory / "run", ignore_errors=True)
        is_new = not self.directory.exists()
        for name in ("bin", "home", "tmp", "run", "services", "var/lib/agraph", "var/log", "var/lib/cloud/instance"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self._write_programs()
        (self.directory / "run.py").write_text(runner_program(self.interpreter))
        if is_new and self.machine.user_data:
            (self.directory / "var/lib/cloud/instance/user-data.txt").write_bytes(self.machine.user_data)
        (self.directory / "trusted.pem").write_text(trusted_by_the_machine() + self.authority)
        own = {name: self.environment[name] for name in OWN_VARIABLES}
        agent = agent | {
            "metadata": f"{self.machine.private_address}:{METADATA_PORT}",
            "state": str(self.directory / "run/agent"),
            "orchestration": str(self.directory / "var/lib/amazon"),
            "log": str(self.directory / "var/log/amazon/ssm"),
            "environment": own,
        }
        (self.directory / "agent.json").write_text(json.dumps(agent, indent=1) + "\n")
        settings = self.directory / "supervisor.json"
        known = {"directory": str(self.directory), "environment": self.environment, "services": self.services()}
        once = [str(self.directory / "bin/cloud-init"), "init"]
        settings.write_text(json.dumps({**known, "once": once, "boot_delay": boot_delay}, indent=1) + "\n")
        return settings

    def _write_programs(self) -> None:
        programs = {path.name: path.read_text() for path in PROGRAMS.iterdir()}
        common = TREES / "common/usr/bin"
        programs |= {name: (common / name).read_text() for name in PACKAGES if (common / name).is_file()}
        programs |= {name: (TREES / "common/usr/sbin" / name).read_text() for name in ENDINGS}
        programs["cloud-init"] = (common / "cloud-init").read_text()
        for name in ("cloud-init", "shutdown"):
            for path in OWN_PATHS:
                programs[name] = programs[name].replace(path, f"{self.directory}{path}")
        instead = f"169.254.169.254:80:{self.machine.private_address}:{METADATA_PORT}"
        for place in MACHINE_PATH.split(":"):
            if (Path(place) / "curl").exists():
                programs["curl"] = f'#!/bin/sh\nexec {place}/curl --connect-to {shlex.quote(instead)} "$@"\n'
        for name, text in programs.items():
            program = self.directory / "bin" / name
            program.write_text(text)
            program.chmod(0o755)
