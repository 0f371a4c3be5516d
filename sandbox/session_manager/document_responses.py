"""Amazon's own document beside the account's, which moto keeps."""

from __future__ import annotations

import json

from moto.core.responses import ActionResult
from moto.ssm.models import Document, Documents, SimpleSystemManagerBackend
from moto.ssm.responses import SimpleSystemManagerResponse

from sandbox.session_manager import documents
from sandbox.session_manager.errors import SystemsManagerError

_OWNER = "Amazon"


class DocumentResponses(SimpleSystemManagerResponse):  # type: ignore[misc]
    """The operations on documents: Amazon's can be looked at only."""

    @property
    def ssm_backend(self) -> SimpleSystemManagerBackend:
        """The account's documents and parameters in this region, with Amazon's document among them."""
        backend = super().ssm_backend
        if documents.RUN_SHELL_SCRIPT not in backend._documents:
            backend._documents[documents.RUN_SHELL_SCRIPT] = Documents(_run_shell_script())
        return backend

    def delete_document(self) -> ActionResult:
        """Delete one of the account's documents."""
        self._refuse_amazon_s()
        return super().delete_document()

    def update_document(self) -> ActionResult:
        """Make a new version of one of the account's documents."""
        self._refuse_amazon_s()
        return super().update_document()

    def update_document_default_version(self) -> ActionResult:
        """Choose another version of one of the account's documents."""
        self._refuse_amazon_s()
        return super().update_document_default_version()

    def modify_document_permission(self) -> ActionResult:
        """Share one of the account's documents."""
        self._refuse_amazon_s()
        return super().modify_document_permission()

    def _refuse_amazon_s(self) -> None:
        if (name := self._get_param("Name")) == documents.RUN_SHELL_SCRIPT:
            raise SystemsManagerError("AccessDeniedException", f"{name} is Amazon's document.")


def _run_shell_script() -> Document:
    document = Document(
        account_id=_OWNER,
        name=documents.RUN_SHELL_SCRIPT,
        version_name="",
        content=json.dumps(documents.CONTENT, indent=2),
        document_type="Command",
        document_format="JSON",
        requires=[],
        attachments=[],
        target_type="",
    )
    document.platform_types = ["Linux", "MacOS"]
    return document
