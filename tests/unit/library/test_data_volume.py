"""A disk for the data: formatted once, never again, and known by its uuid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from module_utils import data_volume

UUID = "0a12b3c4-0000-4000-8000-123456789abc"


class Machine:
    """A machine with one disk: what blkid and findmnt say of it, and what is run."""

    def __init__(self, blkid: tuple[int, str] = (2, ""), mounted: str = "") -> None:
        self.blkid = blkid
        self.mounted = mounted
        self.run: list[str] = []

    def __call__(self, words: Sequence[str]) -> tuple[int, str]:
        if words[0] == "blkid":
            return (0, f"{UUID}\n") if "--match-tag" in words else self.blkid
        if words[0] == "findmnt":
            return (0, f"{self.mounted}\n") if self.mounted else (1, "")
        self.run.append(" ".join(words))
        return 0, ""


FORMATTED = (0, f"DEVNAME=/dev/sdf\nUUID={UUID}\nTYPE=xfs\n")


@pytest.fixture(autouse=True)
def fstab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "fstab"
    path.write_text("UUID=1 / xfs defaults 1 1\n")
    monkeypatch.setattr(data_volume, "FSTAB", path)
    return path


@pytest.fixture
def device(tmp_path: Path) -> str:
    (tmp_path / "sdf").touch()
    return str(tmp_path / "sdf")


def test_an_empty_disk_is_formatted_and_mounted(device: str, tmp_path: Path, fstab: Path) -> None:
    machine, data = Machine(), tmp_path / "data"
    assert data_volume.look(device, data, machine).steps() == ["format_volume", "mount_volume"]
    data_volume.format_volume(device, machine)
    data_volume.mount_volume(device, data, machine)
    assert machine.run == [f"mkfs.xfs -q {device}", "systemctl daemon-reload", f"mount {data}"]
    line = f"UUID={UUID} {data} xfs defaults,noatime,nofail 0 2"
    assert fstab.read_text() == f"UUID=1 / xfs defaults 1 1\n{line}\n"
    # Whoever looks again finds nothing to do; and a line is never there twice.
    assert data_volume.look(device, data, Machine(FORMATTED, UUID)).steps() == []
    data_volume.mount_volume(device, data, machine)
    assert fstab.read_text().count(str(data)) == 1


def test_a_disk_with_a_file_system_is_never_formatted(device: str, tmp_path: Path) -> None:
    assert data_volume.look(device, tmp_path / "data", Machine(FORMATTED)).steps() == ["mount_volume"]


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine((0, "PTTYPE=gpt\n")), r"has something on it that is no file system \(gpt\)"),
        (Machine((4, "cannot open: Input/output error")), "cannot be read: cannot open: Input/output error"),
        (Machine(FORMATTED, "another"), "is another disk than"),
    ],
)
def test_what_is_not_ours_is_left_alone(device: str, tmp_path: Path, machine: Machine, said: str) -> None:
    with pytest.raises(data_volume.VolumeError, match=said):
        data_volume.look(device, tmp_path / "data", machine)


def test_files_that_the_disk_would_hide_are_named(device: str, tmp_path: Path) -> None:
    (tmp_path / "data/settings").mkdir(parents=True)
    with pytest.raises(data_volume.VolumeError, match=r"has files on the root disk \(settings\)"):
        data_volume.look(device, tmp_path / "data", Machine())


def test_a_disk_that_is_not_there_is_waited_for_and_then_said(tmp_path: Path) -> None:
    waits: list[float] = []
    with pytest.raises(data_volume.VolumeError, match="there is no disk"):
        data_volume.look(str(tmp_path / "none"), tmp_path / "data", Machine(), waits.append)
    assert sum(waits) >= data_volume.PATIENCE
