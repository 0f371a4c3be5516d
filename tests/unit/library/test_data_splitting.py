"""A split file: every statement lands in exactly one part, as often as the data has it, and each time in the same."""

from __future__ import annotations

import gzip
import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from pretended_agraph import ROOT

from ansible.module_utils import data_files, data_reading, data_splitting, progress  # isort: skip

SUBJECTS = [f"<http://example.com/{number}>" for number in range(40)]
BLANKS = [f"_:b{number}" for number in range(4)]
LITERALS = ['"o"', '"a \\" <http://x> _:b0"', '"_:b1"@en', '"1"^^<http://www.w3.org/2001/XMLSchema#integer>', '"\\\\"']
ENDS = ["\n", "\n", "\r\n", " # said of _:b1\n", "\n\n", "\n# _:b0 <http://x>\n", "\n \t\n", "\r"]


def meter() -> progress.Meter:
    return progress.Meter(progress.Progress(""), "read", 1)


def content_of(path: Path) -> data_files.Content:
    found, faults = data_files.identified(data_files.find(str(path)), meter())
    assert not faults
    content: data_files.Content = found[0]
    return content


def generated(chance: random.Random, number: int) -> bytes:
    """Return statements of all shapes that N-Quads has, some of them more than once."""
    text = []
    for _ in range(number):
        subject = chance.choice(SUBJECTS if chance.random() < 0.9 else BLANKS)
        target = chance.choice([*SUBJECTS, *LITERALS, *BLANKS, f'<<( {chance.choice(BLANKS)} <http://p> "o" )>>'])
        graph = chance.choice(["", "", "<http://example.com/graph>", "_:graph"])
        space = chance.choice([" ", "\t", "  "])
        start = chance.choice(["", "", "", " ", "\t"])
        text.append(f"{start}{subject}{space}<http://p>{space}{target}{space}{graph}.{chance.choice(ENDS)}")
    # The last line may do without an end.
    return "".join(text).encode().rstrip(b"\r\n")


def parsed(data: bytes) -> Counter[str]:
    import pyoxigraph

    return Counter(str(quad) for quad in pyoxigraph.parse(data, pyoxigraph.RdfFormat.N_QUADS))


def parts_of(content: data_files.Content, parts: int, wanted: set[int], folder: Path) -> dict[int, Counter[str]]:
    statements = data_reading.read(content, meter())
    found = {}
    for number, written in data_splitting.split(content, statements, parts, wanted, str(folder), meter()).items():
        packed = written.file.read()
        assert written.size == len(packed)
        found[number] = parsed(gzip.decompress(packed))
        assert found[number].total() == written.statements
        written.close()
    return found


