"""A tarball that installs the stand-in as AllegroGraph's own installs the server: for the sandbox's nodes only."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

FILES = ("install-agraph", "bin/agraph-control", "lib/configure-agraph")
MOMENT = 1_700_000_000
"""When everything in it was changed last: the same version is the same file, whenever it is built."""


def contents(version: str) -> bytes:
    """Return the tarball of a version: everything in it lies below ``agraph-VERSION``."""
    here = Path(__file__).parent
    files = {name: (here / name).read_bytes() for name in FILES}
    files["version"] = f"{version}\n".encode()
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=MOMENT) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(f"agraph-{version}/{name}")
            entry.size, entry.mtime = len(data), MOMENT
            entry.mode = 0o644 if name == "version" else 0o755
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def build(version: str, output: Path) -> str:
    """Write the tarball of a version, and return its SHA-256 in hexadecimal; raises OSError."""
    packed = contents(version)
    output.write_bytes(packed)
    return hashlib.sha256(packed).hexdigest()
