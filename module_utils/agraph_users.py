"""Who may use an AllegroGraph server: the superuser's password, and a user who reads one repository, no more."""

from __future__ import annotations

import secrets
import urllib.parse
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.agraph_client import AgraphError, RefusedError, Server

UNAUTHORIZED = 401
# AllegroGraph's name for the catalog that has none.
ROOT_CATALOG = "/"


@dataclass(frozen=True)
class Login:
    """A user and a password."""

    user: str
    password: str


def settle_superuser(server: Server, superuser: Login, before: str | None, check_mode: bool) -> list[str]:
    """Give the superuser its password where the server still has the one from `before`; return what was done, in words.

    Raises AgraphError, also when neither of the two is the server's.
    """
    if _accepts(server.asked_by(superuser.user, superuser.password), "/users"):
        return []
    old = server.asked_by(superuser.user, before or "")
    if not before or not _accepts(old, "/users"):
        known = "neither the federation's own password nor federation_agraph_password"
        raise AgraphError(
            f"{server.url} takes {known if before else 'not the password of the federation'} for the superuser "
            f"{superuser.user}: set federation_agraph_user and federation_agraph_password to what the image "
            "has. If the federation's secrets were deleted, remove it with ansible-playbook down.yml, and make it "
            "anew."
        )
    if not check_mode:
        old.change_password(superuser.user, superuser.password)
    return [f"gave the superuser {superuser.user} a password of the federation's own"]


def settle_reader(server: Server, reader: Login, repository: str | None, check_mode: bool) -> list[str]:
    """Have a user who may open sessions and read `repository`, or none; return what was done, in words.

    The server is the superuser's. Raises AgraphError.
    """
    done: list[str] = []
    path = _path(reader.user)
    there = reader.user in server.json("GET", "/users")
    if not there:
        done.append(f"made the user {reader.user}")
        if not check_mode:
            # A user is made with a password in the URL, which may stand in a log: this one is forgotten at once.
            server.json("PUT", path, {"password": secrets.token_urlsafe(24)})
            server.change_password(reader.user, reader.password)
    elif not _accepts(server.asked_by(reader.user, reader.password), "/repositories"):
        done.append(f"gave the user {reader.user} its password")
        if not check_mode:
            server.change_password(reader.user, reader.password)
    if check_mode and not there:
        return done
    # `session` alone: whoever may evaluate code, or is a superuser, may do more than read.
    held = server.json("GET", f"{path}/permissions")
    for permission in [] if "session" in held else ["session"]:
        done.append(f"let the user {reader.user} open sessions")
        if not check_mode:
            server.json("PUT", f"{path}/permissions/{permission}")
    for permission in [each for each in held if each != "session"]:
        done.append(f"took the permission {permission} from the user {reader.user}")
        if not check_mode:
            server.json("DELETE", f"{path}/permissions/{permission}")
    return done + _settle_access(server, reader.user, repository, check_mode)


def _settle_access(server: Server, user: str, repository: str | None, check_mode: bool) -> list[str]:
    """See that the user reads one repository and has nothing else; return what was done."""
    done: list[str] = []
    path = f"{_path(user)}/access"
    wanted = [_access(ROOT_CATALOG, repository)] if repository else []
    held = [{**_access(each["catalog"], each["repository"]), **_rights(each)} for each in server.json("GET", path)]
    for each in [one for one in wanted if one not in held]:
        done.append(f"let the user {user} read {each['repository']}")
        if not check_mode:
            server.json("PUT", path, each)
    for each in [one for one in held if one not in wanted]:
        done.append(f"took the access to {each['catalog']} {each['repository']} from the user {user}")
        if not check_mode:
            server.json("DELETE", path, each)
    return done


def _access(catalog: str, repository: str) -> dict[str, str]:
    return {"read": "true", "write": "false", "catalog": catalog, "repository": repository}


def _rights(entry: dict[str, Any]) -> dict[str, str]:
    return {kind: "true" if entry[kind] else "false" for kind in ("read", "write")}


def _path(user: str) -> str:
    return f"/users/{urllib.parse.quote(user, safe='')}"


def _accepts(server: Server, path: str) -> bool:
    try:
        server.json("GET", path)
    except RefusedError as refusal:
        if refusal.status == UNAUTHORIZED:
            return False
        raise
    return True
