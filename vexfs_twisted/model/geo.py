"""Geographic points and areas, in degrees. Signatures have longitude before latitude."""

from __future__ import annotations

from attrs import frozen

from .errors import Problem, ValidationError


@frozen
class GeoPoint:
    """A location: longitude -180 to 180 and latitude -90 to 90, in degrees."""

    lon: float
    lat: float


@frozen
class GeoBoundingBox:
    """An area between two corners. Crosses the antimeridian if west is greater than east."""

    top_left: GeoPoint
    bottom_right: GeoPoint


@frozen
class GeoRadius:
    """The locations within `radius` metres of `center` on a sphere (haversine)."""

    center: GeoPoint
    radius: float


@frozen
class GeoPolygon:
    """The locations inside the closed ring `exterior` and outside all rings `interiors`."""

    exterior: tuple[GeoPoint, ...]
    interiors: tuple[tuple[GeoPoint, ...], ...] = ()


_SMALLEST_RING = 4


def geo_point(lon: float, lat: float, path: str = "") -> GeoPoint:
    """A location. Raises ValidationError if it is out of range."""
    if not -180 <= lon <= 180:
        raise ValidationError(
            [Problem(path or "lon", f"value {lon} invalid, must be from -180 to 180")]
        )
    if not -90 <= lat <= 90:
        raise ValidationError(
            [Problem(path or "lat", f"value {lat} invalid, must be from -90 to 90")]
        )
    return GeoPoint(lon, lat)


def check_ring(points: tuple[GeoPoint, ...], path: str = "points") -> None:
    """Raise ValidationError unless the ring is closed and has at least four points."""
    if len(points) < _SMALLEST_RING:
        text = f"the ring has {len(points)} points, must have at least {_SMALLEST_RING}"
        raise ValidationError([Problem(path, text)])
    if points[0] != points[-1]:
        raise ValidationError(
            [Problem(path, "the first and the last point of a ring must be equal")]
        )
