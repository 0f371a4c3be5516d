"""Files of RDF on this machine: which there are, what they hold by their names, and their content as it is unpacked.

Runs on the controller.
"""

from __future__ import annotations

import contextlib
import glob
import gzip
import hashlib
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from ansible.module_utils.progress import Meter

BLOCK = 1 << 20
# Memory is for a block and a line: what has no ends of lines is no N-Triples, whatever its name says.
LONGEST_LINE = 64 << 20


class DataError(Exception):
    """A sentence that says why nothing is loaded, and what to do."""


class BadFileError(Exception):
    """What is wrong with one file; others may be wrong, too, and are named in the same sentence."""


@dataclass(frozen=True)
class Kind:
    """A way to write RDF down."""

    name: str
    content_type: str
    suffixes: tuple[str, ...]
    is_by_line: bool = False
    """Whether each statement has a line of its own."""


KINDS = (
    Kind("N-Triples", "application/n-triples", (".nt", ".ntriples"), True),
    Kind("N-Quads", "application/n-quads", (".nq", ".nquads"), True),
    Kind("Turtle", "text/turtle", (".ttl", ".turtle")),
    Kind("TriG", "application/trig", (".trig",)),
    Kind("RDF/XML", "application/rdf+xml", (".rdf", ".owl", ".xml")),
    Kind("JSON-LD", "application/ld+json", (".jsonld",)),
)
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True)
class DataFile:
    """A file as it was when it was found."""

    name: str
    """As the person wrote it, for messages."""
    path: Path
    kind: Kind
    compression: str
    """`none`, `gzip` or `zstd`."""
    packed: int
    """Its size on the disk, in bytes."""
    stamp: tuple[int, ...]
    """Size, time of change and number: by these one sees that it is another one."""

    @property
    def base(self) -> str:
        """Return the IRI that relative ones in it are relative to: the file's own."""
        return self.path.resolve().as_uri()


@dataclass(frozen=True)
class Content:
    """What a file holds: the SHA-256 and the size of it, unpacked."""

    file: DataFile
    sha256: str
    size: int
    copy: int = 1
    """Which one it is of the files with the same content, from 1."""

    @property
    def identity(self) -> str:
        """Return the name by which members remember the content; another copy of it has another one."""
        return f"{self.sha256}#{self.copy}"


def kind_of(name: str) -> tuple[Kind, str] | None:
    """Return what a file of this name holds and how it is compressed; None where the name does not say."""
    suffixes = PurePath(name.lower()).suffixes or [""]
    compression = COMPRESSIONS.get(suffixes[-1], "none")
    suffix = suffixes[-1] if compression == "none" else "".join(suffixes[-2:-1])
    found = [kind for kind in KINDS if suffix in kind.suffixes]
    return (found[0], compression) if found else None


def known_suffixes() -> str:
    """Return what names may end with, for a sentence."""
    kinds = [f"{' or '.join(kind.suffixes)} ({kind.name})" for kind in KINDS]
    return f"{', '.join(kinds)}, each also with {' or '.join(COMPRESSIONS)} behind it"


def unknown(names: list[str]) -> DataError:
    """Return the sentence about files whose names do not say what they hold."""
    return DataError(
        f"What {listed(names)} holds cannot be told by its name, so nothing was loaded. Names end with "
        f"{known_suffixes()}. Rename it, or let federation_data be a pattern that leaves it out, such as data/*.nt."
    )


