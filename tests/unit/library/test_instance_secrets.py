"""instance_secrets: a node fetches what it must know, as AWS wants it signed, and says why it cannot."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from module_utils import instance_secrets
from module_utils.instance_secrets import SecretError, secrets

NAMES = ["/f/superuser", "/f/reader"]
KEYS = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret/key+of=it", "Token": "token=="}


@dataclass
class Instance:
    """A metadata service and a Systems Manager in one, and what they were asked."""

    url: str = ""
    role: str | None = "f-node-role"
    values: dict[str, str] = field(default_factory=lambda: dict.fromkeys(NAMES, "hush"))
    refusals: list[tuple[int, str]] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, str]:
        """Return status and body."""
        if path == "/latest/api/token":
            return (200, "the-token") if method == "PUT" else (405, "")
        if path.startswith("/latest/meta-data/iam/security-credentials/"):
            if headers["X-aws-ec2-metadata-token"] != "the-token":
                return 401, ""
            if self.role is None:
                return 404, ""
            return 200, json.dumps(KEYS) if path.endswith(self.role) else f"{self.role}\n"
        self.signed.append(headers["Authorization"])
        if self.refusals:
            status, code = self.refusals.pop(0)
            return status, json.dumps({"__type": f"com.amazonaws#{code}", "message": "Not today."})
        asked = json.loads(body)
        assert asked["WithDecryption"] is True
        known = [{"Name": name, "Value": self.values[name]} for name in asked["Names"] if name in self.values]
        return 200, json.dumps(
            {"Parameters": known, "InvalidParameters": [name for name in asked["Names"] if name not in self.values]}
        )


@pytest.fixture
def instance() -> Iterator[Instance]:
    state = Instance()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, text = state.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PUT = do_POST = do  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


def fetched(instance: Instance) -> dict[str, str]:
    return secrets(NAMES, instance.url, "us-west-2", metadata=instance.url, pause=0.001)


@pytest.mark.parametrize(
    "service", ["https://ssm.us-west-2.amazonaws.com/", "http://127.0.0.1:4566/", "http://127.0.0.1:4566"]
)
def test_a_request_is_signed_as_botocore_signs_it(service: str) -> None:
    who = instance_secrets.Credentials(KEYS["AccessKeyId"], KEYS["SecretAccessKey"], KEYS["Token"])
    body = b'{"Names": ["/f/superuser"], "WithDecryption": true}'
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AmazonSSM.GetParameters",
        "X-Amz-Security-Token": KEYS["Token"],
    }
    now = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
    ours = instance_secrets.signature(service, headers, body, "us-west-2", who, now)
    request = AWSRequest("POST", service, headers, body)
    request.context["timestamp"] = ours["X-Amz-Date"]
    signer = SigV4Auth(Credentials(*KEYS.values()), "ssm", "us-west-2")
    request.headers["X-Amz-Date"] = ours["X-Amz-Date"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours["Authorization"].endswith(f"Signature={signer.signature(text, request)}")
    assert f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}," in ours["Authorization"]


def test_both_come_with_one_call(instance: Instance) -> None:
    instance.values = {"/f/superuser": "one", "/f/reader": "two"}
    assert fetched(instance) == instance.values
    assert len(instance.signed) == 1
    assert instance.signed[0].startswith("AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/")


def test_a_throttled_call_is_repeated(instance: Instance) -> None:
    instance.refusals = [(400, "ThrottlingException"), (400, "UnrecognizedClientException")]
    assert set(fetched(instance)) == set(NAMES)
    assert len(instance.signed) == 3


def test_a_call_that_is_throttled_for_ever_ends(instance: Instance) -> None:
    instance.refusals = [(400, "ThrottlingException")] * 100
    with pytest.raises(SecretError, match="ThrottlingException: Not today"):
        fetched(instance)
    assert len(instance.signed) == instance_secrets.TRIES


def test_a_refusal_is_not_repeated_and_says_what_it_takes(instance: Instance) -> None:
    instance.refusals = [(400, "AccessDeniedException")]
    with pytest.raises(SecretError) as said:
        fetched(instance)
    refusal = "refuses the secrets /f/superuser and /f/reader to this instance: AccessDeniedException: Not today."
    assert str(said.value).startswith(f"{instance.url} {refusal}")
    assert "ssm:GetParameters" in str(said.value)
    assert len(instance.signed) == 1


def test_one_that_is_missing_is_named(instance: Instance) -> None:
    del instance.values["/f/reader"]
    with pytest.raises(SecretError, match=r"There is no secret /f/reader at .* make it anew"):
        fetched(instance)


def test_an_instance_without_a_role_says_so(instance: Instance) -> None:
    instance.role = None
    with pytest.raises(SecretError, match="This instance has no role"):
        fetched(instance)


def test_a_service_that_does_not_answer_is_named(instance: Instance, closed_port: int) -> None:
    nowhere = f"http://127.0.0.1:{closed_port}/"
    with pytest.raises(SecretError, match=r"could not be fetched from .*Connection refused.*way out"):
        secrets(NAMES, nowhere, "us-west-2", metadata=instance.url, pause=0.001)
