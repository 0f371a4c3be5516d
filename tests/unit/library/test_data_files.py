"""Files of RDF: found by name, unpacked, told apart by content, and read to the end before anything else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyoxigraph
import pytest
from backports import zstd

# Ansible packs what modules share under its own name: these are the classes that it has there.
from ansible.module_utils import data_files, data_reading, progress  # isort: skip

TRIPLE = b'<http://example.com/a> <http://example.com/p> "o" .\n'


def meter() -> progress.Meter:
    return progress.Meter(progress.Progress(""), "read", 1)


def contents(data: str) -> list[data_files.Content]:
    found, faults = data_files.identified(data_files.find(data), meter())
    assert not faults
    return list(found)


def faults(data: str) -> list[str]:
    found, unreadable = data_files.identified(data_files.find(data), meter())
    return [*unreadable, *data_reading.read_all(found, meter())[1]]


def made(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("name", "kind", "compression"),
    [
        ("a.nt", "N-Triples", "none"),
        ("kennedy.ntriples", "N-Triples", "none"),
        ("A.NQ.GZ", "N-Quads", "gzip"),
        ("a.b.ttl.zst", "Turtle", "zstd"),
        ("a.trig", "TriG", "none"),
        ("a.owl", "RDF/XML", "none"),
        ("a.jsonld.gz", "JSON-LD", "gzip"),
    ],
)
def test_a_name_says_what_a_file_holds(name: str, kind: str, compression: str) -> None:
    found = data_files.kind_of(name)
    assert found and (found[0].name, found[1]) == (kind, compression)


@pytest.mark.parametrize("name", ["a", "a.txt", "a.gz", "a.json", "a.nt.bz2", ".nt", "nt", "a.nt.gz.gz"])
def test_some_names_say_nothing(name: str) -> None:
    assert data_files.kind_of(name) is None


def test_a_folder_is_all_below_it_but_what_is_hidden(tmp_path: Path) -> None:
    made(tmp_path, b_nt=TRIPLE, deep__down__a_ttl=b"", _git__c_nt=b"", _hidden=b"")
    assert [each.name for each in data_files.find(str(tmp_path))] == [
        f"{tmp_path}/b.nt",
        f"{tmp_path}/deep/down/a.ttl",
    ]


def test_a_pattern_is_the_shells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, b_nt=b"", a_nt=b"", c_ttl=b"", deep__d_nt=b"", notes_txt=b"")
    monkeypatch.chdir(tmp_path)
    assert [each.name for each in data_files.find("*.nt")] == ["a.nt", "b.nt"]
    assert [each.name for each in data_files.find("**/[bd].nt")] == ["b.nt", "deep/d.nt"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [each.name for each in data_files.find("~/c.ttl")] == [f"{tmp_path}/c.ttl"]


def test_a_name_with_the_marks_of_a_pattern_is_a_name_first(tmp_path: Path) -> None:
    (tmp_path / "a[1].nt").write_bytes(TRIPLE)
    assert len(data_files.find(str(tmp_path / "a[1].nt"))) == 1


def test_what_is_not_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for data, wanted in {
        "": "There is nothing to load: federation_data names no file",
        "nothing.nt": f"There is no nothing.nt on this machine (looked for in {tmp_path}): is federation_data right?",
        "empty": "The folder empty has no files, so there is nothing to load.",
        "*.nt": "No file matches *.nt, so there is nothing to load.",
        "/dev/null": "/dev/null is no file that can be read",
    }.items():
        with pytest.raises(data_files.DataError) as caught:
            data_files.find(data)
        assert str(caught.value).startswith(wanted)


def test_nothing_below_a_folder_is_left_out_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, data__a_nt=TRIPLE, other__b_nt=TRIPLE)
    (tmp_path / "data" / "c.nt").symlink_to("nothing")
    with pytest.raises(
        data_files.DataError, match=r"data/c\.nt is no file that can be read, such as a link to nothing"
    ):
        data_files.find(str(tmp_path / "data"))
    (tmp_path / "data" / "c.nt").unlink()
    (tmp_path / "data" / "c.nt").symlink_to("../other/b.nt")
    (tmp_path / "linked").symlink_to("data")
    assert len(data_files.find(str(tmp_path / "linked"))) == 2
    (tmp_path / "data" / "d").symlink_to("../other")
    with pytest.raises(data_files.DataError, match="data/d is a link to a folder, which is not followed"):
        data_files.find(str(tmp_path / "data"))

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    # Whoever runs the tests may be allowed everything.
    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(data_files.DataError, match=r"The folder .*data cannot be read: Permission denied\."):
        data_files.find(str(tmp_path / "data"))


def test_an_unknown_name_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    made(tmp_path, a_nt=TRIPLE, **{f"{each}_txt": b"" for each in "bcdefgh"})
    with pytest.raises(data_files.DataError) as caught:
        data_files.find(str(tmp_path))
    said = str(caught.value)
    assert f"What {tmp_path}/b.txt, " in said
    assert "/f.txt and 2 more holds cannot be told by its name, so nothing was loaded" in said
    assert ".nq or .nquads (N-Quads)" in said
    assert "each also with .gz or .zst behind it" in said


def test_packed_or_not_the_content_is_the_same(tmp_path: Path) -> None:
    content = TRIPLE * 50_000
    made(tmp_path, a_nt=content, b_nt_gz=gzip.compress(content), c_nt_zst=zstd.compress(content), d_nt=TRIPLE)
    found = contents(str(tmp_path))
    assert [(each.copy, each.size) for each in found] == [
        (1, len(content)),
        (2, len(content)),
        (3, len(content)),
        (1, 52),
    ]
    assert len({each.sha256 for each in found}) == 2
    assert len({each.identity for each in found}) == 4
    assert data_reading.read_all(found, meter()) == ({each.identity: each.size // 52 for each in found}, [])


def test_a_packed_file_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    made(tmp_path, a_nt_gz=gzip.compress(TRIPLE) * 3, b_nt_zst=zstd.compress(TRIPLE) * 2)
    assert [data_reading.read(each, meter()) for each in contents(str(tmp_path))] == [3, 2]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.nt.gz", gzip.compress(TRIPLE * 9)[:-9]),
        ("a.nt.gz", b"not gzip at all"),
        ("a.nt.gz", gzip.compress(TRIPLE)[:12] + b"\xff\xff\xff" + gzip.compress(TRIPLE)[15:]),
        ("a.nt.zst", zstd.compress(TRIPLE * 9)[:-3]),
        ("a.nt.zst", b"not zstd at all"),
    ],
    ids=["gzip-cut", "no-gzip", "gzip-damaged", "zstd-cut", "no-zstd"],
)
def test_what_cannot_be_unpacked_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    (said,) = faults(str(tmp_path))
    assert said.startswith(f"{tmp_path / name} cannot be unpacked as {'gzip' if name.endswith('gz') else 'zstd'}: ")


def test_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, a_nt=TRIPLE)
    files = data_files.find(str(tmp_path))
    (tmp_path / "a.nt").unlink()
    assert data_files.identified(files, meter())[1] == [f"{tmp_path}/a.nt cannot be read: No such file or directory"]


# Kinds whose parser says where it is, and RDF/XML and a JSON-LD that do not say.
BAD = {
    "a.nt": (TRIPLE * 30_000 + b"<http://a> <b> .\n" + TRIPLE, 30_001, "No scheme found in an absolute IRI"),
    "b.nq": (TRIPLE + b"<http://a> <http://b>\n<http://c> .", 3, "line jumps are not allowed in the middle of triples"),
    "c.ttl": (b"@prefix a: <http://a/> .\n\na:b a:c a:d ;\n  a:e $ .\n", 4, "'$' is not allowed at the beginning"),
    "d.trig": (b"<http://g> { <a> <b> <c> }\n}", 2, ""),
    "e.rdf": (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"\n xmlns:a="http://a/">\n\n'
        + b'<rdf:Description rdf:about="x">\n<a:b>c</a:b>\n</rdf:Description>\n' * 100
        + b'<rdf:Description rdf:about="x y"/>\n'
        + b"<!-- and so on -->\n" * 1000
        + b"</rdf:RDF>",
        304,
        "error while parsing IRI 'x y'",
    ),
    "f.jsonld": (b'{"@id": "http://a",\n "http://b": [1, }\n', 2, ""),
    "g.jsonld": (b'{\n"@context": "https://schema.org/"}\n', 2, "its @context is a URL, and nothing is fetched"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_data_is_named_with_its_line_and_the_parsers_words(tmp_path: Path, name: str) -> None:
    content, line, words = BAD[name]
    (tmp_path / name).write_bytes(content)
    (said,) = faults(str(tmp_path))
    assert said.startswith(f"{tmp_path / name}, line {line}")
    assert words in said
    assert "arser error" not in said


def test_each_bad_file_is_named_once(tmp_path: Path) -> None:
    for name, (content, _, _) in BAD.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "good.nt").write_bytes(TRIPLE)
    assert [said.split(",")[0] for said in faults(str(tmp_path))] == [str(tmp_path / name) for name in sorted(BAD)]


def test_all_kinds_are_counted_with_their_duplicates(tmp_path: Path) -> None:
    quad = pyoxigraph.Quad(
        pyoxigraph.NamedNode("http://a"), pyoxigraph.NamedNode("http://b"), pyoxigraph.BlankNode(), None
    )
    for kind in data_files.KINDS:
        rdf_format = pyoxigraph.RdfFormat.from_media_type(kind.content_type)
        assert rdf_format
        quads = [quad if rdf_format.supports_datasets else quad.triple] * 3
        written = pyoxigraph.serialize(quads, format=rdf_format)  # type: ignore[arg-type]
        (tmp_path / f"a{kind.suffixes[0]}").write_bytes(written or b"")
    found = {each.file.kind.name: data_reading.read(each, meter()) for each in contents(str(tmp_path))}
    assert found == dict.fromkeys((kind.name for kind in data_files.KINDS), 3)


def test_what_is_written_relative_is_meant_relative_to_the_file(tmp_path: Path) -> None:
    made(tmp_path, a_ttl=b"<x> <y> <z> .\n")
    (content,) = contents(str(tmp_path / "a.ttl"))
    assert content.file.base == f"file://{tmp_path}/a.ttl"
    assert data_reading.read(content, meter()) == 1


def test_a_file_that_changes_while_it_is_read_stops_everything(tmp_path: Path) -> None:
    made(tmp_path, a_nt=TRIPLE)
    (content,) = contents(str(tmp_path))
    (tmp_path / "a.nt").write_bytes(TRIPLE * 2)
    with pytest.raises(data_files.DataError, match=r"a\.nt changed while it was read, so nothing of this load goes"):
        data_reading.read(content, meter())


def test_an_endless_line_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_files, "LONGEST_LINE", 2 << 20)
    made(tmp_path, a_nt=b"<http://a> " * 400_000)
    (said,) = faults(str(tmp_path))
    assert said == f"{tmp_path}/a.nt has a line of more than 2 MB: it is not what its name says"


def test_the_reader_says_how_far_it_is(tmp_path: Path) -> None:
    made(tmp_path, a_nt=TRIPLE * 100_000)
    (content,) = contents(str(tmp_path))
    line = tmp_path / "line"
    data_reading.read(content, progress.Meter(progress.Progress(str(line)), "read", content.size))
    assert line.read_text().startswith("read ")
    assert line.read_text().split(" statements")[0].split()[-1].replace(",", "").isdigit()
