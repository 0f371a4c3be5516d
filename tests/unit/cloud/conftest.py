"""A cloud for each test."""

from __future__ import annotations

from cloud_fixtures import box, front

__all__ = ["box", "front"]
