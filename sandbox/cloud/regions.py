"""The regions that there are."""

from __future__ import annotations

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

REGIONS = frozenset(region.name for region in RegionsAndZonesBackend.regions)
