"""federation_data_parts: from files to objects that members can fetch, each exactly once, whatever was interrupted."""

from __future__ import annotations

import functools
import gzip
import random
import shutil
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pyoxigraph
import pytest
from backports import zstd
from pretended_agraph import Run

from library import federation_data_parts

BUCKET = "f-ssm-123456789012"
ELSEWHERE = "someones-data"
FORMATS = {
    each.media_type: each
    for each in (pyoxigraph.RdfFormat.N_TRIPLES, pyoxigraph.RdfFormat.N_QUADS, pyoxigraph.RdfFormat.TURTLE)
}
Result = dict[str, Any]


def triples(number: int, start: int = 0) -> bytes:
    return b"".join(
        b'<http://example.com/%d> <http://p> "%d" .\n' % (each, each) for each in range(start, start + number)
    )


@pytest.fixture
def storage(aws: Any) -> Any:
    client = aws("s3")
    for name in (BUCKET, ELSEWHERE):
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return client


class Members:
    """Members that load what they are told to, and remember it."""

    def __init__(self, number: int) -> None:
        self.ledgers: list[dict[str, int]] = [{} for _ in range(number)]
        self.statements: list[Counter[str]] = [Counter() for _ in range(number)]

    @property
    def argument(self) -> list[dict[str, Any]]:
        return [
            {"index": index, "loaded": [{"id": key, "statements": value} for key, value in ledger.items()]}
            for index, ledger in enumerate(self.ledgers)
        ]

    def load(self, parts: list[Result]) -> None:
        for part in parts:
            data = urllib.request.urlopen(part["url"]).read()
            if part["compression"] == "gzip":
                data = gzip.decompress(data)
            quads = [str(each) for each in pyoxigraph.parse(data, FORMATS[part["content_type"]], base_iri=part["base"])]
            assert part["statements"] in (None, len(quads))
            assert part["id"] not in self.ledgers[part["member"]]
            self.ledgers[part["member"]][part["id"]] = len(quads)
            self.statements[part["member"]].update(quads)

    @property
    def all(self) -> Counter[str]:
        return sum(self.statements, Counter())


def ask(run: Run, data: Path | str, members: Members, check: bool = False, **more: Any) -> Result:
    given = {"bucket": BUCKET, "region": "us-west-2", "data": str(data), "members": members.argument, **more}
    answer = run(federation_data_parts, check=check, **given)
    assert not answer.get("failed"), answer["msg"]
    return answer


def refused(run: Run, data: Path | str, **more: Any) -> str:
    given = {"bucket": BUCKET, "region": "us-west-2", "data": str(data), "members": Members(2).argument, **more}
    answer = run(federation_data_parts, **given)
    assert answer["failed"]
    return str(answer["msg"])


def keys(storage: Any, bucket: str = BUCKET) -> list[str]:
    return [each["Key"] for each in storage.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "big.nt").write_bytes(triples(2000))
    (folder / "big again.nt.gz").write_bytes(gzip.compress(triples(2000)))
    (folder / "ties.nq.zst").write_bytes(zstd.compress(b"_:a <http://p> _:b <http://g> .\n" * 3))
    (folder / "words.ttl").write_bytes(b"<x> a <y> . <x> a <y> .\n")
    (folder / "nothing.nt").write_bytes(b"# not yet\n")
    return folder


def expected(data: Path) -> Counter[str]:
    words = f"<file://{data}/x> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <file://{data}/y>"
    found = Counter({words: 2, "_:a <http://p> _:b <http://g>": 3})
    for quad in pyoxigraph.parse(triples(2000), pyoxigraph.RdfFormat.N_TRIPLES):
        found[str(quad)] += 2
    return found


