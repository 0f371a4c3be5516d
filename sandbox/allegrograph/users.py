"""Users, roles, what each may do, and the small things kept for a user."""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox.allegrograph import terms
from sandbox.allegrograph.refusal import RefusedError, missing
from sandbox.allegrograph.views import Filters, Pattern

PERMISSIONS = ("super", "eval", "session", "replication")
ANONYMOUS = "anonymous"


@dataclass
class Principal:
    """A user or a role: permissions, access to repositories, security filters."""

    permissions: list[str] = field(default_factory=list)
    access: list[dict[str, Any]] = field(default_factory=list)
    filters: dict[str, list[dict[str, str | None]]] = field(default_factory=dict)


@dataclass
class User(Principal):
    """Somebody with a password."""

    salt: str = ""
    digest: str = ""
    roles: list[str] = field(default_factory=list)
    data: dict[str, str] = field(default_factory=dict)

    def set_password(self, password: str) -> None:
        """Keep a salted digest of the password."""
        self.salt = secrets.token_hex(8)
        self.digest = _digest(self.salt, password)

    def knows(self, password: str) -> bool:
        """Whether the password is right."""
        return bool(self.digest) and hmac.compare_digest(self.digest, _digest(self.salt, password))


def _digest(salt: str, password: str) -> str:
    # One round only: a hundred of these servers check it at every request, and it guards a sandbox.
    return hashlib.sha256(f"{salt}:{password}".encode()).hexdigest()


class Directory:
    """All that is kept for the server as a whole, in one JSON file: users, roles, catalogs, scripts."""

    def __init__(self, path: Path, user: str, password: str, catalogs: list[str]) -> None:
        self._path = path
        self._lock = threading.RLock()
        self.users: dict[str, User] = {}
        self.roles: dict[str, Principal] = {}
        self.catalogs: list[str] = []
        self.texts: dict[str, Any] = {}
        if path.exists():
            self._read()
        # As an installation does: whoever has changed the password since keeps it. A configuration may name nobody.
        if user and user not in self.users:
            self.users[user] = User(permissions=["super"])
            self.users[user].set_password(password)
            self.users[user] = User(permissions=["super"])
            self.users[user].set_password(password)
        self.catalogs += [each for each in catalogs if each not in self.catalogs]
        self.save()

    def _read(self) -> None:
        kept = json.loads(self._path.read_text())
        self.users = {name: User(**values) for name, values in kept["users"].items()}
        self.roles = {name: Principal(**values) for name, values in kept["roles"].items()}
        self.catalogs = kept["catalogs"]
        self.texts = kept["texts"]

    def save(self) -> None:
        """Write everything down; a crash leaves the old file or the new one."""
        with self._lock:
            kept = {
                "users": {name: asdict(user) for name, user in self.users.items()},
                "roles": {name: asdict(role) for name, role in self.roles.items()},
                "catalogs": self.catalogs,
                "texts": self.texts,
            }
            draft = self._path.with_suffix(".new")
            with draft.open("w") as file:
                json.dump(kept, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)

    def authenticated(self, authorization: str | None) -> str:
        """The name of the user who asks; without credentials it is the anonymous one, where there is such a user."""
        if authorization is None:
            if ANONYMOUS in self.users:
                return ANONYMOUS
            raise RefusedError(401, "This server asks for a user name and a password.")
        kind, _, encoded = authorization.partition(" ")
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            name, password = "", ""
        user = self.users.get(name)
        if kind.lower() != "basic" or user is None or not user.knows(password):
            raise RefusedError(401, "Wrong user name or password.")
        return name

    def user(self, name: str) -> User:
        """A user who must exist."""
        if name not in self.users:
            raise missing(f"There is no user {name!r}.")
        return self.users[name]

    def role(self, name: str) -> Principal:
        """A role that must exist."""
        if name not in self.roles:
            raise missing(f"There is no role {name!r}.")
        return self.roles[name]

    def _principals(self, name: str) -> Iterator[Principal]:
        user = self.user(name)
        yield user
        yield from (self.roles[role] for role in user.roles if role in self.roles)

    def effective_permissions(self, name: str) -> list[str]:
        """The user's own permissions and those of the roles."""
        return list(dict.fromkeys(each for one in self._principals(name) for each in one.permissions))

    def effective_access(self, name: str) -> list[dict[str, Any]]:
        """The user's own access and that of the roles."""
        return [each for one in self._principals(name) for each in one.access]

    def is_super(self, name: str) -> bool:
        """Whether the user may do everything."""
        return name in self.users and "super" in self.effective_permissions(name)

    def may(self, name: str, kind: str, catalog: str, repository: str) -> bool:
        """Whether the user may "read" or "write" a repository; the root catalog is the empty name."""
        if self.is_super(name):
            return True
        wanted = catalog or "/"
        return any(
            each[kind] and each["catalog"] in ("*", wanted) and each["repository"] in ("*", repository)
            for each in self.effective_access(name)
        )

    def filters(self, name: str) -> Filters:
        """What the user's security filters leave; a superuser sees everything."""
        if self.is_super(name):
            return Filters()
        kinds = {"allow": list[Pattern](), "disallow": list[Pattern]()}
        for one in self._principals(name):
            for kind, filters in one.filters.items():
                kinds[kind] += [_pattern(each) for each in filters]
        return Filters(tuple(kinds["allow"]), tuple(kinds["disallow"]))

    def require(self, name: str, permission: str) -> None:
        """Refuse a user who lacks a permission."""
        if not self.is_super(name) and permission not in self.effective_permissions(name):
            needed = "a superuser" if permission == "super" else f"the permission {permission!r}"
            raise RefusedError(403, f"User {name!r} may not do this; it takes {needed}.")

    def require_access(self, name: str, kind: str, catalog: str, repository: str) -> None:
        """Refuse a user who may not read or write a repository."""
        if not self.may(name, kind, catalog, repository):
            full = f"{catalog}:{repository}" if catalog else repository
            raise RefusedError(403, f"User {name!r} has no {kind} access to {full}.")


def _pattern(places: dict[str, str | None]) -> Pattern:
    subjects, predicates, objects, graphs = (
        (terms.canonical(text),) if (text := places.get(place)) else () for place in "spog"
    )
    return Pattern(subjects, predicates, objects, graphs)


def access_entry(read: bool, write: bool, catalog: str, repository: str) -> dict[str, Any]:
    """An entry of an access list."""
    return {"read": read, "write": write, "catalog": catalog, "repository": repository}
