"""The endpoint with TLS: whom it is vouched for by, and that nobody holds up the others."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_box import Box

from sandbox.authority import Identity, identity_of
from sandbox.cloud.server import Server
from sandbox.hosts.images import BUNDLES, HASHED, Interpreter, build_layer

ADDRESS = "127.0.0.1"
ARN = "arn:aws:s3:::a-bucket"
TLS_ONLY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [ARN, f"{ARN}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}


@pytest.fixture(scope="module")
def identity() -> Identity:
    return identity_of(ADDRESS)


@pytest.fixture
def port(box: Box, identity: Identity) -> Iterator[int]:
    """The port at which the box is asked with TLS."""
    listener = socket.create_server((ADDRESS, 0))
    server = Server(box.cloud.application, [(listener, identity.context)])
    server.start()
    yield int(listener.getsockname()[1])
    server.close()
    listener.close()


@pytest.fixture
def trusted(identity: Identity, tmp_path: Path) -> Path:
    """The file that vouches for it."""
    file = tmp_path / "authority.pem"
    file.write_text(identity.authority.certificate)
    return file


def secure(box: Box, port: int, trusted: Path) -> Any:
    """A client of S3 that asks with TLS."""
    plain, box.endpoint = box.endpoint, f"https://{ADDRESS}:{port}"
    try:
        return box.client("s3", verify=str(trusted))
    finally:
        box.endpoint = plain


def test_what_is_refused_over_http_is_taken_with_tls(box: Box, port: int, trusted: Path) -> None:
    key = {"Bucket": "a-bucket", "Key": "k"}
    box.s3.create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    box.s3.put_bucket_policy(Bucket="a-bucket", Policy=json.dumps(TLS_ONLY))
    client = secure(box, port, trusted)
    client.put_object(**key, Body=b"x" * 100_000)
    assert len(client.get_object(**key)["Body"].read()) == 100_000
    url = client.generate_presigned_url("get_object", Params=key)
    context = ssl.create_default_context(cafile=str(trusted))
    with urllib.request.urlopen(url, timeout=10, context=context) as answer:
        assert len(answer.read()) == 100_000
    curl = [
        "curl",
        "-sSf",
        "--cacert",
        str(trusted),
        "-T",
        "-",
        client.generate_presigned_url("put_object", Params=key),
    ]
    subprocess.run(curl, input=b"by curl", check=True, timeout=10)
    assert client.get_object(**key)["Body"].read() == b"by curl"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(box.s3.generate_presigned_url("get_object", Params=key), timeout=10)
    assert refused.value.code == 403
    refused.value.close()


def test_only_who_trusts_the_authority_talks_to_it(port: int, identity: Identity) -> None:
    other = identity_of(ADDRESS).authority.certificate
    for cadata in (other, None):
        context = ssl.create_default_context(cadata=cadata)
        with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection((ADDRESS, port), 10) as plain:
            context.wrap_socket(plain, server_hostname=ADDRESS)
    context = ssl.create_default_context(cadata=identity.authority.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection((ADDRESS, port), 10) as plain,
        context.wrap_socket(plain, server_hostname=ADDRESS) as talking,
    ):
        assert talking.version() == "TLSv1.3"
    with (
        pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"),
        socket.create_connection((ADDRESS, port), 10) as plain,
    ):
        context.wrap_socket(plain, server_hostname="127.0.0.2")


def test_a_client_that_says_nothing_holds_up_nobody(box: Box, port: int, trusted: Path) -> None:
    with socket.create_connection((ADDRESS, port), 10), socket.create_connection((ADDRESS, port), 10) as nonsense:
        nonsense.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert secure(box, port, trusted).list_buckets()["Buckets"] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="an image's layer is made by root")
def test_an_image_trusts_the_authority_under_every_name(identity: Identity, tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    build_layer("al2023", layer, Interpreter.current(), "user.opaque", False, identity.authority)
    for name in BUNDLES:
        assert (layer / name).read_text() == identity.authority.certificate
    for name in HASHED:
        # The one thing that shows that the name is OpenSSL's: a context that looks for it by itself.
        context = ssl.create_default_context(capath=str(layer / name))
        made, peer = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(made, peer, server_hostname=ADDRESS)
        server = identity.context.wrap_bio(peer, made, server_side=True)
        _shake_hands(client, server)


def _shake_hands(*ends: ssl.SSLObject) -> None:
    waiting = list(ends)
    for _ in range(10):
        for each in list(waiting):
            try:
                each.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(each)
    assert not waiting