def test_a_folder_goes_to_all_members_once(storage: Any, run: Run, data: Path) -> None:
    members = Members(3)
    first = ask(run, data, members)
    assert (first["changed"], first["files"], first["statements"]) == (True, 5, 4005)
    assert first["uploaded"] == len(first["parts"]) == len(keys(storage))
    assert all(key.startswith("load/") and key.endswith(".gz") and "#" not in key for key in keys(storage))
    sizes = {each["Key"]: each["Size"] for each in storage.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert sorted(part["bytes"] for part in first["parts"]) == sorted(sizes.values())
    members.load(first["parts"])
    assert members.all == expected(data)
    assert max(map(Counter.total, members.statements)) < 1.3 * min(map(Counter.total, members.statements))
    again = ask(run, data, members)
    assert (again["changed"], again["parts"], again["statements"], again["files"]) == (False, [], 4005, 5)
    assert {part["id"]: part["member"] for part in again["loaded"]} == {
        part["id"]: part["member"] for part in first["parts"]
    }
    assert "url" not in again["loaded"][0]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_was_interrupted_ends_with_all_once(
    storage: Any, run: Run, data: Path, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    members = Members(chance.choice([1, 2, 3]))
    for _ in range(3):
        parts = ask(run, data, members, part_bytes=chance.choice([20_000, 1 << 26]))["parts"]
        # A load that ends somewhere; uploads may be gone meanwhile, files renamed, and members may have joined.
        members.load([part for part in parts if chance.random() < 0.4])
        for key in keys(storage):
            if chance.random() < 0.3:
                storage.delete_object(Bucket=BUCKET, Key=key)
        if chance.random() < 0.5:
            members.ledgers.append({})
            members.statements.append(Counter())
        if chance.random() < 0.3 and (data / "big.nt").exists():
            (data / "big.nt").rename(data / "renamed.nt")
    last = ask(run, data, members)
    members.load(last["parts"])
    assert members.all == expected(data)
    assert last["statements"] == members.all.total() == 4005
    assert ask(run, data, members)["parts"] == []


def test_an_interrupted_run_does_not_upload_again(storage: Any, run: Run, data: Path) -> None:
    members = Members(2)
    first = ask(run, data, members)
    modified = {each["Key"]: each["LastModified"] for each in storage.list_objects_v2(Bucket=BUCKET)["Contents"]}
    again = ask(run, data, members)
    assert (again["changed"], again["uploaded"]) == (False, 0)
    for one, other in zip(first["parts"], again["parts"], strict=True):
        assert one.items() - {("url", one["url"])} == other.items() - {("url", other["url"])}
    assert modified == {
        each["Key"]: each["LastModified"] for each in storage.list_objects_v2(Bucket=BUCKET)["Contents"]
    }
    storage.put_object(Bucket=BUCKET, Key=sorted(modified)[0], Body=b"something else")
    assert ask(run, data, members)["uploaded"] == 1
    members.load(ask(run, data, members)["parts"])
    assert members.all == expected(data)


def test_one_bad_file_stops_all_and_all_bad_ones_are_named(storage: Any, run: Run, data: Path) -> None:
    (data / "bad.nt").write_bytes(triples(10) + b"<a> <b> <c> .\n")
    (data / "worse.ttl").write_bytes(b"<x> a .\n")
    (data / "worst.nt.gz").write_bytes(gzip.compress(triples(10))[:-5])
    said = refused(run, data)
    assert said.startswith("Nothing was loaded: of 8 files 3 are bad. ")
    assert f"{data}/bad.nt, line 11, column 1: No scheme found in an absolute IRI; " in said
    assert f"{data}/worse.ttl, line 1" in said
    assert f"{data}/worst.nt.gz cannot be unpacked as gzip: " in said
    assert said.endswith("Mend what is bad or leave it out, then repeat the load.")
    assert keys(storage) == []
    assert refused(run, data / "bad.nt").startswith(f"Nothing was loaded. {data}/bad.nt, line 11")


def test_it_says_how_far_it_is(
    storage: Any, run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("ansible.module_utils.progress.SECONDS_BETWEEN", 0)
    monkeypatch.setattr("ansible.module_utils.progress.Progress.say", lambda _, text: said.append(text))
    monkeypatch.setenv("FEDERATION_PROGRESS_FILE", str(tmp_path / "line"))
    ask(run, data, Members(2))
    assert list(dict.fromkeys(line.split()[0] for line in said))[:3] == ["looked", "read", "prepared"]
    assert any(line.startswith("read 0.2 of 0.2 MB, 4,005 statements, ") for line in said)


def test_uploads_are_shown_while_nothing_else_could_be(tmp_path: Path) -> None:
    from ansible.module_utils import data_parts, progress

    line = tmp_path / "line"
    with data_parts.uploads(progress.Progress(str(line))) as queue:

        def upload() -> None:
            queue.sent(400_000)
            while not queue._is_waiting:
                time.sleep(0.001)
            queue.sent(600_000)

        queue.add(upload, 2_000_000)
    assert line.read_text().startswith("sent 1.0 of 2.0 MB, about ")


def test_what_goes_wrong_in_an_upload_stops_the_others() -> None:
    from ansible.module_utils import data_parts, progress

    begun: list[int] = []

    def upload(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise ConnectionError("the line is gone")
        time.sleep(0.05)

    with pytest.raises(ConnectionError, match="the line is gone"), data_parts.uploads(progress.Progress("")) as queue:
        for number in range(100):
            queue.add(functools.partial(upload, number), 1)
    assert len(begun) < 20


def test_check_mode_plans_and_uploads_nothing(storage: Any, run: Run, data: Path) -> None:
    found = ask(run, data, Members(3), check=True)
    assert (found["changed"], found["statements"], keys(storage)) == (True, 4005, [])
    assert {(part["url"], part["bytes"]) for part in found["parts"]} == {(None, None)}
    done = ask(run, data, Members(3))
    assert [(part["id"], part["member"], part["statements"]) for part in found["parts"]] == [
        (part["id"], part["member"], part["statements"]) for part in done["parts"]
    ]


def test_check_mode_works_where_there_is_no_bucket_yet(aws: Any, run: Run, data: Path) -> None:
    assert ask(run, data, Members(2), check=True)["files"] == 5


def test_objects_are_removed_and_no_others(storage: Any, run: Run, data: Path) -> None:
    storage.put_object(Bucket=BUCKET, Key="installation/agraph.tar.gz", Body=b"not ours")
    uploaded = ask(run, data, Members(2))["uploaded"]
    absent = {"bucket": BUCKET, "region": "us-west-2", "state": "absent"}
    assert run(federation_data_parts, check=True, **absent)["removed"] == uploaded == len(keys(storage)) - 1
    assert run(federation_data_parts, **absent)["changed"]
    assert keys(storage) == ["installation/agraph.tar.gz"]
    assert not run(federation_data_parts, **absent)["changed"]
    assert run(federation_data_parts, prefix="", **absent)["failed"]


def test_nothing_to_remove_where_there_is_no_bucket(aws: Any, run: Run) -> None:
    assert not run(federation_data_parts, bucket=BUCKET, region="us-west-2", state="absent")["changed"]


def test_parts_are_kept_where_there_is_room(storage: Any, run: Run, data: Path, tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    ask(run, data, Members(2), folder=str(room))
    assert list(room.iterdir()) == []
    shutil.rmtree(room)
    said = refused(run, data, folder=str(room), prefix="other/")
    assert f"The parts of {data} cannot be kept until they are uploaded" in said
    assert "another folder for temporary files with TMPDIR" in said


def test_a_missing_bucket_is_a_sentence(aws: Any, run: Run, data: Path) -> None:
    assert f"The bucket {BUCKET} cannot take the data or hand it on" in refused(run, data)


def test_there_have_to_be_members(storage: Any, run: Run, data: Path) -> None:
    assert "There are no members to load into" in refused(run, data, members=[])


# Data that is in S3 already


def remote(storage: Any, **objects: bytes) -> None:
    for name, body in objects.items():
        storage.put_object(Bucket=ELSEWHERE, Key=name.replace("__", "/").replace("_", "."), Body=body)


def test_objects_stay_where_they_are(storage: Any, run: Run) -> None:
    words = b"<x> a <y> .\n"
    remote(storage, data__a_nt=triples(30), data__b_nt_gz=gzip.compress(triples(20, 30)), data__c_ttl=words)
    remote(storage, data2__d_nt=triples(5), data__=b"")
    members = Members(2)
    first = ask(run, f"s3://{ELSEWHERE}/data", members)
    assert (first["changed"], first["files"], first["statements"]) == (False, 3, None)
    assert keys(storage) == []
    assert [part["source"] for part in first["parts"] if part["compression"] == "gzip"] == [
        f"s3://{ELSEWHERE}/data/b.nt.gz"
    ]
    members.load(first["parts"])
    assert members.all.total() == 51
    assert f"<s3://{ELSEWHERE}/data/x>" in " ".join(members.all)
    assert all(statements for statements in members.statements)
    again = ask(run, f"s3://{ELSEWHERE}/data/", members)
    assert (again["parts"], again["statements"], len(again["loaded"])) == ([], 51, 3)
    # What is written anew is other data, and a single object can be named.
    remote(storage, data__a_nt=triples(31))
    assert len(ask(run, f"s3://{ELSEWHERE}/data/a.nt", members)["parts"]) == 1
    assert ask(run, f"s3://{ELSEWHERE}/data", members, check=True)["parts"][0]["url"] is None


def test_what_members_cannot_unpack_is_refused(storage: Any, run: Run) -> None:
    remote(storage, data__a_nt_zst=zstd.compress(triples(3)))
    assert f"s3://{ELSEWHERE}/data/a.nt.zst is compressed as zstd, which members cannot" in refused(
        run, f"s3://{ELSEWHERE}/data/"
    )


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (f"s3://{ELSEWHERE}/nothing", f"There is nothing in s3://{ELSEWHERE}/nothing: is federation_data right?"),
        ("s3://no-such-bucket/data", "s3://no-such-bucket/data cannot be listed (404): is it there"),
        ("s3://", "s3:// names no bucket: data in S3 is s3://bucket/prefix"),
        (f"s3://{ELSEWHERE}/notes", "holds cannot be told by its name"),
    ],
)
def test_what_cannot_be_had_from_s3_is_a_sentence(storage: Any, run: Run, source: str, wanted: str) -> None:
    remote(storage, notes__a_txt=b"some notes")
    assert wanted in refused(run, source)
