"""agraph.cfg and the tarball, as far as the stand-in has them."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from sandbox.allegrograph import distribution
from sandbox.allegrograph.configuration import ConfigurationError, parse

TEXT = """\
# A comment
Port 10035   # the usual one
SessionPorts 16000-17000
LogDir log
BaseDir /srv
SuperUser test:a\\#b
Licensee Somebody and others
<RootCatalog>
  Main /srv/root
</RootCatalog>
<SystemCatalog>
  Main /srv/system
</SystemCatalog>
<Catalog other>
  Main /srv/other
</Catalog>
"""


def test_directives_are_read_as_allegrograph_reads_them() -> None:
    read = parse(TEXT)
    assert read.directives["port"] == "10035"
    assert read.directives["superuser"] == "test:a#b"
    assert read.path("logdir") == Path("/srv/log")
    assert read.path("main") == Path("/srv/root")
    assert read.catalogs == ["other"]
    assert (read.flag("allowhttp", True), read.flag("usemainportforsessions", False)) == (True, False)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("LogDirectory /x", "Line 1 is no directive that is known here: LogDirectory."),
        ("LogDir", "Line 1 is no directive that is known here: LogDir."),
        ("LogDir /a b", "Line 1: the value of LogDir has a space in it."),
    ],
)
def test_what_it_would_refuse_is_refused(line: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(line)
    assert str(caught.value) == said


def test_a_directive_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="The directive pidfile is missing"):
        parse(TEXT).path("pidfile")


def test_the_tarball_of_a_version_is_always_the_same(tmp_path: Path) -> None:
    first = distribution.build("8.5.2", tmp_path / "a")
    assert first == distribution.build("8.5.2", tmp_path / "b")
    assert first == hashlib.sha256((tmp_path / "a").read_bytes()).hexdigest()
    assert first != distribution.build("9.0.2", tmp_path / "a")
    with tarfile.open(fileobj=io.BytesIO(distribution.contents("8.5.2"))) as archive:
        modes = {each.name: each.mode for each in archive}
        version = archive.extractfile("agraph-8.5.2/version")
        assert version is not None
        assert version.read() == b"8.5.2\n"
    assert modes["agraph-8.5.2/install-agraph"] == 0o755
