"""The sentence by which an AllegroGraph server is told which repositories of which servers make up a federation."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable

CREDENTIALS_IN_URL = re.compile(r"(https?(?:://|%3[Aa]%2[Ff]%2[Ff]))[^/\s<>@]*?(@|%40)")
HIDDEN = "***"


def repository_url(host: str, port: int, repository: str, user: str, password: str, catalog: str | None = None) -> str:
    """Return a repository's URL with the credentials in it, each part quoted, as AllegroGraph wants it in a spec."""

    def quoted(text: str) -> str:
        return urllib.parse.quote(text, safe="")

    within = f"/catalogs/{quoted(catalog)}" if catalog else ""
    return f"http://{quoted(user)}:{quoted(password)}@{host}:{port}{within}/repositories/{quoted(repository)}"


def federation(urls: Iterable[str]) -> str:
    """Return the spec of the federation of the repositories under these URLs."""
    return " + ".join(f"<{url}>" for url in urls)


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return text with the credentials of every URL, and the secrets wherever they stand, replaced by stars."""
    text = CREDENTIALS_IN_URL.sub(rf"\g<1>{HIDDEN}\g<2>", text)
    forms = {form for secret in secrets if secret for form in (secret, urllib.parse.quote(secret, safe=""))}
    for form in sorted(forms, key=len, reverse=True):
        # A short secret may be part of an ordinary word; those stay readable.
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])", HIDDEN, text)
    return text
