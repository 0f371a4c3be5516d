"""The node's side of Run Command: a script, its output cut to size, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

STANDARD_OUTPUT_LIMIT: Final = 24_000
STANDARD_ERROR_LIMIT: Final = 8_000
TRUNCATED: Final = "--output truncated--"
KILLED: Final = 137
"""The exit code of a script that ran out of its time or was cancelled."""
_GRACE: Final = 5.0


@dataclass(frozen=True)
class Result:
    """How a command went on one node."""

    command_id: str
    status: str
    """Success, Failed, TimedOut or Cancelled."""
    response_code: int
    standard_output: str
    standard_error: str
    started: float
    ended: float

    def content(self) -> dict[str, Any]:
        """As it travels."""
        return asdict(self)


def cut(content: bytes, limit: int) -> str:
    """At most `limit` characters; what was cut ends in a remark that counts."""
    text = content.decode("utf-8", "replace")
    return text if len(text) <= limit else text[: limit - len(TRUNCATED)] + TRUNCATED


class Runner:
    """Runs the commands of one node, at most so many at a time as AWS's agent does."""

    def __init__(self, directory: Path, instance_id: str, region: str, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._instance_id = instance_id
        self._region = region
        self._environment = environment
        self._free = asyncio.Semaphore(5)
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._cancelled: set[str] = set()

    async def run(self, command: dict[str, Any]) -> Result:
        """Run the command to its end."""
        async with self._free:
            if command["id"] in self._cancelled:
                now = time.time()
                return Result(command["id"], "Cancelled", -1, "", "", now, now)
            return await self._run(command["id"], command)

    def cancel(self, command_id: str) -> None:
        """End the command, or do not begin it."""
        self._cancelled.add(command_id)
        process = self._processes.get(command_id)
        if process is not None:
            _signal(process, signal.SIGTERM)

    def close(self) -> None:
        """End everything at once."""
        for process in self._processes.values():
            _signal(process, signal.SIGKILL)

    async def _run(self, command_id: str, command: dict[str, Any]) -> Result:
        started = time.time()
        place = self._directory / self._instance_id / "document" / "orchestration" / command_id / "awsrunShellScript"
        place.mkdir(parents=True, exist_ok=True)
        script, output, error = place / "_script.sh", place / "stdout", place / "stderr"
        script.write_text(command["script"])
        script.chmod(0o700)
        program, *arguments = [str(script)] if command["script"].startswith("#!") else ["sh", str(script)]
        status, code, remark = "Success", 0, ""
        try:
            with output.open("wb") as to_output, error.open("wb") as to_error:
                process = await asyncio.create_subprocess_exec(
                    program,
                    *arguments,
                    executable=None if not arguments else "/bin/bash",
                    stdin=subprocess.DEVNULL,
                    stdout=to_output,
                    stderr=to_error,
                    cwd=command["directory"] or "/usr/bin",
                    env={
                        "PATH": os.environ.get("PATH") or "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
                        "LANG": "C.UTF-8",
                        "AWS_SSM_INSTANCE_ID": self._instance_id,
                        "AWS_SSM_REGION_NAME": self._region,
                        **self._environment,
                    },
                    start_new_session=True,
                )
            status, code = await self._wait(command_id, process, command["execution_timeout"])
        except OSError as failure:
            status, code, remark = "Failed", 1, f"failed to run commands: {failure}"
        if status == "Failed" and not remark:
            remark = f"failed to run commands: exit status {code}"
        standard_error = error.read_bytes() if error.exists() else b""
        if remark:
            standard_error += (b"" if not standard_error else b"\n") + remark.encode()
        result = Result(
            command_id=command_id,
            status=status,
            response_code=code,
            standard_output=cut(output.read_bytes() if output.exists() else b"", STANDARD_OUTPUT_LIMIT),
            standard_error=cut(standard_error, STANDARD_ERROR_LIMIT),
            started=started,
            ended=time.time(),
        )
        shutil.rmtree(place.parent, ignore_errors=True)
        return result

    async def _wait(self, command_id: str, process: asyncio.subprocess.Process, timeout: float) -> tuple[str, int]:
        self._processes[command_id] = process
        try:
            try:
                code = await asyncio.wait_for(process.wait(), timeout)
            except TimeoutError:
                _signal(process, signal.SIGTERM)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _GRACE)
                _signal(process, signal.SIGKILL)
                await process.wait()
                return "TimedOut", KILLED
        finally:
            del self._processes[command_id]
        if command_id in self._cancelled:
            return "Cancelled", KILLED
        if code < 0:
            code = 128 - code
        return ("Success", 0) if code == 0 else ("Failed", code)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
