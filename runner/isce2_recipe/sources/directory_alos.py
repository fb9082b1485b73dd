"""ALOS scenes in a folder, as archives or unpacked."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from isce2_recipe.archives import ENDINGS
from isce2_recipe.errors import InputError
from isce2_recipe.sources.base import AlosRecord
from isce2_recipe.sources.directory_files import checked, find_granule
from isce2_recipe.types import AlosName

_SEARCH = "https://search.asf.alaska.edu"


def find_alos(root: Path, names: Sequence[AlosName], log: logging.Logger) -> list[AlosRecord]:
    """Return records made from the scenes' leaders and pulses, in the order of the names.

    Raise InputError if a scene is missing or cannot be read.
    """
    places = [locate(root, name) for name in names]
    log.info("reading %d ALOS scene(s) in %s", len(names), root)
    return [checked(partial(_record, place), place) for place in places]


def locate(root: Path, name: AlosName) -> Path:
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
        hint=f"download it at {_SEARCH} (dataset ALOS PALSAR, file type L1.0) and put it there",
    )


def _record(place: Path) -> AlosRecord:
    from isce2_recipe.alos.archive import unpack
    from isce2_recipe.alos.scene import read_scene

    if place.is_dir():
        scene = read_scene(place)
    else:
        with tempfile.TemporaryDirectory(prefix="isce2-recipe-") as scratch:
            scene = read_scene(unpack(place, Path(scratch), lambda _fraction, _text: None))
    return AlosRecord(
        name=str(scene.name),
        direction="ASCENDING" if scene.ascending else "DESCENDING",
        start=scene.start,
        stop=scene.stop,
        footprint=scene.footprint,
        bytes=place.stat().st_size if place.is_file() else None,
    )
