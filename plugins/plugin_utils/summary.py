"""What stands when a verb has ended well: a few lines for a person, above the last one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lines(summary: Mapping[str, Any]) -> list[str]:
    """Return what each title stands for on a line of its own, below each other; an empty one is left out."""
    told = {title: " ".join(str(words).split()) for title, words in summary.items() if words}
    widest = max(map(len, told), default=0)
    return [f"  {title:<{widest}}  {words}" for title, words in told.items()]
