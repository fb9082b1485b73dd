"""Searches of ASF's catalogue for bursts by area and time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from isce2_recipe.sources.asf.granules import BURST, read_record, search, search_count
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import BurstRecord
from isce2_recipe.sources.burst_query import BurstQuery

# Names of bursts in one search; the request has a limited length.
_BATCH = 100


def search_bursts(query: BurstQuery, settings: Settings, log: logging.Logger) -> list[BurstRecord]:
    """Return the records of all bursts that match a query.

    Raise InputError if there are more than the query's limit, and SourceError if the catalogue does not
    answer, or if its answer cannot be read.
    """
    log.info("searching %s for %s bursts", settings.cmr_url, query.polarization)
    searches = [_common(query) | part for part in _parts(query)]
    query.check_count(sum(search_count(settings, log, **filters) for filters in searches))
    found = {
        record.name: record
        for filters in searches
        for record in (
            read_record(BURST, answer, settings.burst_url, settings)
            for answer in search(settings, log, **filters)
        )
    }
    log.info("%d bursts found", len(found))
    return [record for record in found.values() if _matches(record, query)]


def _common(query: BurstQuery) -> dict[str, Any]:
    filters: dict[str, Any] = {
        "dataset": "SLC-BURST",
        "polarization": query.polarization,
        # The catalogue's times are those of sensing, some seconds before and after the lines of the image.
        "start": (query.start - timedelta(minutes=1)).isoformat(),
        "end": (query.stop + timedelta(minutes=1)).isoformat(),
    }
    if query.track is not None:
        filters["relativeOrbit"] = query.track
    if query.direction is not None:
        filters["flightDirection"] = query.direction
    return filters


def _parts(query: BurstQuery) -> Iterator[dict[str, Any]]:
    """Yield the filters of place of each search."""
    if query.area is not None:
        yield from ({"intersectsWith": hull} for hull in query.area.hulls())
    names = [f"{each.track:03d}_{each}" for each in query.bursts]
    for first in range(0, len(names), _BATCH):
        yield {"fullBurstID": names[first : first + _BATCH]}


def _matches(record: BurstRecord, query: BurstQuery) -> bool:
    in_time = query.start <= record.start < query.stop
    return in_time and (query.area is None or query.area.meets(record.footprint))
