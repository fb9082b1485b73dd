"""Granules whose catalogue facts are not of two passes on one track are refused."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from isce2_recipe.errors import InputError
from isce2_recipe.sources import open_source
from isce2_recipe.sources.base import BurstRecord, check_two_passes
from support.simulated_names import burst_name


@pytest.fixture(scope="module")
def records() -> list[BurstRecord]:
    names = [burst_name(136231, 2, datetime(2020, 6, day, tzinfo=UTC)) for day in (4, 16)]
    return open_source("simulated").find_bursts(names, logging.getLogger("test"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"direction": "ASCENDING"}, "different directions: .* is descending and .* is ascending"),
        ({"relative_orbit": 70}, "is on track 64, .* on track 70"),
        ({"platform": "S1D"}, "Sentinel-1D was launched later"),
        ({"start": datetime(2020, 6, 4, 2, 23, 14, tzinfo=UTC)}, "are one acquisition"),
        ({"start": datetime.now(UTC) + timedelta(days=9)}, "that is in the future"),
    ],
)
def test_refused(records, changes, words):
    first, second = records
    check_two_passes([first], [second])
    with pytest.raises(InputError, match=words) as caught:
        check_two_passes([first], [replace(second, **changes)])
    assert caught.value.hint
