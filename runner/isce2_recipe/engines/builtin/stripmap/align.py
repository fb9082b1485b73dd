"""The steps from ``topo`` to ``refined_resample``: ground, offsets and the coregistered secondary."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.alos.scene import perpendicular_baseline_m
from isce2_recipe.engines.builtin import isceimage, node_grids
from isce2_recipe.engines.builtin.dem import read_dem_header, read_dem_window
from isce2_recipe.engines.builtin.geocoding import RadarGrid
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.node_grids import STRIPMAP
from isce2_recipe.engines.builtin.offsets import Offsets, offsets_of
from isce2_recipe.engines.builtin.rasters import blocks, line_writer
from isce2_recipe.engines.builtin.stripmap import misregistration
from isce2_recipe.engines.builtin.stripmap.job import StripmapJob
from isce2_recipe.engines.builtin.stripmap.two_pass import Resampler, Residual
from isce2_recipe.engines.builtin.swaths import bounding_box
from isce2_recipe.engines.builtin.topo import require_cover, solve_ground
from isce2_recipe.engines.builtin.workplace import STATE, Catalog
from isce2_recipe.errors import InputError
from isce2_recipe.files import write_text
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.ellipsoid import WGS84_A_M
from isce2_recipe.sar.focused import FocusedImage
from isce2_recipe.types import Looks

# Names of ISCE2's folders.
GEOMETRY = paths.STRIPMAP_GEOMETRY
COREGISTERED = "coregisteredSlc"
REFINED = "refined_coreg.slc"

_BLOCK_LINES = 128


def radar_grid(image: FocusedImage, looks: Looks | None = None) -> RadarGrid:
    """Return the pixels of an image, after multilooking if there are looks."""
    return RadarGrid.multilooked(
        image.orbit, looks or Looks(1, 1), start_s=image.start_s, azimuth_interval_s=1.0 / image.prf_hz,
        near_range_m=image.near_range_m, range_spacing_m=image.range_spacing_m,
    )  # fmt: skip


def looks_of(job: StripmapJob) -> Looks:
    """Return the looks of the XML, or those that make pixels as large as its ``posting``."""
    range_looks, azimuth_looks = job.config.range_looks, job.config.azimuth_looks
    if range_looks and azimuth_looks:
        return Looks(range_looks, azimuth_looks)
    image, posting_m = job.image("reference"), job.config.posting_m
    position, velocity = image.orbit.at(0.5 * (image.start_s + image.stop_s))
    distance, slant_m = float(np.linalg.norm(position)), 0.5 * (image.near_range_m + image.far_range_m)
    # The incidence angle on a sphere.
    cosine = (distance**2 - slant_m**2 - WGS84_A_M**2) / (2.0 * WGS84_A_M * slant_m)
    resolution_m = SPEED_OF_LIGHT_M_S / (2.0 * image.bandwidth_hz) / math.sqrt(1.0 - cosine**2)
    return Looks(
        range_looks or max(1, round(posting_m / resolution_m)),
        azimuth_looks or max(1, round(posting_m * image.prf_hz / float(np.linalg.norm(velocity)))),
    )


def verify_dem(job: StripmapJob) -> None:
    """Check that the DEM can be used; nothing is downloaded."""
    read_dem_header(job.config.dem)


def topo(job: StripmapJob) -> Catalog:
    """Find the ground of the reference: a grid for the offsets, and rasters of the multilooked pixels.

    Unlike ISCE2, which takes the mean of rasters at full resolution, it solves the ground in the middle of
    the looks.
    """
    image, looks = job.image("reference"), looks_of(job)
    dem = read_dem_window(job.config.dem, bounding_box(image, image.orbit))
    shape = node_grids.grid_shape(image.lines, image.samples, STRIPMAP)
    solve = partial(
        solve_ground, poly=image.polynomial(), dem=dem, in_threads=partial(job.in_threads, text="ground")
    )
    grid = solve(radar_grid(image), shape=shape, steps=STRIPMAP)
    require_cover(dem, job.config.dem, grid[:2, 1:-2, 1:-2], "the scene")
    np.save(job.subfolder(STATE) / "geometry.npy", grid)
    size = image.lines // looks.azimuth, image.samples // looks.range
    # One more node on each side, as everywhere; they are left out.
    pixels = solve(radar_grid(image, looks), shape=(size[0] + 2, size[1] + 2), steps=node_grids.Steps(1, 1))[
        :, 1:-1, 1:-1
    ]
    folder = job.subfolder(GEOMETRY)
    for name, planes in (("lat", (0,)), ("lon", (1,)), ("z", (2,)), ("los", (3, 4))):
        kind = ("FLOAT", "BIL", "bil") if name == "los" else ("DOUBLE", "BIP", "")
        raster = IsceImage(folder / f"{name}.rdr", *size, len(planes), *kind)
        with line_writer(raster, job.folder) as writer:
            writer.write(0, *(pixels[plane] for plane in planes))
    return {"topo": {"Dem Used": job.config.dem, "Bounding box": ground_box(job)}}


def ground_box(job: StripmapJob) -> tuple[float, float, float, float]:
    """Return south, north, west, east of the reference's ground, degrees; ``topo`` has found it."""
    lat, lon = np.load(job.folder / STATE / "geometry.npy", mmap_mode="r")[:2, 1:-2, 1:-2]
    return float(lat.min()), float(lat.max()), float(lon.min()), float(lon.max())


