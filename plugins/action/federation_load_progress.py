"""Shows how far members are that load data, by what they put into a bucket; library/ has its documentation."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from ansible import module_utils
from ansible.plugins.action import ActionBase

# Where Ansible looks for a module's parts, too; for its own plugins it does not.
if (PARTS := str(Path(__file__).resolve().parents[2] / "module_utils")) not in module_utils.__path__:
    module_utils.__path__.append(PARTS)

from ansible.module_utils.load_reports import Reports
from ansible.module_utils.progress import VARIABLE, Progress

MEMBER = {
    "index": {"type": "int", "required": True},
    "bytes": {"type": "int", "default": 0},
    "url": {"type": "str", "required": True, "no_log": True},
}
ARGUMENTS: dict[str, Any] = {
    "members": {"type": "list", "elements": "dict", "required": True, "options": MEMBER},
    "silence": {"type": "float", "default": 60.0},
    "timeout": {"type": "int", "default": 3600},
}
# Seconds between two looks.
PAUSE = 1.0
# Seconds that the bucket may take for an answer.
PATIENCE = 20.0
# How many reports are asked for at a time: a connection of its own for each takes a few round trips.
AT_ONCE = 8


class ActionModule(ActionBase):
    """The action plugin."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Watch."""
        super().run(tmp, task_vars)
        _, wanted = self.validate_argument_spec(ARGUMENTS)
        try:
            return {"changed": False, "ended": watched(wanted)}
        except OSError as error:
            return {"failed": True, "msg": f"How far the load is cannot be seen: the bucket does not answer ({error})."}


def watched(wanted: dict[str, Any]) -> list[int]:
    """Write a line now and then until nobody is to be waited for; return who ended."""
    urls = {each["index"]: each["url"] for each in wanted["members"]}
    reports = Reports({each["index"]: each["bytes"] for each in wanted["members"]}, wanted["silence"])
    deadline = time.monotonic() + wanted["timeout"]
    progress = Progress()
    # What boto3 trusts.
    trusted = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while os.environ.get(VARIABLE) and time.monotonic() < deadline:
            waiting = reports.waiting
            said = pool.map(lambda index: report(urls[index], trusted), waiting)
            for index, each in zip(waiting, said, strict=True):
                reports.hear(index, each)
            progress.say(reports.line())
            if not reports.waiting:
                break
            time.sleep(PAUSE)
    return list(reports.ended)


def report(url: str, trusted: ssl.SSLContext) -> dict[str, Any] | None:
    """Return what a member has said last; None where it has said nothing yet."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE, context=trusted) as answer:
            said: dict[str, Any] = json.load(answer)
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise
    except ValueError:
        return None
    return said
