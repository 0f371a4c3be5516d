"""The metadata service: versions 1 and 2, and what it refuses."""

from __future__ import annotations

import pytest

from sandbox.hosts.metadata_service import MetadataService, Reply

DATA = {"/latest/meta-data/instance-id": "i-1", "/latest/meta-data/": "instance-id\n"}
LIFE = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "x-aws-ec2-metadata-token"
ID = "/latest/meta-data/instance-id"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def service(tokens: str, clock: Clock) -> MetadataService:
    return MetadataService(DATA.get, tokens, clock)


def token_of(service: MetadataService, life: str = "60") -> Reply:
    return service.answer("PUT", "/latest/api/token", {LIFE: life})


def test_version_1_where_tokens_are_optional(clock: Clock) -> None:
    asked = service("optional", clock)
    assert asked.answer("GET", ID, {}) == Reply(200, "i-1")
    assert asked.answer("GET", "/latest/meta-data/nothing", {}).status == 404
    assert asked.answer("POST", ID, {}).status == 405
    assert asked.answer("HEAD", ID, {}) == Reply(200, "")


def test_a_query_is_no_part_of_the_path(clock: Clock) -> None:
    assert service("optional", clock).answer("GET", f"{ID}?x=1", {}).body == "i-1"


def test_version_2(clock: Clock) -> None:
    asked = service("required", clock)
    assert asked.answer("GET", ID, {}).status == 401
    token = token_of(asked)
    assert token.status == 200
    assert token.headers["X-Aws-Ec2-Metadata-Token-Ttl-Seconds"] == "60"
    assert asked.answer("GET", ID, {TOKEN: token.body}).body == "i-1"


@pytest.mark.parametrize("tokens", ["optional", "required"])
def test_a_wrong_or_old_token_is_refused_even_where_none_is_needed(tokens: str, clock: Clock) -> None:
    asked = service(tokens, clock)
    token = token_of(asked).body
    assert asked.answer("GET", ID, {TOKEN: "guessed"}).status == 401
    clock.now += 60
    assert asked.answer("GET", ID, {TOKEN: token}).status == 401


@pytest.mark.parametrize("life", ["", "0", "-1", "21601", "soon"])
def test_a_token_without_a_proper_life_is_refused(life: str, clock: Clock) -> None:
    assert token_of(service("required", clock), life).status == 400


def test_a_token_for_somebody_behind_a_proxy_is_refused(clock: Clock) -> None:
    headers = {LIFE: "60", "x-forwarded-for": "198.51.100.1"}
    assert service("required", clock).answer("PUT", "/latest/api/token", headers).status == 403


def test_tokens_are_the_instances_own(clock: Clock) -> None:
    token = token_of(service("required", clock)).body
    assert service("required", clock).answer("GET", ID, {TOKEN: token}).status == 401


def test_on_the_wire() -> None:
    wire = Reply(404, "é").encode()
    assert wire.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"Content-Length: 2\r\nConnection: close\r\n\r\n" in wire
