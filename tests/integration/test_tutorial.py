"""The classic tutorial, a boto3 script that knows nothing of the sandbox, builds, asks and takes down a federation."""

from __future__ import annotations

import os
import sys

import pytest
from harness import Sandbox, account, run

# It idles most of its minute: boto3's own waiters ask every 15 seconds.
pytestmark = pytest.mark.timeout(600)

SCRIPT = 'eval "$("$0" -m sandbox env)" && exec "$0" tests/tutorial/federation.py'
TABLE = """\
-------
| avg |
=======
| 0.5 |
-------
"""


def test_the_tutorial_prints_its_table_and_leaves_the_account_as_it_was(sandbox: Sandbox) -> None:
    before = account(sandbox)
    bare = {"PATH": os.environ["PATH"], "SANDBOX_HOME": str(sandbox.home)}
    done = run(["bash", "-c", SCRIPT, sys.executable], bare, timeout=500)
    assert done.returncode == 0, str(done)
    assert done.stderr == ""
    assert done.stdout.rstrip("\n") + "\n" == TABLE
    assert account(sandbox) == before