@pytest.mark.parametrize("seed", range(40))
def test_every_statement_lands_in_exactly_one_part(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(data_files, "BLOCK", chance.choice([64, 1000, 1 << 20]))
    path = tmp_path / "a.nq"
    path.write_bytes(generated(chance, chance.choice([1, 20, 500])))
    content = content_of(path)
    parts = chance.choice([2, 3, 4, 7, 16, 128])
    found = parts_of(content, parts, set(range(parts)), tmp_path)
    assert sum(found.values(), Counter()) == parsed(path.read_bytes())
    # What a second run finds missing is exactly that, whatever the first one got done.
    missing = {number for number in range(parts) if chance.random() < 0.5}
    assert parts_of(content, parts, missing, tmp_path) == {number: found[number] for number in missing}
    # Nothing else is in the folder: parts have no names.
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("seed", range(10))
def test_blank_nodes_are_all_in_the_first_part_and_subjects_stay_together(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a.nq"
    path.write_bytes(generated(random.Random(seed), 500))
    where: dict[str, set[int]] = {}
    for number, statements in parts_of(content_of(path), 5, set(range(5)), tmp_path).items():
        for statement in statements:
            outside = data_splitting.NO_NODE.sub(b"", statement.encode())
            assert number == 0 or b"_:" not in outside
            if b"_:" not in outside:
                where.setdefault(statement.split()[0], set()).add(number)
    assert where.keys() == set(SUBJECTS)
    assert all(len(numbers) == 1 for numbers in where.values())
    assert len(set().union(*where.values())) == 5


@pytest.mark.parametrize(
    ("line", "has_blank"),
    [
        (b"_:a <http://p> <http://o> .", True),
        (b"<http://s> <http://p> _:a .", True),
        (b"<http://s><http://p>_:a.", True),
        (b'<http://s> <http://p> "o" _:g .', True),
        (b"<http://s> <http://p> <<( _:a <http://p> <http://o> )>> .", True),
        (b"<http://s/_:x> <http://p> <http://o> .", False),
        (b'<http://s> <http://p> "_:a" .', False),
        (b'<http://s> <http://p> "say \\"_:a\\" \\\\" .', False),
    ],
)
def test_a_blank_node_is_told_from_what_looks_like_one(line: bytes, has_blank: bool) -> None:
    # The number is large enough that no checksum here is 0 by chance.
    assert (data_splitting.part_of(line, 10**9) == 0) is has_blank


def test_parts_are_of_about_the_same_size() -> None:
    block = b"".join(b'<http://example.com/thing/%d> <http://p> "o" .\n' % number for number in range(20_000))
    for parts in (2, 3, 4, 8, 12, 16):
        sizes = [len(lines) for lines in data_splitting.scattered(block, parts)]
        assert min(sizes) > 0.85 * 20_000 / parts
        assert max(sizes) < 1.15 * 20_000 / parts


def test_the_way_to_split_stays_as_it_is() -> None:
    # Members remember parts by their numbers: whoever changes this has to give parts other ids.
    assert data_splitting.part_of(b"<http://example.com/1> <http://p> <http://o> .", 1000) == 448


def test_counting_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.nq"
    path.write_bytes(generated(random.Random(1), 200))
    content = content_of(path)
    statements = data_reading.read(content, meter())
    found = data_splitting.split(content, statements, 4, {0, 1, 2, 3}, None, meter())
    assert sum(each.statements for each in found.values()) == statements
    assert {(each.file, each.size) for each in found.values()} == {(None, None)}


def test_a_whole_file_goes_as_it_is(tmp_path: Path) -> None:
    data = b"@prefix a: <http://a/> .\r\na:b a:c a:d .\n" * 50_000
    path = tmp_path / "a.ttl.gz"
    path.write_bytes(gzip.compress(data) + gzip.compress(b"# the end"))
    written = data_splitting.whole(content_of(path), 50_000, str(tmp_path), meter())
    assert written.statements == 50_000
    # One member, whatever it came in, and the same bytes each time.
    packed = written.file.read()
    assert gzip.decompress(packed) == data + b"# the end"
    assert packed[4:8] == b"\0\0\0\0"
    written.close()


def test_a_file_that_changes_before_it_is_split_stops_everything(tmp_path: Path) -> None:
    path = tmp_path / "a.nq"
    path.write_bytes(b'<http://s> <http://p> "o" .\n')
    content = content_of(path)
    path.write_bytes(b'<http://s> <http://p> "x" .\n')
    with pytest.raises(data_files.DataError, match="changed while it was read"):
        data_splitting.split(content, 1, 2, {0, 1}, str(tmp_path), meter())


def test_a_count_that_is_not_the_parsers_stops_everything(tmp_path: Path) -> None:
    path = tmp_path / "a.nq"
    path.write_bytes(b'<http://s> <http://p> "o" .\n')
    with pytest.raises(data_files.DataError, match="has 2 statements for the parser and 1 lines with one"):
        data_splitting.split(content_of(path), 2, 2, {0, 1}, str(tmp_path), meter())


SPLITTING = """
import sys, time
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests"]
import pretended_agraph
from ansible.module_utils import data_files, data_splitting

class Waiting:
    def add(self, size, statements=None):
        if statements == "":
            print("split", flush=True)
            time.sleep(60)

class Counting(Waiting):
    def add(self, size, statements=None):
        super().add(size, "")

(content,), _ = data_files.identified(data_files.find(sys.argv[2]), Waiting())
data_splitting.split(content, 1, 8, set(range(8)), sys.argv[3], Counting())
"""


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_part_is_left_on_the_disk_however_it_ends(tmp_path: Path, how: str) -> None:
    path, folder = tmp_path / "a.nt", tmp_path / "folder"
    path.write_bytes(b'<http://s> <http://p> "o" .\n')
    folder.mkdir()
    # Whoever runs the tests may have Ctrl-C ignored, and what is started inherits that.
    clean = ["env", "--default-signal=INT"]
    command = [*clean, sys.executable, "-c", SPLITTING, str(ROOT), str(path), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "split\n"
        if Path("/proc").is_dir():
            there = [str(each.readlink()) for each in Path(f"/proc/{process.pid}/fd").iterdir()]
            assert len([each for each in there if str(folder) in each]) == 8
        process.send_signal(signal.Signals[how])
        assert process.wait(30) != 0
    assert list(folder.iterdir()) == []


def test_no_more_files_are_open_than_a_system_allows(tmp_path: Path) -> None:
    path = tmp_path / "a.nq"
    path.write_bytes(generated(random.Random(2), 300))
    content = content_of(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        assert len(parts_of(content, 128, set(range(128)), tmp_path)) == 128
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
