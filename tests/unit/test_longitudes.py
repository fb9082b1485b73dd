"""Longitudes and boxes near and across 180 degrees."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from isce2_recipe.types import Bounds, longitude_near

degrees = st.floats(-180, 180)


@given(degrees, st.integers(-2, 2), degrees)
@example(179.99999999999997, 0, 0.0)
def test_a_longitude_near_another(longitude, turns, reference):
    found = longitude_near(longitude + 360.0 * turns, reference)
    assert abs(found - reference) <= 180.0 + 1e-9
    assert (found - longitude) % 360.0 == pytest.approx(0.0, abs=1e-9) or (
        (longitude - found) % 360.0 == pytest.approx(0.0, abs=1e-9)
    )
    if -180.0 <= longitude - reference < 180.0:
        assert longitude_near(longitude, reference) == longitude


@given(west=st.floats(-180, 179.99), width=st.floats(0.01, 20), turned=st.booleans())
def test_a_box_around_places_does_not_depend_on_how_they_are_written(west, width, turned):
    places = [(west, 10.0), (west + width, 11.0), (west + width / 2, 10.5)]
    shown = [(longitude_near(x, 0.0), y) for x, y in (places[::-1] if turned else places)]
    assert Bounds.around(shown) == pytest.approx((west, 10.0, west + width, 11.0))


@pytest.mark.parametrize(
    ("given_box", "box", "halves"),
    [
        ((179.5, 60, -179.5, 61), (179.5, 60, 180.5, 61), [(179.5, 60, 180, 61), (-180, 60, -179.5, 61)]),
        ((179.5, 60, 180.5, 61), (179.5, 60, 180.5, 61), [(179.5, 60, 180, 61), (-180, 60, -179.5, 61)]),
        ((-180.5, 60, -179.5, 61), (179.5, 60, 180.5, 61), [(179.5, 60, 180, 61), (-180, 60, -179.5, 61)]),
        ((181, 60, 182, 61), (-179, 60, -178, 61), [(-179, 60, -178, 61)]),
        ((179, 60, 180, 61), (179, 60, 180, 61), [(179, 60, 180, 61)]),
        ((-180, 60, -179, 61), (-180, 60, -179, 61), [(-180, 60, -179, 61)]),
        # Edges that are turned around stay so, because a box around most of the Earth is never meant.
        ((54, 60, 53, 61), (54, 60, 53, 61), [(54, 60, 53, 61)]),
    ],
)
def test_a_box_in_either_notation(given_box, box, halves):
    found = Bounds.of(*given_box)
    assert found == box
    assert found.halves() == halves
    assert found.crosses_antimeridian == (len(halves) == 2)


def test_boxes_are_compared_on_the_globe():
    east, west = Bounds(179.9, 0, 180.2, 1), Bounds(-179.95, 0, -179.7, 1)
    assert east.overlap(west) == pytest.approx((-179.95, 0, -179.8, 1))
    assert west.overlap(east) == pytest.approx((-179.95, 0, -179.8, 1))
    assert west.near(east) == pytest.approx((180.05, 0, 180.3, 1))
    assert east.overlap(Bounds(-179.7, 0, -179.6, 1)) is None
    assert east.describe() == "179.9 to -179.8 E, 0 to 1 N"
