"""The instance metadata service, versions 1 and 2, as a node sees it at 169.254.169.254."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.hosts.reactor import Conversation
from sandbox.world import Metadata

LONGEST_LIFE = 21600
TOKEN_PATH = "/latest/api/token"
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Not Allowed"}


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the answer as bytes; each connection carries one."""
        body = self.body.encode()
        headers = {"Content-Type": "text/plain", "Server": "EC2ws", **self.headers}
        headers |= {"Content-Length": str(len(body)), "Connection": "close"}
        head = [f"HTTP/1.1 {self.status} {REASONS[self.status]}", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*head, "", ""]).encode() + body


def _refusal(status: int) -> Reply:
    reason = REASONS[status]
    page = (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">\n'
        f" <head>\n  <title>{status} - {reason}</title>\n </head>\n <body>\n  <h1>{status} - {reason}</h1>\n </body>\n"
        "</html>\n"
    )
    return Reply(status, page, {"Content-Type": "text/html"})


class MetadataService:
    """Answers one instance's questions; whether it needs a token is the instance's ``http_tokens``."""

    def __init__(self, metadata: Metadata, http_tokens: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._metadata = metadata
        self._required = http_tokens == "required"
        self._clock = clock
        self._tokens: dict[str, float] = {}

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> Reply:
        """Answer a request; header names are in lower case."""
        path = target.partition("?")[0]
        if method == "PUT":
            return self._make_token(path, headers)
        if method not in ("GET", "HEAD"):
            return _refusal(405)
        reply = self._read(path, headers)
        return Reply(reply.status, "", reply.headers) if method == "HEAD" else reply

    def _make_token(self, path: str, headers: Mapping[str, str]) -> Reply:
        if path != TOKEN_PATH:
            return _refusal(403 if self._required else 405)
        if "x-forwarded-for" in headers:
            return _refusal(403)
        life = headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not life.isdigit() or not 1 <= int(life) <= LONGEST_LIFE:
            return _refusal(400)
        now = self._clock()
        self._tokens = {token: end for token, end in self._tokens.items() if end > now}
        token = secrets.token_urlsafe(40) + "=="
        self._tokens[token] = now + int(life)
        return Reply(200, token, {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": life})

    def _read(self, path: str, headers: Mapping[str, str]) -> Reply:
        token = headers.get("x-aws-ec2-metadata-token")
        if token is None:
            if self._required:
                return _refusal(401)
        elif self._tokens.get(token, 0.0) <= self._clock():
            return _refusal(401)
        if path == TOKEN_PATH:
            return _refusal(405)
        text = self._metadata(path)
        return _refusal(404) if text is None else Reply(200, text)


def metadata_conversation(service: MetadataService) -> Conversation:
    """Return how to speak HTTP for a metadata service; its answers may wait for the cloud, so they run in threads."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                request, *lines = head.rstrip().split("\r\n")
                method, target, _version = request.split(" ")
                pairs = (line.partition(":") for line in lines)
                headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
                reply = await asyncio.to_thread(service.answer, method, target, headers)
                writer.write(reply.encode())
                await writer.drain()
        except (OSError, ValueError, EOFError, asyncio.LimitOverrunError):
            pass  # not HTTP, or gone: nobody is left to answer
        finally:
            writer.close()

    return converse
