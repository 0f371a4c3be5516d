"""A cloud, as the tests of the cloud have it."""

from __future__ import annotations

from cloud_fixtures import box, front

__all__ = ["box", "front"]
