"""What checkip.amazonaws.com is on AWS."""

from __future__ import annotations

import urllib.request

from cloud_box import Box


def test_the_caller_learns_its_own_address(box: Box) -> None:
    before = box.journal.read_text() if box.journal.exists() else ""
    with urllib.request.urlopen(f"{box.endpoint}/.address", timeout=10) as answer:
        assert answer.read() == b"198.51.100.7\n"
    # It is no call of AWS's API.
    assert (box.journal.read_text() if box.journal.exists() else "") == before
