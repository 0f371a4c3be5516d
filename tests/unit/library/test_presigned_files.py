"""presigned_files: a local file goes to the bucket once, and everything has a URL that needs no credentials."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from pretended_agraph import Run

from library import presigned_files

BUCKET = "f-ssm-123456789012"
CONTENT = b"a tarball"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def storage(aws: Any) -> Any:
    client = aws("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return client


def offer(run: Run, source: str, check: bool = False, **more: str) -> dict[str, Any]:
    files = [{"name": "tarball", "source": source, **more}]
    return run(presigned_files, check=check, bucket=BUCKET, region="us-west-2", prefix="installation/", files=files)


def keys(storage: Any) -> list[str]:
    return [each["Key"] for each in storage.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    path = tmp_path / "agraph.tar.gz"
    path.write_bytes(CONTENT)
    return path


def test_a_local_file_travels_once(storage: Any, run: Run, tarball: Path) -> None:
    first = offer(run, str(tarball), sha256=SHA256)
    assert (first["changed"], first["uploaded"]) == (True, ["tarball"])
    assert keys(storage) == [f"installation/{SHA256}/agraph.tar.gz"]
    assert urllib.request.urlopen(first["files"]["tarball"]["url"]).read() == CONTENT
    again = offer(run, str(tarball), sha256=SHA256.upper())
    assert (again["changed"], again["uploaded"]) == (False, [])


def test_the_sum_is_found_out_where_none_is_given(storage: Any, run: Run, tarball: Path) -> None:
    assert offer(run, str(tarball))["files"]["tarball"]["sha256"] == SHA256


def test_check_mode_sends_nothing(storage: Any, run: Run, tarball: Path) -> None:
    assert offer(run, str(tarball), check=True, sha256=SHA256)["uploaded"] == ["tarball"]
    assert keys(storage) == []


def test_check_mode_works_where_there_is_no_bucket_yet(aws: Any, run: Run, tarball: Path) -> None:
    assert offer(run, str(tarball), check=True, sha256=SHA256)["uploaded"] == ["tarball"]


def test_another_sum_is_an_error_with_both(storage: Any, run: Run, tarball: Path) -> None:
    answer = offer(run, str(tarball), sha256="ab" * 32)
    assert answer["failed"]
    assert f"has the SHA-256 {SHA256}, and {'ab' * 32} was expected: it goes to no node" in answer["msg"]
    assert keys(storage) == []


def test_an_object_stays_where_it_is(storage: Any, run: Run) -> None:
    storage.put_object(Bucket=BUCKET, Key="from/somewhere.tar.gz", Body=CONTENT)
    answer = offer(run, f"s3://{BUCKET}/from/somewhere.tar.gz", sha256=SHA256)
    assert not answer["changed"]
    assert urllib.request.urlopen(answer["files"]["tarball"]["url"]).read() == CONTENT


@pytest.mark.parametrize("source", [f"s3://{BUCKET}/nothing", "s3://no-such-bucket/nothing"])
def test_an_object_that_is_not_there_is_named(storage: Any, run: Run, source: str) -> None:
    answer = offer(run, source, sha256=SHA256)
    assert answer["failed"]
    assert f"{source} cannot be read (404)" in answer["msg"]


def test_any_other_url_is_handed_on(aws: Any, run: Run) -> None:
    answer = offer(run, "https://example.com/a.tar.gz", sha256=SHA256)
    assert answer["files"]["tarball"] == {"url": "https://example.com/a.tar.gz", "sha256": SHA256}


def test_a_url_is_signed_for_the_buckets_own_region(aws: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # AWS's global address answers a request for a young bucket of another region with a redirection.
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    offers = presigned_files.Offers(Region())
    url = offers._signed(offers.client("eu-central-1"), BUCKET, "installation/a b")
    assert url.startswith(
        f"https://{BUCKET}.s3.eu-central-1.amazonaws.com/installation/a%20b?X-Amz-Algorithm=AWS4-HMAC"
    )


class Region:
    """What the class asks of Ansible's module."""

    params = {"expires": 60}  # noqa: RUF012  # read only
    region = "us-west-2"

    def client(self, service: str, **settings: Any) -> Any:
        import boto3

        make: Any = boto3.client
        return make(service, region_name=settings["region"], config=settings["config"])
