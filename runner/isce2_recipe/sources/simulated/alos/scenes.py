"""Simulated ALOS scenes in the form in which ASF delivers them."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np

from isce2_recipe.alos.signal import HEADER
from isce2_recipe.files import replace_when_complete
from isce2_recipe.sources.base import AlosRecord, Progress
from isce2_recipe.sources.simulated import ground
from isce2_recipe.sources.simulated.alos.acquisition import Acquisition, acquire
from isce2_recipe.sources.simulated.alos.files import (
    leader_file,
    trailer_file,
    volume_file,
    work_report,
    write_signal,
)
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.sources.simulated.world import Landscape
from isce2_recipe.types import AlosName

_CREATED_BY_UNIX = 3
_THREADS = 2


def find_scene(name: AlosName, options: SimulationOptions) -> Acquisition:
    """Return the acquisition of a scene, of the size that the options ask for."""
    return acquire(name, options.lines, options.samples)


def scene_record(scene: Acquisition) -> AlosRecord:
    """Return the catalogue record of the scene."""
    length = HEADER + 2 * scene.samples
    return AlosRecord(
        name=str(scene.name),
        direction="ASCENDING" if scene.ascending else "DESCENDING",
        start=scene.start,
        stop=scene.stop,
        footprint=scene.footprint,
        bytes=scene.lines * length,
    )


def write_scene(
    scene: Acquisition, options: SimulationOptions, folder: Path, progress: Progress, cpus: int = _THREADS
) -> Path:
    """Write the scene's archive ``{name}-L1.0.zip`` and return its path.

    It holds one folder ``{name}-L1.0`` with signal data of HH, leader, trailer, volume directory and work
    report.
    """
    from isce2_recipe.sources.simulated.alos.image import render_image
    from isce2_recipe.sources.simulated.alos.raw import echo_geometry, echoes, quantize

    progress(0.0, f"image of {scene.name}")
    image = render_image(scene, options, cpus)
    progress(0.3, f"echoes of {scene.name}")
    geometry = echo_geometry(scene, _mean_height(scene, options.terrain))
    inside = slice(scene.margin_lines, scene.margin_lines + scene.lines)
    signal = quantize(echoes(image, geometry, cpus)[inside])
    del image
    progress(0.9, f"archive of {scene.name}")
    target = folder / f"{scene.name}-L1.0.zip"
    ending = f"{scene.name}-H1.0__{'A' if scene.ascending else 'D'}"
    with replace_when_complete(target) as partial, zipfile.ZipFile(partial, "w") as archive:
        with archive.open(_member(scene, f"IMG-HH-{ending}"), "w", force_zip64=True) as stream:
            write_signal(stream, scene, signal)
        others = (("LED-", leader_file), ("TRL-", trailer_file), ("VOL-", volume_file))
        for kind, content in others:
            archive.writestr(_member(scene, kind + ending), content(scene))
        archive.writestr(_member(scene, "workreport"), work_report(scene))
    return target


def _member(scene: Acquisition, name: str) -> zipfile.ZipInfo:
    """Return an archive entry with the acquisition's date, so that the same scene gives the same bytes."""
    when = scene.start
    info = zipfile.ZipInfo(f"{scene.name}-L1.0/{name}", when.timetuple()[:6])
    info.create_system = _CREATED_BY_UNIX
    info.external_attr = 0o644 << 16
    return info


def _mean_height(scene: Acquisition, terrain: Landscape) -> float:
    """Return the mean height of the terrain in the box around the scene."""
    box = scene.bounds
    cache = ground.new_cache()
    heights = [
        ground.height(cache, ground.normal_vector(math.radians(lat), math.radians(lon)), terrain)
        for lat in np.linspace(box.south, box.north, 12)
        for lon in np.linspace(box.west, box.east, 12)
    ]
    return float(np.mean(heights))
