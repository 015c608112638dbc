"""Which places lie in areas: known distances, borders, the antimeridian, holes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import assume, given, settings
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.predicates.geo import EARTH_RADIUS, Area, is_inside, place_of
from vexfs_twisted.model.geo import GeoBoundingBox, GeoPoint, GeoPolygon, GeoRadius

Place = tuple[float, float]
"""Longitude and latitude."""

ORIGIN = (0.0, 0.0)
NORTH_POLE = (0.0, 90.0)
BERLIN = (13.404954, 52.520008)
LONDON = (-0.127758, 51.507351)
SYDNEY = (151.209900, -33.865143)
SQUARE = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0))

longitudes = st.floats(-180, 180)
latitudes = st.floats(-90, 90)
places = st.tuples(longitudes, latitudes)


def found(area: Area, *tried: Place) -> list[bool]:
    """Which of the places lie in the area."""
    lon, lat = np.array(tried, dtype=np.float64).T
    mask: list[bool] = is_inside(area, lon, lat).tolist()
    return mask


def box(west: float, north: float, east: float, south: float) -> GeoBoundingBox:
    return GeoBoundingBox(GeoPoint(west, north), GeoPoint(east, south))


def circle(center: Place, radius: float) -> GeoRadius:
    return GeoRadius(GeoPoint(*center), radius)


def ring(corners: Sequence[Place]) -> tuple[GeoPoint, ...]:
    return tuple(GeoPoint(*corner) for corner in corners)


def metres(one: Place, other: Place) -> float:
    """The distance on the sphere, by the angle between the vectors to both places."""

    def unit(place: Place) -> Any:
        lon, lat = map(math.radians, place)
        return np.array(
            [math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)]
        )

    a, b = unit(one), unit(other)
    return EARTH_RADIUS * math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b))


def turns(corners: Sequence[Place], place: Place) -> int:
    """How often the closed line of corners goes around the place, by the angles it is seen at."""
    seen = [math.atan2(lat - place[1], lon - place[0]) for lon, lat in corners]
    steps = [(b - a + math.pi) % math.tau - math.pi for a, b in pairwise(seen)]
    return round(sum(steps) / math.tau)


def is_near_line(corners: Sequence[Place], place: Place) -> bool:
    """Whether the place is so near to the line that the angles above are not to be trusted."""
    x, y = place
    for (x1, y1), (x2, y2) in pairwise(corners):
        length = (x2 - x1) ** 2 + (y2 - y1) ** 2
        along = 0.0 if not length else ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length
        along = min(1.0, max(0.0, along))
        if math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1)) < 1e-6:
            return True
    return False


class PlaceTests(SynchronousTestCase):
    """Payload values that are places."""

    def test_objects_with_both_coordinates_on_earth(self) -> None:
        self.assertEqual(place_of({"lon": 13.4, "lat": 52}), (13.4, 52.0))
        self.assertEqual(place_of({"lat": -90, "lon": 180, "name": "x"}), (180.0, -90.0))

    def test_all_else_is_none(self) -> None:
        for value in (
            None,
            "13.4,52.5",
            [13.4, 52.5],
            {},
            {"lon": 13.4},
            {"lon": "13.4", "lat": "52.5"},
            {"lon": True, "lat": 0},
            {"lon": None, "lat": 0},
            {"lon": 180.001, "lat": 0},
            {"lon": 0, "lat": -90.001},
            {"lon": 2**64, "lat": 0},
        ):
            self.assertIsNone(place_of(value), value)


class BoxTests(SynchronousTestCase):
    """Boxes between two corners, borders outside."""

    def test_within_and_beside(self) -> None:
        tried = ((5, 5), (-1, 5), (11, 5), (5, 11), (5, -1))
        self.assertEqual(found(box(0, 10, 10, 0), *tried), [True, False, False, False, False])

    def test_the_border_is_outside(self) -> None:
        tried = ((0, 5), (10, 5), (5, 0), (5, 10), (0, 0), (10, 10))
        self.assertEqual(found(box(0, 10, 10, 0), *tried), [False] * 6)
        self.assertEqual(found(box(-180, 90, 180, -90), (179.9, 89.9), (-180, 0), (0, 90))[0], True)

    def test_across_the_antimeridian(self) -> None:
        fiji, samoa = (178.0, -17.8), (-172.0, -13.8)
        pacific = box(170, 0, -170, -30)
        tried = (fiji, samoa, (180.0, -10.0), (-180.0, -10.0), (0.0, -10.0), (169.0, -10.0))
        self.assertEqual(found(pacific, *tried), [True, True, True, True, False, False])
        self.assertEqual(found(pacific, (170.0, -10.0), (-170.0, -10.0), (180.0, 1.0)), [False] * 3)

    def test_no_area_has_no_places(self) -> None:
        self.assertEqual(found(box(5, 5, 5, 5), (5, 5)), [False])
        self.assertEqual(found(box(0, 0, 10, 10), (5, 5)), [False])


class CircleTests(SynchronousTestCase):
    """Places within a distance."""

    def assert_distance(self, one: Place, other: Place, distance: float) -> None:
        for center, place in ((one, other), (other, one)):
            self.assertEqual(found(circle(center, distance - 0.01), place), [False])
            self.assertEqual(found(circle(center, distance + 0.01), place), [True])

    def test_known_distances(self) -> None:
        degree = math.pi * EARTH_RADIUS / 180
        self.assert_distance(ORIGIN, NORTH_POLE, 10_007_557.221)
        self.assert_distance(ORIGIN, (1.0, 0.0), 111_195.080)
        self.assert_distance((0.0, 60.0), (0.0, 61.0), degree)
        self.assert_distance((179.5, 0.0), (-179.5, 0.0), degree)
        self.assert_distance((20.0, 89.0), (-160.0, 89.0), 2 * degree)
        self.assert_distance(BERLIN, LONDON, metres(BERLIN, LONDON))
        self.assert_distance(BERLIN, SYDNEY, metres(BERLIN, SYDNEY))
        # As atlases have them.
        self.assertEqual(found(circle(BERLIN, 930_000), LONDON), [False])
        self.assertEqual(found(circle(BERLIN, 933_000), LONDON), [True])
        self.assertEqual(found(circle(BERLIN, 16_050_000), SYDNEY), [False])
        self.assertEqual(found(circle(BERLIN, 16_150_000), SYDNEY), [True])

    def test_all_meridians_meet_at_the_poles(self) -> None:
        tried = [(lon, 90.0) for lon in (-180.0, -90.0, 0.0, 123.4, 180.0)]
        self.assertEqual(found(circle(NORTH_POLE, 0.01), *tried), [True] * 5)

    def test_both_spellings_of_the_antimeridian_are_one_place(self) -> None:
        self.assertEqual(found(circle((180.0, 5.0), 0.01), (-180.0, 5.0), (180.0, 5.0)), [True] * 2)

    def test_the_antipode_is_the_farthest_place(self) -> None:
        half = math.pi * EARTH_RADIUS
        for center, antipode in ((ORIGIN, (180.0, 0.0)), (BERLIN, (-166.595046, -52.520008))):
            self.assertEqual(found(circle(center, half + 1), antipode), [True])
            self.assertEqual(found(circle(center, half - 1), antipode), [False])

    def test_a_circle_without_radius_lacks_its_center(self) -> None:
        self.assertEqual(found(circle(BERLIN, 0.0), BERLIN), [False])
        self.assertEqual(found(circle(BERLIN, 1e-6), BERLIN), [True])

    @settings(max_examples=200)
    @given(places, places, st.floats(0, 2.1e7))
    def test_distances_by_another_formula(self, center: Place, place: Place, radius: float) -> None:
        distance = metres(center, place)
        # Near the antipode haversines lose half of their digits.
        assume(abs(distance - radius) > 1.0)
        self.assertEqual(found(circle(center, radius), place), [distance < radius])


class PolygonTests(SynchronousTestCase):
    """Places that a ring surrounds."""

    def test_a_square(self) -> None:
        area = GeoPolygon(ring(SQUARE))
        tried = ((5, 5), (0.001, 9.999), (-1, 5), (11, 5), (5, 11), (5, -1))
        self.assertEqual(found(area, *tried), [True, True, False, False, False, False])

    def test_the_border_is_outside(self) -> None:
        tried = (*SQUARE, (5, 0), (10, 5), (5, 10), (0, 5))
        for corners in (SQUARE, SQUARE[::-1]):
            self.assertEqual(found(GeoPolygon(ring(corners)), *tried), [False] * len(tried))

    def test_a_slanted_border(self) -> None:
        triangle = GeoPolygon(ring(((0, 0), (8, 0), (8, 8), (0, 0))))
        self.assertEqual(found(triangle, (4, 4), (4.001, 4), (4, 4.001)), [False, True, False])

    def test_a_ray_through_a_corner(self) -> None:
        diamond = GeoPolygon(ring(((0, -5), (5, 0), (0, 5), (-5, 0), (0, -5))))
        tried = ((-6, 0), (-4, 0), (4, 0), (6, 0), (-1, 5), (-1, -5))
        self.assertEqual(found(diamond, *tried), [False, True, True, False, False, False])

    def test_a_bay(self) -> None:
        letter = ((0, 0), (9, 0), (9, 9), (6, 9), (6, 3), (3, 3), (3, 9), (0, 9), (0, 0))
        tried = ((1, 8), (8, 8), (4.5, 1), (4.5, 8), (4.5, 3))
        self.assertEqual(found(GeoPolygon(ring(letter)), *tried), [True, True, True, False, False])

    def test_interiors_are_outside_with_their_borders(self) -> None:
        hole = ((4, 4), (6, 4), (6, 6), (4, 6), (4, 4))
        other = ((1, 1), (2, 1), (2, 2), (1, 1))
        area = GeoPolygon(ring(SQUARE), (ring(hole), ring(other)))
        tried = ((5, 5), (4, 5), (6, 6), (5, 3.9), (3.9, 5), (1.7, 1.3), (1.3, 1.7))
        self.assertEqual(found(area, *tried), [False, False, False, True, True, False, True])

    @settings(max_examples=200)
    @given(st.lists(places, min_size=3, max_size=8), st.lists(places, min_size=1, max_size=8))
    def test_a_ring_that_goes_around_a_place_once(
        self, corners: list[Place], tried: list[Place]
    ) -> None:
        corners = [*corners, corners[0]]
        tried = [place for place in tried if not is_near_line(corners, place)]
        assume(tried)
        # Where a ring crosses itself, a place is inside when it goes around an odd number of times.
        expected = [turns(corners, place) % 2 == 1 for place in tried]
        self.assertEqual(found(GeoPolygon(ring(corners)), *tried), expected)
