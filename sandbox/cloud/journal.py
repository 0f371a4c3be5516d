"""One line of JSON for each API call."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.cloud.calls import Call

READS = (
    "Describe",
    "Get",
    "List",
    "Head",
    "Lookup",
    "Search",
    "Select",
    "Simulate",
    "AssumeRole",
    "Decode",
    "BatchGet",
    "Preview",
)


def is_changing(operation: str) -> bool:
    """Tell whether an operation changes anything; AWS's names say so."""
    return not operation.startswith(READS)


class Journal:
    """The journal of a sandbox; also knows when the last call was."""

    def __init__(self, path: Path | None) -> None:
        self.last = time.monotonic()
        self.calls = 0
        self._lock = threading.Lock()
        self._file = path.open("a", buffering=1) if path else None

    def write(self, call: Call, caller: str, status: int, error: str | None) -> None:
        """Note a call that was answered; the status is 0 where nothing was done and nothing answered."""
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "service": call.service,
            "operation": call.operation,
            "changing": is_changing(call.operation) and not call.is_dry_run,
            "caller": caller,
            "status": status,
            "error": error,
        }
        if call.fault:
            line["fault"] = call.fault
        if call.decisions:
            line["authorisation"] = [dataclasses.asdict(each) for each in call.decisions]
        with self._lock:
            self.last = time.monotonic()
            self.calls += 1
            if self._file and not self._file.closed:
                self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Close the file; later calls are not written."""
        with self._lock:
            if self._file:
                self._file.close()
