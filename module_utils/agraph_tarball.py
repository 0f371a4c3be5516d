"""Fetches a tarball of AllegroGraph, holds it against its SHA-256 and unpacks it, with Python 3.9's library alone."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, BinaryIO

PIECE = 1 << 20
# What is fetched is taken up where it broke off, so often without a byte in between.
TRIES = 5
PAUSE = 1.0
SILENCE = 30.0
INSTALLER = "install-agraph"
TOP = re.compile(r"agraph-(\d[\w.]*)")


class TarballError(Exception):
    """Why there is no such tarball here, in one sentence with the remedy, and without the URL, which may be signed."""


def fetch(url: str, name: str, sha256: str, target: Path, deadline: float) -> None:
    """Fetch a file until a moment of time.monotonic(), and keep it only if it has the SHA-256; raises TarballError."""
    digest = hashlib.sha256()
    # A certificate comes with its key.
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        tries = TRIES
        while True:
            before = file.tell()
            try:
                _fetch_rest(url, file, digest, deadline)
                break
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    raise TarballError(
                        f"{name} cannot be fetched: its server answers {error.code} {error.reason}. Is it there, and "
                        "may the node have it?"
                    ) from None
                reason: object = f"its server answers {error.code} {error.reason}"
            except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
                reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            tries = TRIES if file.tell() > before else tries - 1
            if not tries or time.monotonic() > deadline:
                raise TarballError(
                    f"{name} cannot be fetched whole, {file.tell()} bytes have come: {reason}. "
                    "Has the node a way to it? Then repeat up."
                )
            time.sleep(PAUSE)
    if digest.hexdigest() != sha256.lower():
        target.unlink()
        raise TarballError(
            f"{name} has the SHA-256 {digest.hexdigest()}, and {sha256.lower()} was expected: nothing of it was "
            "unpacked. Compare it with what its publisher says, and set federation_agraph_sha256 or another tarball."
        )


def _fetch_rest(url: str, file: BinaryIO, digest: Any, deadline: float) -> None:
    """Append what is missing to a file; raises URLError, HTTPException or OSError where it breaks off."""
    request = urllib.request.Request(url)
    if file.tell():
        request.add_header("Range", f"bytes={file.tell()}-")
    with urllib.request.urlopen(request, timeout=SILENCE) as response:
        if file.tell() and response.status != 206:
            raise OSError("its server does not go on in the middle")
        while piece := response.read(PIECE):
            file.write(piece)
            digest.update(piece)
            if time.monotonic() > deadline:
                raise OSError("the time is up")
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)


def unpack(tarball: Path, directory: Path, version: str, name: str) -> Path:
    """Unpack a tarball, and return the directory with the installer in it; raises TarballError."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        with tarfile.open(tarball) as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(directory, filter="data")
            else:
                # Python 3.9 as it was first: what is unpacked is root's, whoever packed it.
                for each in archive:
                    each.uid, each.gid, each.uname, each.gname = 0, 0, "root", "root"
                    archive.extract(each, directory)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise TarballError(f"{name} cannot be unpacked in {directory}: {error}.") from None
    found = sorted(directory.glob(f"*/{INSTALLER}"))
    if len(found) != 1 or not os.access(found[0], os.X_OK):
        raise TarballError(f"{name} has no {INSTALLER} in it: name AllegroGraph's own tarball for Linux.")
    said = TOP.fullmatch(found[0].parent.name)
    if said and said[1] != version:
        raise TarballError(
            f"{name} holds AllegroGraph {said[1]}, and federation_agraph_version is {version}: set one to the other."
        )
    return found[0].parent


def remove(directory: Path) -> None:
    """Remove what was unpacked, however far that came."""
    shutil.rmtree(directory, ignore_errors=True)
