"""SLCs and ALOS scenes in a folder, as archives or unpacked."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from isce2_recipe.archives import ENDINGS
from isce2_recipe.errors import InputError
from isce2_recipe.sources.base import AlosRecord, GranuleRecord, SlcRecord
from isce2_recipe.sources.catalog import faults
from isce2_recipe.sources.directory_files import find_granule
from isce2_recipe.sources.names import SEARCH_URL
from isce2_recipe.types import AlosName, SlcName

_Record = TypeVar("_Record", bound=GranuleRecord)
_TRACK = re.compile(rb'relativeOrbitNumber type="start">\s*(\d+)')
_COORDINATES = re.compile(rb"<gml:coordinates>([^<]+)</gml:coordinates>")


def checked(read: Callable[[], _Record], granule: object) -> _Record:
    """Return a record that is read from a granule's files; raise InputError if a fact cannot be true."""
    try:
        record = read()
        wrong = faults(record)
    except (ValueError, TypeError) as exc:
        wrong = [str(exc)]
    if wrong:
        raise InputError(
            f"the files of {granule} have wrong facts: {'; '.join(wrong)}", hint="download it again"
        )
    return record


def locate_slc(root: Path, name: SlcName) -> Path:
    """Return the path of an SLC's archive or unpacked folder; raise InputError if there is neither."""
    endings = [f"{safe}{ending}" for safe in ("", ".SAFE") for ending in ("", *ENDINGS)]
    place = find_granule(root, "slc", *(f"{name}{ending}" for ending in endings))
    if place is not None:
        return place
    raise InputError(
        f"{root} lacks slc/{name}.zip",
        hint=f"download it at {SEARCH_URL} (dataset Sentinel-1, file type L1 SLC) and put it there",
    )


def locate_alos(root: Path, name: AlosName) -> Path:
    """Return the path of a scene's archive, or of the folder with its files, which may have any name.

    Raise InputError if there is neither.
    """
    endings = [f"{level}{ending}" for level in ("-L1.0", "") for ending in (*ENDINGS, "")]
    place = find_granule(root, "alos", *(f"{name}{ending}" for ending in endings))
    if place is not None:
        return place
    for leader in sorted((root / "alos").rglob(f"LED-{name}-*")):
        if len(list(leader.parent.glob("LED-*"))) == 1:
            return leader.parent
    raise InputError(
        f"{root} lacks alos/{name}-L1.0.zip",
        hint=f"download it at {SEARCH_URL} (dataset ALOS PALSAR, file type L1.0) and put it there",
    )


def read_slc(name: SlcName, place: Path) -> SlcRecord:
    """Return the record of an SLC, made from its manifest and annotation; raise InputError if this fails."""
    return checked(partial(_slc_record, name, place), name)


def read_alos(place: Path) -> AlosRecord:
    """Return the record of a scene, made from its leader and pulses; raise InputError if this fails."""
    return checked(partial(_alos_record, place), place)


def _slc_record(name: SlcName, place: Path) -> SlcRecord:
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


def _alos_record(place: Path) -> AlosRecord:
    from isce2_recipe.alos.scene import read_scene, unpack

    if place.is_dir():
        scene = read_scene(place)
    else:
        with TemporaryDirectory(prefix="isce2-recipe-") as scratch:
            scene = read_scene(unpack(place, Path(scratch)))
    return AlosRecord(
        name=str(scene.name),
        direction="ASCENDING" if scene.ascending else "DESCENDING",
        start=scene.start,
        stop=scene.stop,
        footprint=scene.footprint,
        bytes=place.stat().st_size if place.is_file() else None,
    )
