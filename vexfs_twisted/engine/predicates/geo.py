"""Geo predicates: which points are in an area. The earth is a sphere; borders are outside."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...model.geo import GeoBoundingBox, GeoPoint, GeoPolygon, GeoRadius
from ..read_bounds import checkpoint

EARTH_RADIUS = 6_371_008.8
"""Metres: the mean radius as of the IUGG."""

Area = GeoBoundingBox | GeoRadius | GeoPolygon
Degrees = NDArray[np.float64]
Mask = NDArray[np.bool_]

_HALF_TURN = 180
_QUARTER_TURN = 90


def place_of(value: Any) -> tuple[float, float] | None:
    """The longitude and latitude of a payload value, in degrees; None if it is no geo point."""
    if not isinstance(value, dict):
        return None
    lon: Any = value.get("lon")
    lat: Any = value.get("lat")
    if type(lon) not in (int, float) or type(lat) not in (int, float):
        return None
    if not -_HALF_TURN <= lon <= _HALF_TURN or not -_QUARTER_TURN <= lat <= _QUARTER_TURN:
        return None
    return float(lon), float(lat)


def is_inside(area: Area, lon: Degrees, lat: Degrees) -> Mask:
    """Which of the points, arrays of shape [n] in degrees, are in the area."""
    if isinstance(area, GeoBoundingBox):
        return _in_box(area, lon, lat)
    if isinstance(area, GeoRadius):
        return distances(area.center, lon, lat) < area.radius
    found = _in_ring(area.exterior, lon, lat, on_border=False)
    for ring in area.interiors:
        found &= ~_in_ring(ring, lon, lat, on_border=True)
    return found


def distances(center: GeoPoint, lon: Degrees, lat: Degrees) -> NDArray[np.float64]:
    """Metres from `center` by the haversine formula."""
    lat_0 = math.radians(center.lat)
    lat_1 = np.radians(lat)
    by_lat = np.sin((lat_1 - lat_0) / 2) ** 2
    by_lon = np.sin((np.radians(lon) - math.radians(center.lon)) / 2) ** 2
    chord = by_lat + math.cos(lat_0) * np.cos(lat_1) * by_lon
    metres: NDArray[np.float64] = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return metres


def _in_box(box: GeoBoundingBox, lon: Degrees, lat: Degrees) -> Mask:
    west, east = box.top_left.lon, box.bottom_right.lon
    within = (lon > west) | (lon < east) if west > east else (lon > west) & (lon < east)
    found: Mask = within & (lat < box.top_left.lat) & (lat > box.bottom_right.lat)
    return found


def _in_ring(ring: tuple[GeoPoint, ...], lon: Degrees, lat: Degrees, *, on_border: bool) -> Mask:
    """Which points are inside the closed ring, by ray casting: an odd number of crossings.

    The result for points on the ring itself is `on_border`.
    """
    found = np.zeros(len(lon), dtype=np.bool_)
    border = np.zeros(len(lon), dtype=np.bool_)
    for start, end in pairwise(ring):
        checkpoint()
        side = (end.lon - start.lon) * (lat - start.lat) - (end.lat - start.lat) * (lon - start.lon)
        border |= (
            (side == 0)
            & (lon >= min(start.lon, end.lon))
            & (lon <= max(start.lon, end.lon))
            & (lat >= min(start.lat, end.lat))
            & (lat <= max(start.lat, end.lat))
        )
        spans = (start.lat > lat) != (end.lat > lat)
        # A point is west of the edge if it is left of it going north, right of it going south.
        found ^= spans & ((side > 0) == (end.lat > start.lat))
    return np.where(border, on_border, found)
