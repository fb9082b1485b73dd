"""Sentinel-1 SLCs in a folder, as archives or unpacked."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from isce2_recipe.archives import ENDINGS
from isce2_recipe.errors import InputError
from isce2_recipe.sources.base import SlcRecord
from isce2_recipe.sources.directory_files import checked, find_granule
from isce2_recipe.types import SlcName

_SEARCH = "https://search.asf.alaska.edu"
_TRACK = re.compile(rb'relativeOrbitNumber type="start">\s*(\d+)')
_COORDINATES = re.compile(rb"<gml:coordinates>([^<]+)</gml:coordinates>")


def find_slcs(root: Path, names: Sequence[SlcName], log: logging.Logger) -> list[SlcRecord]:
    """Return records made from the SLCs' manifests and annotation, in the order of the names.

    Raise InputError if an SLC is missing or cannot be read.
    """
    places = [locate(root, name) for name in names]
    log.info("reading %d SLC(s) in %s", len(names), root)
    return [checked(partial(_record, *each), each[0]) for each in zip(names, places, strict=True)]


def locate(root: Path, name: SlcName) -> Path:
    """Return the path of an SLC's archive or unpacked folder; raise InputError if there is neither."""
    endings = [f"{safe}{ending}" for safe in ("", ".SAFE") for ending in ("", *ENDINGS)]
    place = find_granule(root, "slc", *(f"{name}{ending}" for ending in endings))
    if place is not None:
        return place
    raise InputError(
        f"{root} lacks slc/{name}.zip",
        hint=f"download it at {_SEARCH} (dataset Sentinel-1, file type L1 SLC) and put it there",
    )


def _record(name: SlcName, place: Path) -> SlcRecord:
    from isce2_recipe.sar.annotation import read_annotation
    from isce2_recipe.sentinel1.archive import SlcArchive

    archive = SlcArchive(place)
    names = (archive.names(f"annotation/s1?-iw?-slc-{each.lower()}-*.xml") for each in name.polarizations)
    files = next(filter(None, names), [])
    bursts = [burst for file in files for burst in read_annotation(archive.read(file), f"{place}/{file}")]
    if not bursts:
        raise InputError(f"{place} has no annotation that lists bursts", hint="download it again")
    manifest = archive.read("manifest.safe")
    found, stated = _COORDINATES.search(manifest), _TRACK.search(manifest)
    if found is None:
        raise InputError(f"{place}: manifest.safe has no footprint", hint="download it again")
    corners = [tuple(map(float, pair.split(","))) for pair in found[1].decode().split()]
    ring = tuple((longitude, latitude) for latitude, longitude in corners)
    first = bursts[0]
    return SlcRecord(
        name=str(name),
        platform=name.platform,
        absolute_orbit=first.absolute_orbit,
        relative_orbit=int(stated[1]) if stated else first.relative_orbit,
        direction=first.direction.upper(),
        start=min(burst.start for burst in bursts),
        stop=max(burst.stop for burst in bursts),
        footprint=(*ring, ring[0]),
        bytes=place.stat().st_size if place.is_file() else None,
    )
