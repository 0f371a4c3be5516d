"""The repositories on disk, by catalog; the root catalog has the empty name."""

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from sandbox.allegrograph.refusal import RefusedError, missing
from sandbox.allegrograph.store import Repository


class Catalogs:
    """All repositories of a server; each is opened when somebody first asks for it."""

    def __init__(self, directory: Path, names: Sequence[str]) -> None:
        self._directory = directory
        self.names = names
        self._open: dict[tuple[str, str], Repository] = {}
        self._lock = threading.RLock()

    def _folder(self, catalog: str) -> Path:
        if catalog and catalog not in self.names:
            raise missing(f"There is no catalog {catalog!r}.")
        root = self._directory
        return root / "catalogs" / quote(catalog, safe="") / "repositories" if catalog else root / "repositories"

    def repositories(self, catalog: str) -> list[str]:
        """The names of a catalog's repositories."""
        folder = self._folder(catalog)
        return sorted(unquote(each.name) for each in folder.iterdir()) if folder.is_dir() else []

    def exists(self, catalog: str, name: str) -> bool:
        """Whether there is such a repository."""
        return (self._folder(catalog) / quote(name, safe="")).is_dir()

    def repository(self, catalog: str, name: str) -> Repository:
        """A repository that must exist."""
        with self._lock:
            if (catalog, name) not in self._open:
                if not name or not self.exists(catalog, name):
                    where = f" in catalog {catalog!r}" if catalog else ""
                    raise missing(f"There is no repository {name!r}{where}.")
                self._open[catalog, name] = Repository(catalog, name, self._folder(catalog) / quote(name, safe=""))
            return self._open[catalog, name]

    def create(self, catalog: str, name: str, *, supersede: bool) -> Repository:
        """A new repository; one of that name is replaced only where that is wanted."""
        with self._lock:
            if name in ("", ".", ".."):
                raise RefusedError(400, f"{name!r} is not a name for a repository.", "MALFORMED PARAMETER")
            if self.exists(catalog, name):
                if not supersede:
                    raise RefusedError(400, f"There is a repository {name!r} already.", "PRECONDITION FAILED")
                self.delete(catalog, name)
            (self._folder(catalog) / quote(name, safe="")).mkdir(parents=True)
            return self.repository(catalog, name)

    def delete(self, catalog: str, name: str) -> Repository:
        """Remove a repository with everything in it."""
        with self._lock:
            repository = self.repository(catalog, name)
            del self._open[catalog, name]
            repository.close()
            shutil.rmtree(repository.directory, ignore_errors=True)
            return repository

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            for repository in self._open.values():
                repository.close()
            self._open.clear()