def listed(names: list[str], most: int = 5) -> str:
    """Return names for a sentence, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def find(data: str) -> list[DataFile]:
    """Return the files that a path, a folder or a pattern means, sorted by name; raises DataError.

    A folder means all below it but what is hidden. A pattern is the shell's, with `**` for any number of folders.
    """
    if not data.strip():
        raise DataError(
            "There is nothing to load: federation_data names no file, folder, pattern or s3://bucket/prefix."
        )
    path = Path(data).expanduser()
    if path.is_dir():
        found = list(_below(path))
        nothing = f"The folder {data} has no files, so there is nothing to load."
    elif path.exists():
        found = [path]
        nothing = ""
    elif glob.has_magic(data):
        matching = glob.glob(str(path), recursive=True)  # noqa: PTH207  # Path's begins at a folder
        found = [Path(each) for each in matching if not Path(each).is_dir()]
        nothing = f"No file matches {data}, so there is nothing to load."
    else:
        raise DataError(f"There is no {data} on this machine (looked for in {Path.cwd()}): is federation_data right?")
    if not found:
        raise DataError(f"{nothing} federation_data is a file, a folder, a pattern or s3://bucket/prefix.")
    # Nothing is left out in silence: it would be missed only when its data is.
    if others := [str(each) for each in sorted(found) if not each.is_file()]:
        raise DataError(f"{listed(others)} is no file that can be read, such as a link to nothing: leave it out.")
    kinds = {each: kind_of(each.name) for each in sorted(found)}
    if without_kind := [str(each) for each, kind in kinds.items() if kind is None]:
        raise unknown(without_kind)
    return [found_file(each, *kind) for each, kind in kinds.items() if kind]


def _below(folder: Path) -> Iterator[Path]:
    def stop(error: OSError) -> None:
        raise DataError(f"The folder {error.filename} cannot be read: {error.strerror}.") from error

    for where, folders, names in os.walk(folder, onerror=stop):
        folders[:] = [each for each in folders if not each.startswith(".")]
        if links := [str(Path(where, each)) for each in folders if Path(where, each).is_symlink()]:
            raise DataError(
                f"{listed(links)} is a link to a folder, which is not followed: load that folder by itself."
            )
        yield from (Path(where, each) for each in names if not each.startswith("."))


def found_file(path: Path, kind: Kind, compression: str) -> DataFile:
    """Return a file as it is now; raises DataError."""
    try:
        stamp = stamp_of(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    return DataFile(str(path), path, kind, compression, stamp[0], stamp)


def stamp_of(path: Path) -> tuple[int, ...]:
    """Return by what a change of a file is noticed; raises OSError."""
    facts = path.stat()
    return (facts.st_size, facts.st_mtime_ns, facts.st_ino)


def identified(files: list[DataFile], meter: Meter) -> tuple[list[Content], list[str]]:
    """Return the contents of files, and what is wrong with those that cannot be read."""
    contents, faults, copies = [], [], dict[str, int]()
    for file in files:
        try:
            sha256, size = _digest(file, meter)
        except BadFileError as error:
            faults.append(str(error))
            continue
        copies[sha256] = copies.get(sha256, 0) + 1
        contents.append(Content(file, sha256, size, copies[sha256]))
    return contents, faults


def _digest(file: DataFile, meter: Meter) -> tuple[str, int]:
    digest, size, packed = hashlib.sha256(), 0, 0
    with opened(file) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            size += len(block)
            meter.add(stream.tell_packed() - packed)
            packed = stream.tell_packed()
    meter.add(file.packed - packed)
    return digest.hexdigest(), size


class Digest(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all bytes in hexadecimal."""


class Stream:
    """A file's content, unpacked; what goes wrong on the way is a sentence with the file's name."""

    def __init__(self, file: DataFile, raw: BinaryIO, unpacked: BinaryIO) -> None:
        self._file = file
        self._raw = raw
        self._unpacked = unpacked

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most size of them; raises BadFileError."""
        return self._got(self._unpacked.read, size)

    def readline(self, size: int = -1) -> bytes:
        """Return the next bytes up to a line's end, at most size of them; raises BadFileError."""
        return self._got(self._unpacked.readline, size)

    def _got(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except (EOFError, zlib.error, zstd.ZstdError, gzip.BadGzipFile) as error:
            name = self._file.compression
            raise BadFileError(f"{self._file.name} cannot be unpacked as {name}: {error}") from error
        except OSError as error:
            raise BadFileError(f"{self._file.name} cannot be read: {error.strerror or error}") from error

    def tell_packed(self) -> int:
        """Return how far the file on the disk is read."""
        return self._raw.tell()


@contextlib.contextmanager
def opened(file: DataFile) -> Iterator[Stream]:
    """Yield a file's content unpacked; raises BadFileError, and DataError where it is not the file that was found."""
    with contextlib.ExitStack() as stack:
        try:
            raw = stack.enter_context(file.path.open("rb"))
        except OSError as error:
            raise BadFileError(f"{file.name} cannot be read: {error.strerror}") from error
        unpacked: BinaryIO = raw
        if file.compression == "gzip":
            unpacked = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=raw)))
        elif file.compression == "zstd":
            unpacked = cast(BinaryIO, stack.enter_context(zstd.ZstdFile(raw)))
        yield Stream(file, raw, unpacked)
    try:
        now = stamp_of(file.path)
    except OSError:
        now = ()
    if now != file.stamp:
        raise changed(file)


def changed(file: DataFile) -> DataError:
    """Return the sentence about a file that does not stand still."""
    return DataError(
        f"{file.name} changed while it was read, so nothing of this load goes to a member. Repeat it when nothing "
        "writes to the file any more."
    )


def blocks_of_lines(stream: Stream, name: str) -> Iterator[bytes]:
    """Yield a content in pieces of whole lines, about a megabyte each; raises BadFileError for one endless line."""
    rest: list[bytes] = []
    length = 0
    while block := stream.read(BLOCK):
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join((*rest, block[:cut]))
            rest, length = [], 0
        rest.append(block[cut:])
        length += len(block) - cut
        if length > LONGEST_LINE:
            raise BadFileError(f"{name} has a line of more than {LONGEST_LINE >> 20} MB: it is not what its name says")
    if last := b"".join(rest):
        yield last
