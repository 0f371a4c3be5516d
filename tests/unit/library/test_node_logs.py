"""node_logs and what fetches them: the newest of each log, packed, sent, and unpacked into one folder alone."""

from __future__ import annotations

import io
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import node_logs as logs
from ansible.module_utils.archives import ArchiveError, folders, unpack
from pretended_agraph import Run

from library import fetched_archives, node_logs, presigned_objects_info

BUCKET = "f-ssm-123456789012"
KEY = "i-0123/logs.tar.gz"
PRESIGNED = {"bucket": BUCKET, "region": "us-west-2", "keys": [KEY]}


@pytest.fixture
def storage(aws: Any) -> Any:
    client = aws("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return client


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A machine's files: two logs of the agent, AllegroGraph's, and its configuration."""
    for name, content in {
        "ssm/agent.log": "old line\nnew line\n",
        "ssm/errors.log": "",
        "data/log/agraph.log": "ready\n",
        "agraph.cfg": f"Port 10035\nBaseDir {tmp_path}\nLogDir data/log\nSuperUser test:xyzzy\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "ssm/link.log").symlink_to("/etc/passwd")
    return tmp_path


def given(node: Path, **more: Any) -> dict[str, Any]:
    return {"paths": [f"{node}/ssm/*"], "configuration_files": [f"{node}/agraph.cfg", f"{node}/none"], **more}


def names(node: Path) -> list[str]:
    return [str(node / each).lstrip("/") for each in ("data/log/agraph.log", "ssm/agent.log", "ssm/errors.log")]


def packed(*members: tarfile.TarInfo, content: bytes = b"x") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for each in members:
            each.size = len(content) if each.isreg() else 0
            archive.addfile(each, io.BytesIO(content))
    return target.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def test_logs_go_to_the_bucket_and_from_there_into_a_folder(
    storage: Any, run: Run, node: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = run(presigned_objects_info, **PRESIGNED)["uploads"][KEY]
    sent = run(node_logs, url=url, **given(node))
    assert [(each["name"], each["size"], each["kept"]) for each in sent["logs"]] == list(
        zip(names(node), (6, 18, 0), (6, 18, 0), strict=True)
    )
    assert sent["sent"] == storage.head_object(Bucket=BUCKET, Key=KEY)["ContentLength"]
    folder = tmp_path_factory.mktemp("fetched")
    wanted = {"bucket": BUCKET, "region": "us-west-2", "folder": str(folder)}
    archives = [
        {"key": KEY, "id": "i-0123", "name": "manager"},
        {"key": "i-9/logs.tar.gz", "id": "i-9", "name": "lost"},
    ]
    fetched = run(fetched_archives, **wanted, archives=archives)
    assert fetched["files"] == [f"{folder}/manager/{each}" for each in names(node)]
    assert (folder / "manager" / names(node)[1]).read_text() == "old line\nnew line\n"
    assert (fetched["changed"], fetched["size"], list(fetched["lost"])) == (True, 24, ["i-9"])
    assert "Contents" not in storage.list_objects_v2(Bucket=BUCKET)
    assert [each.name for each in folder.iterdir()] == ["manager"]
    run(node_logs, url=url, **given(node))
    assert not run(fetched_archives, **wanted, archives=archives[:1])["changed"]


def test_check_mode_sends_and_fetches_nothing(storage: Any, run: Run, node: Path) -> None:
    url = run(presigned_objects_info, **PRESIGNED)["uploads"][KEY]
    looked = run(node_logs, check=True, url=url, **given(node))
    assert ([each["name"] for each in looked["logs"]], looked["sent"]) == (names(node), 0)
    wanted = {"bucket": BUCKET, "region": "us-west-2", "folder": str(node / "fetched")}
    archives = [{"key": KEY, "id": "i-0123", "name": "manager"}]
    assert run(fetched_archives, check=True, **wanted, archives=archives)["files"] == []
    assert not (node / "fetched").exists()


def test_a_bucket_that_refuses_is_said_without_the_url(run: Run, node: Path, storage: Any) -> None:
    url = run(presigned_objects_info, **{**PRESIGNED, "bucket": "no-such-bucket"})["uploads"][KEY]
    refused = run(node_logs, url=url, label="Member 0", **given(node))
    assert refused["failed"]
    assert refused["msg"].startswith("Member 0: its ")
    assert "bytes could not be sent: the bucket answers 404" in refused["msg"]
    assert "Signature" not in str({**refused, "invocation": None})


@pytest.mark.parametrize(
    ("sizes", "room", "shared"),
    [
        ([10, 10], 100, [10, 10]),
        ([1000, 10, 40], 100, [50, 10, 40]),
        ([500, 600, 2], 100, [49, 49, 2]),
        ([5, 5, 5], 0, [0, 0, 0]),
        ([], 100, []),
    ],
)
def test_small_logs_are_whole_before_large_ones_are(sizes: list[int], room: int, shared: list[int]) -> None:
    assert logs.shares(sizes, room) == shared


def test_the_newest_of_a_log_wins_and_begins_with_a_line(node: Path) -> None:
    found = logs.files([f"{node}/ssm/agent.log"])
    target = io.BytesIO()
    assert logs.pack(found, 12, target) == [9]
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        (entry,) = archive.getmembers()
        content = archive.extractfile(entry)
        assert content is not None
        assert (content.read(), entry.mode) == (b"new line\n", 0o600)


def test_what_the_journal_says_is_a_log_and_nothing_is_none() -> None:
    said = {"agraph": b"started\n", "other": b"-- No entries --\n", "gone": b""}
    assert [(each.name, each.newest(100)) for each in logs.journals(said)] == [("journal/agraph.log", b"started\n")]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (member("../outside"), "outside"),
        (member("/etc/absolute"), ""),
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "which is no file"),
        (member("device", tarfile.CHRTYPE), "which is no file"),
        (member("hard", tarfile.LNKTYPE, "good"), "which is no file"),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_nothing_is_unpacked_but_files_below_the_folder(tmp_path: Path, bad: tarfile.TarInfo, why: str) -> None:
    archive, folder = tmp_path / "archive", tmp_path / "node"
    archive.write_bytes(packed(member("good"), bad))
    if bad.name.startswith("/"):
        # Its leading slash is taken off.
        assert [str(each) for each in unpack(archive, folder, 100)[0]] == [f"{folder}/etc/absolute", f"{folder}/good"]
        return
    with pytest.raises(ArchiveError, match=why):
        unpack(archive, folder, 100)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["archive"]


@pytest.mark.parametrize("content", [b"no archive", packed(member("bomb"), content=b"0" * 1000)], ids=["none", "bomb"])
def test_what_cannot_or_must_not_be_unpacked_leaves_what_was_there(tmp_path: Path, content: bytes) -> None:
    archive, folder = tmp_path / "archive", tmp_path / "node"
    folder.mkdir()
    (folder / "before").write_text("kept")
    archive.write_bytes(content)
    with pytest.raises(ArchiveError):
        unpack(archive, folder, 999)
    assert [each.name for each in folder.iterdir()] == ["before"]


def test_a_node_whose_name_is_no_good_for_a_folder_has_its_ids() -> None:
    named = {"i-1": "manager", "i-2": "../x", "i-3": "member", "i-4": "member", "i-5": ".hidden", "i-6": ""}
    assert folders(named) == {"i-1": "manager", **{each: each for each in list(named)[1:]}}


def test_a_url_is_for_one_object_and_for_nothing_but_putting_it(storage: Any, run: Run) -> None:
    url = run(presigned_objects_info, **PRESIGNED)["uploads"][KEY]
    assert url.partition("?")[0].endswith(f"/{BUCKET}/{KEY}") or f"//{BUCKET}." in url
    headers = {"Content-Type": "application/gzip"}
    with urllib.request.urlopen(urllib.request.Request(url, data=b"y", method="PUT", headers=headers)):
        assert storage.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"y"
