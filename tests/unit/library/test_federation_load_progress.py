"""The line of a load, from what the members put into a bucket."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pretended_agraph import Run

from library import presigned_objects_info
from plugins.action.federation_load_progress import ActionModule


def act(members: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    task = SimpleNamespace(args={"members": members, **options}, async_val=0, check_mode=False, diff=False)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="not needed"))
    return dict(ActionModule(task, connection, None, None, None, None).run())


def test_members_that_load_are_watched_until_they_have_ended(
    aws: Callable[[str], Any], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    signed = run(presigned_objects_info, bucket="bucket", keys=["0", "1", "2"], region="us-west-2")
    for key, said in (("0", "done"), ("1", "failed")):
        body = json.dumps({"bytes": 10, "statements": 1, "state": said}).encode()
        request = urllib.request.Request(
            signed["uploads"][key], body, {"Content-Type": "application/json"}, method="PUT"
        )
        urllib.request.urlopen(request, timeout=10).close()
    members = [{"index": index, "bytes": 10, "url": signed["downloads"][str(index)]} for index in range(3)]
    monkeypatch.delenv("FEDERATION_PROGRESS_FILE", raising=False)
    assert act(members)["ended"] == []
    monkeypatch.setenv("FEDERATION_PROGRESS_FILE", str(tmp_path / "line"))
    assert act(members[:2])["ended"] == [0, 1]
    assert (tmp_path / "line").read_text().startswith("loaded 0.0 of 0.0 MB, 2 statements")
    begun = time.monotonic()
    assert act(members, silence=0.5)["ended"] == [0, 1]
    assert time.monotonic() - begun < 30


def test_a_bucket_that_does_not_answer_is_said_without_its_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDERATION_PROGRESS_FILE", str(tmp_path / "line"))
    url = "http://127.0.0.1:9/0?X-Amz-Signature=1234"
    failed = act([{"index": 0, "url": url}])
    assert failed["msg"].startswith("How far the load is cannot be seen: the bucket does not answer (")
    assert "Signature" not in str(failed)
