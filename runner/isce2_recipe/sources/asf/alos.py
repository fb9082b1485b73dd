"""ALOS PALSAR scenes: looked up in NASA's catalogue, fetched from ASF's archive."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.catalogue import at_host, attribute, search_granules, utc
from isce2_recipe.sources.asf.checks import check_zip
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import AlosRecord, Progress
from isce2_recipe.types import AlosName

if TYPE_CHECKING:
    from isce2_recipe.sources.asf.client import Client

_LEVEL = "L1.0"


def find_alos(names: Sequence[AlosName], settings: Settings, log: logging.Logger) -> list[AlosRecord]:
    """Records of scenes of level 1.0 in the order of the names.

    Raises
    ------
    SourceError
        If the catalogue does not answer, or does not know a scene.
    """
    wanted = [str(name) for name in names]
    log.info("asking %s for %d ALOS scene(s)", settings.cmr_url, len(wanted))
    answers = search_granules(wanted, settings, processingLevel=_LEVEL)
    found = {record.name: record for record in (_record(answer, settings) for answer in answers)}
    missing = [name for name in wanted if name not in found]
    if missing:
        raise SourceError(
            f"ASF's catalogue knows no level 1.0 scene {', '.join(missing)}",
            hint="look the names up at https://search.asf.alaska.edu (dataset ALOS PALSAR, file type L1.0)",
        )
    return [found[name] for name in wanted]


def fetch_alos(record: AlosRecord, folder: Path, client: Client, progress: Progress) -> Path:
    """The scene's archive, its checksum compared with the catalogue's.

    Raises
    ------
    SourceError
        If the archive is not there or arrives damaged.
    """
    if record.url is None:
        raise SourceError(f"the catalogue has no address for {record.name}", hint="run the search again")
    client.log_in()
    return client.download(
        record.url,
        folder / f"{record.name}-{_LEVEL}.zip",
        check=check_zip,
        progress=progress,
        least_bytes=record.bytes or 0,
        md5=record.md5,
    )


def _record(product: Any, settings: Settings) -> AlosRecord:
    """What an answer of the catalogue says, in our words."""
    properties = product.properties
    ring = product.geometry["coordinates"][0]
    return AlosRecord(
        name=properties["sceneName"],
        direction=attribute(product, "ASCENDING_DESCENDING").upper(),
        start=utc(properties["startTime"]),
        stop=utc(properties["stopTime"]),
        footprint=tuple((float(longitude), float(latitude)) for longitude, latitude in ring),
        bytes=int(properties["bytes"]) if properties.get("bytes") else None,
        md5=properties.get("md5sum"),
        url=at_host(properties["url"], settings.alos_url),
    )