def geo2rdr(job: StripmapJob) -> Catalog:
    """Compute the offsets from the reference to the secondary that follow from orbits and terrain."""
    reference, secondary = job.image("reference"), job.image("secondary")
    spacings = reference.range_spacing_m, secondary.range_spacing_m
    if abs(spacings[0] - spacings[1]) > 1e-6 * spacings[0]:
        raise InputError(
            f"the range is sampled every {spacings[0]:.3f} m in the reference and every {spacings[1]:.3f} m "
            "in the secondary",
            hint="remove RESAMPLE_FLAG from the application's XML, so that both get the finer sampling",
        )
    geometry = np.load(job.folder / STATE / "geometry.npy", mmap_mode="r")
    middle = 0.5 * (secondary.start_s + secondary.stop_s)
    grid = offsets_of(
        geometry, radar_grid(secondary), secondary.polynomial(), middle, STRIPMAP,
        partial(job.in_threads, text="offsets"),
    )  # fmt: skip
    np.save(job.subfolder(STATE) / "offsets.npy", grid)
    inside = _overlap(grid, secondary)
    perpendicular = perpendicular_baseline_m(job.scenes["reference"][0], job.scenes["secondary"][0])
    job.log.info(
        "perpendicular baseline %.3f m; the secondary covers %.1f %% of the reference",
        perpendicular, 100.0 * inside,
    )  # fmt: skip
    if inside == 0.0:
        raise InputError(
            "reference and secondary show no ground in common",
            hint="choose two scenes of one track and frame",
        )
    return {"baseline": {"Bperp at midrange": perpendicular}}


def _overlap(grid: NDArray[np.float64], secondary: FocusedImage) -> float:
    """Return the fraction of the nodes that the secondary covers."""
    inner = grid[:, 1:-2, 1:-2]
    line = inner[node_grids.AZIMUTH_OFFSET] + STRIPMAP.line * np.arange(inner.shape[1])[:, None]
    sample = inner[node_grids.RANGE_OFFSET] + STRIPMAP.sample * np.arange(inner.shape[2])
    inside = (line >= 0) & (line <= secondary.lines - 1) & (sample >= 0) & (sample <= secondary.samples - 1)
    return float(inside.mean())


def misregister(job: StripmapJob) -> Catalog:
    """Measure the offsets that remain, on chips that are resampled with those of the geometry."""
    found = misregistration.measure(
        pixels_of(job.image("reference").path), _resampler(job, Residual()),
        partial(job.in_threads, text="misregistration"), job.log,
    )  # fmt: skip
    write_text(job.subfolder(STATE) / "residual.json", json.dumps(asdict(found)))
    return {"misregistration": {"Azimuth offset": found.azimuth[0], "Range offset": found.range[0]}}


def refined_resample(job: StripmapJob) -> None:
    """Write the flattened secondary at the reference's pixels."""
    resampler = load_resampler(job)
    image = resampler.reference
    output = IsceImage(
        job.subfolder(COREGISTERED) / REFINED, image.lines, image.samples, 1, "CFLOAT", image_type="slc"
    )
    with line_writer(output, job.folder) as writer:

        def write(block: range) -> None:
            writer.write(block.start, resampler.window(block, range(image.samples)))

        job.in_threads(write, blocks(image.lines, _BLOCK_LINES), "resampling")


def load_resampler(job: StripmapJob) -> Resampler:
    """Return the resampler of the secondary with all offsets that were found."""
    values = json.loads((job.folder / STATE / "residual.json").read_text(encoding="utf-8"))
    return _resampler(job, Residual(tuple(values["azimuth"]), tuple(values["range"])))


def _resampler(job: StripmapJob, residual: Residual) -> Resampler:
    reference, secondary = job.image("reference"), job.image("secondary")
    offsets = Offsets(np.load(job.folder / STATE / "offsets.npy"), reference.samples, STRIPMAP)
    return Resampler(reference, secondary, pixels_of(secondary.path), offsets, residual)


def pixels_of(path: Path) -> NDArray[np.complex64]:
    """Return the pixels of a complex raster as a memory map, shape (lines, samples)."""
    pixels: NDArray[np.complex64] = isceimage.open_array(isceimage.read_header(path))[0]
    return pixels
