"""A small VPC to try hosts in, and ways to run things on its nodes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.hosts import NamespaceWorld
from sandbox.latency import TABLES, Latency
from sandbox.world import Interface, Machine, NatGateway, Network, Route, Rule, SecurityGroup, Subnet

LOCAL = Route("10.0.0.0/16", "local")
EVERYWHERE = "0.0.0.0/0"
ANYTHING_OUT = (Rule("-1", cidr=EVERYWHERE),)


def fast() -> Latency:
    return replace(TABLES["fast"], instance_boot=0.0)


def open_world(number: int, directory: Path) -> NamespaceWorld:
    """A world on 127.number.0.0/16; each test module has a number of its own, so that they can run side by side."""
    endpoint = f"127.{number}.0.1"
    return NamespaceWorld(number, directory, f"http://{endpoint}:4566", f"{endpoint}:4567", "us-west-2", fast())


def federation(number: int, vpc_id: str = "vpc-1", last: int = 1) -> Network:
    """A manager (10.0.0.5, with an Elastic IP) in a public subnet, two members (10.0.1.5, .6) behind a NAT gateway."""
    return Network(
        vpc_id=vpc_id,
        cidr="10.0.0.0/16",
        internet_gateway_id="igw-1",
        subnets=(
            Subnet("subnet-public", "10.0.0.0/24", (LOCAL, Route(EVERYWHERE, "igw-1"))),
            Subnet("subnet-private", "10.0.1.0/24", (LOCAL, Route(EVERYWHERE, "nat-1"))),
        ),
        nat_gateways=(NatGateway("nat-1", "subnet-public", "10.0.0.9", f"127.{number}.{last}.9"),),
        interfaces=(
            Interface("10.0.0.5", "subnet-public", ("sg-manager",), f"127.{number}.{last}.5", "i-manager"),
            Interface("10.0.1.5", "subnet-private", ("sg-members",), None, "i-member0"),
            Interface("10.0.1.6", "subnet-private", ("sg-members",), None, "i-member1"),
        ),
        groups={
            "sg-manager": SecurityGroup((Rule("tcp", 10035, 10035, EVERYWHERE),), ANYTHING_OUT),
            "sg-members": SecurityGroup(
                (Rule("-1", group_id="sg-manager"), Rule("-1", group_id="sg-members")), ANYTHING_OUT
            ),
        },
    )


def machine(name: str, address: str, user_data: str = "", vpc_id: str = "vpc-1", **more: Any) -> Machine:
    host_name = "ip-" + address.replace(".", "-")
    return Machine(f"i-{name}", vpc_id, address, more.pop("image", "al2023"), host_name, user_data.encode(), **more)


def processes(world: NamespaceWorld) -> list[int]:
    """The first processes of all nodes, as the machine numbers them."""
    inner = _children(world._process.pid)[0]
    return _children(inner)


def _children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(word) for word in text.split()]


class Node:
    """A running node, entered from the machine by its first process."""

    def __init__(self, world: NamespaceWorld, which: Machine) -> None:
        name = which.host_name + ".us-west-2.compute.internal\n"
        found = [p for p in processes(world) if _host_name(p) == name and which.private_address in _hosts(p)]
        self.process = found[-1]

    def run(self, command: str, timeout: float = 20.0) -> subprocess.CompletedProcess[str]:
        """Run a shell command on the node, as root with the machine's powers (not confined)."""
        enter = ["nsenter", "--target", str(self.process), "--all", "env", "-i", "HOME=/root"]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(
            [*enter, path, "bash", "-c", command], capture_output=True, text=True, timeout=timeout, check=False
        )

    def out(self, command: str) -> str:
        result = self.run(command)
        assert result.returncode == 0, result
        return result.stdout

    def spawn(self, command: str) -> subprocess.Popen[bytes]:
        """Start something that runs until its node ends."""
        enter = ["nsenter", "--target", str(self.process), "--all", "bash", "-c", command]
        return subprocess.Popen(enter, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)

    def serve(self, port: int, text: str) -> subprocess.Popen[bytes]:
        """Answer HTTP on a port with the text and who asked; ends with its Popen."""
        program = (
            "import http.server as h\n"
            "class A(h.BaseHTTPRequestHandler):\n"
            "  def do_GET(s):\n"
            f"    b=('{text} '+s.client_address[0]).encode(); s.send_response(200)\n"
            "    s.send_header('Content-Length',str(len(b))); s.end_headers(); s.wfile.write(b)\n"
            "  def log_message(s,*a): pass\n"
            f"h.ThreadingHTTPServer(('0.0.0.0',{port}),A).serve_forever()\n"
        )
        started = self.spawn(f'exec python3 -c "{program}"')
        eventually(lambda: self.run(f"curl -s -m 1 http://127.0.0.1:{port}/").returncode == 0)
        return started

    def reaches(self, address: str, port: int, timeout: float = 0.7) -> str | None:
        """What an HTTP request says, or None when nothing answers in time."""
        result = self.run(f"curl -s -m {timeout} http://{address}:{port}/")
        return result.stdout if result.returncode == 0 else None


def _host_name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/root/etc/hostname").read_text()
    except OSError:
        return ""


def _hosts(process: int) -> str:
    return Path(f"/proc/{process}/root/etc/hosts").read_text()


def boot(world: NamespaceWorld, which: Machine, metadata: dict[str, str] | None = None) -> Node:

    def answer(path: str) -> str | None:
        return (metadata or {}).get(path)

    world.boot(which, answer)
    return Node(world, which)


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.05)
