"""What a server has: its users, its catalogs, its sessions, its copies of federations."""

import time
from collections.abc import Sequence
from pathlib import Path

from sandbox.allegrograph.catalogs import Catalogs
from sandbox.allegrograph.federation import FederationCache
from sandbox.allegrograph.sessions import Sessions
from sandbox.allegrograph.store import Repository
from sandbox.allegrograph.users import Directory
from sandbox.faults.questions import Asker


class Service:
    """Everything that outlives a request."""

    def __init__(
        self,
        data: Path,
        user: str,
        password: str,
        catalogs: Sequence[str],
        version: str,
        faults: Asker,
        settings: Path | None = None,
    ) -> None:
        """Users and the like are kept in the folder ``settings``, or beside the repositories."""
        for folder in (data, settings or data):
            folder.mkdir(parents=True, exist_ok=True)
        self.version = version
        self.faults = faults
        self.directory = Directory((settings or data) / "server.json", user, password, list(catalogs))
        self.catalogs = Catalogs(data, self.directory.catalogs)
        self.federations = FederationCache()
        self.sessions: Sessions
        self.port = 0
        self.started = time.time()

    def repository(self, catalog: str, name: str, user: str, kind: str) -> Repository:
        """A repository that must exist and that the user may read or write."""
        self.directory.require_access(user, kind, catalog, name)
        return self.catalogs.repository(catalog, name)

    def housekeeping(self) -> None:
        """What is done about once a second."""
        self.sessions.close_expired()
        self.federations.forget_idle()

    def close(self) -> None:
        """End all sessions and let go of all files."""
        self.sessions.close_all()
        self.catalogs.close()
