"""What a node consists of, as far as it can be told without namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.hosts import Unavailable
from sandbox.hosts.addresses import forwarded_addresses, public_addresses, router_address
from sandbox.hosts.images import IMAGES, TREES, Interpreter
from sandbox.hosts.namespace_world import require_machine
from sandbox.hosts.volumes import _separate
from sandbox.world import Interface, NatGateway, Network, Subnet

SUDO = TREES / "common/usr/bin/sudo"
NETWORK = Network(
    "vpc-1",
    "10.0.0.0/16",
    "igw-1",
    subnets=(Subnet("subnet-1", "10.0.0.0/20"),),
    nat_gateways=(NatGateway("nat-1", "subnet-1", "10.0.0.9", "127.66.1.9"),),
    interfaces=(Interface("10.0.3.5", "subnet-1", (), "127.66.1.5", "i-1"), Interface("10.0.3.6", "subnet-1")),
)


def test_the_router_is_the_first_address_of_the_subnet() -> None:
    assert router_address("10.0.3.5", NETWORK) == "10.0.0.1"
    assert router_address("10.0.3.5", None) == "10.0.3.1"


def test_public_addresses_need_an_internet_gateway() -> None:
    assert public_addresses(NETWORK) == ["127.66.1.5", "127.66.1.9"]
    assert forwarded_addresses([NETWORK]) == {"127.66.1.5"}
    detached = Network("vpc-1", "10.0.0.0/16", None, interfaces=NETWORK.interfaces)
    assert public_addresses(detached) == []
    assert forwarded_addresses([detached]) == set()


def test_file_systems_of_their_own() -> None:
    mounts = [
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
        "2 1 8:2 / /usr rw - ext4 /dev/sda2 rw",
        "3 1 8:3 / /home rw - ext4 /dev/sda3 rw",
        "4 1 0:5 / /etc/hosts rw - ext4 /dev/sda1 rw",
        "5 1 0:6 / /var/tmp rw - tmpfs tmpfs rw",
        "6 1 8:4 / /var rw shared:1 - xfs /dev/sda4 rw",
    ]
    assert _separate(mounts) == ["/usr", "/var"]


def test_every_image_has_its_files() -> None:
    for trees in IMAGES.values():
        for tree in trees:
            assert (TREES / tree).is_dir()


@pytest.mark.parametrize("path", sorted(TREES.glob("common/usr/*bin/*")), ids=lambda path: path.name)
def test_the_scripts_are_well_formed(path: Path) -> None:
    shell = path.read_text().splitlines()[0].removeprefix("#!")
    assert subprocess.run([shell, "-n", path], check=False).returncode == 0


def test_the_interpreters_directories_are_real() -> None:
    interpreter = Interpreter.current()
    assert Path(interpreter.code, "sandbox", "world.py").is_file()
    for directory in interpreter.directories:
        assert os.path.realpath(directory) == directory


def test_an_ordinary_user_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match=r"needs root to make its network namespaces; run it as root or with sudo\.$"):
        require_machine()


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name, path: None if name == "nft" else name)
    with pytest.raises(Unavailable, match=r"needs the program nft; install the package nftables\.$"):
        require_machine()
