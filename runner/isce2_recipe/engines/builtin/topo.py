"""The step ``topo``: latitude, longitude, height and line of sight of every pixel of the common bursts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import node_grids
from isce2_recipe.engines.builtin.dem import DemWindow, read_dem_window
from isce2_recipe.engines.builtin.geocoding import RadarGrid
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.job import GEOMETRY, Job
from isce2_recipe.engines.builtin.rasters import blocks, line_writer
from isce2_recipe.engines.builtin.swaths import SwathPair, bounding_box
from isce2_recipe.engines.builtin.workplace import STATE, Catalog
from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import BurstGeometry

Float = NDArray[np.float64]
ForEach = Callable[[Callable[[int], None], Iterable[int]], None]
"""Calls a function for every number, in several threads."""

# Rows of nodes that a thread solves at once.
_NODE_ROWS = 16


def topo(job: Job) -> Catalog:
    """Write ``geom_reference/IWn``."""
    entries: dict[str, object] = {"Dem Used": job.config.dem}
    boxes = []
    for pair in job.pairs:
        entries[f"Number of common bursts IW-{pair.number}"] = pair.count
        for number, index in enumerate(pair.indices()):
            burst = pair.reference.bursts[index].geometry
            dem = read_dem_window(job.config.dem, bounding_box(burst, pair.reference.orbit))
            grid = _solve(job, pair, index, dem)
            np.save(node_grids.grid_file(job.subfolder(STATE), "geometry", pair.number, index + 1), grid)
            if not job.looks_only:
                _write(job, pair.number, index, burst, grid, dem)
            boxes.append(_box(grid))
            entries |= {
                f"Number of lines for burst {number} - IW-{pair.number}": burst.lines,
                f"Number of pixels for bursts {number} - IW-{pair.number}": burst.samples,
                f"Bounding box for burst {number} - IW-{pair.number}": boxes[-1],
            }
    south, north, west, east = np.array(boxes).T
    overall = [float(v) for v in (south.min(), north.max(), west.min(), east.max())]
    return {"topo": entries | {"Overall bounding box": overall}}


def geometry_file(job: Job, swath: int, index: int, name: str) -> Path:
    """Return the path of a geometry raster, such as ``geom_reference/IW2/lat_01.rdr``."""
    return job.folder / GEOMETRY / f"IW{swath}" / f"{name}_{index + 1:02d}.rdr"


def _solve(job: Job, pair: SwathPair, index: int, dem: DemWindow) -> Float:
    burst = pair.reference.bursts[index].geometry
    orbit = pair.reference.orbit
    radar = RadarGrid(
        orbit, orbit.seconds(burst.start), burst.azimuth_interval_s, burst.near_range_m, burst.range_spacing_m
    )
    shape = node_grids.grid_shape(burst.lines, burst.samples, node_grids.TOPS)
    in_threads = partial(job.in_threads, text=f"IW{pair.number} burst {index + 1}")
    grid = solve_ground(radar, pair.reference.polynomial(index), dem, shape, node_grids.TOPS, in_threads)
    _require_cover(job, burst, dem, grid)
    # Removes the jump of 360 degrees at -270, which must not be interpolated.
    azimuth = grid[node_grids.AZIMUTH]
    azimuth += 360.0 * np.round((azimuth[0, 0] - azimuth) / 360.0)
    return grid


def solve_ground(
    radar: RadarGrid,
    poly: Float,
    dem: DemWindow,
    shape: tuple[int, int],
    steps: node_grids.Steps,
    in_threads: ForEach,
) -> Float:
    """Return the ground at the nodes of an image, shape (5, *shape); see `node_grids.solve_rows`.

    Parameters
    ----------
    radar, poly : RadarGrid and ndarray
        Pixels of the image, and its orbit.
    shape, steps : tuple and Steps
        Number of nodes in azimuth and range, and their distances; node (1, 1) is the first pixel.
    """
    grid = np.empty((5, *shape))

    def solve(first: int) -> None:
        part = np.empty((5, min(_NODE_ROWS, shape[0] - first), shape[1]))
        node_grids.solve_rows(
            first, steps, poly, radar.start_s, radar.line_s, radar.near_range_m, radar.sample_m,
            dem.heights_m, dem.origin, part,
        )  # fmt: skip
        grid[:, first : first + _NODE_ROWS] = part

    in_threads(solve, range(0, shape[0], _NODE_ROWS))
    return grid


def _require_cover(job: Job, burst: BurstGeometry, dem: DemWindow, grid: Float) -> None:
    """Raise an error if the DEM does not cover the whole valid window."""
    top = burst.first_valid_line // node_grids.TOPS.line + 1
    left = burst.first_valid_sample // node_grids.TOPS.sample + 1
    bottom, right = (
        top + burst.valid_lines // node_grids.TOPS.line,
        left + burst.valid_samples // node_grids.TOPS.sample,
    )
    what = f"burst IW{burst.swath} of {burst.start:%Y-%m-%dT%H:%M:%S}"
    require_cover(dem, job.config.dem, grid[:2, top:bottom, left:right], what)


def require_cover(dem: DemWindow, file: Path, places: Float, what: str) -> None:
    """Raise an error if a DEM does not cover latitudes and longitudes, degrees, shape (2, rows, cols)."""
    lat, lon = places
    outside = dem.outside(lat, lon)
    if outside.any():
        raise InputError(
            f"the DEM {file} does not cover {100 * outside.mean():.1f} % of {what} (latitude {lat.min():.3f} "
            f"to {lat.max():.3f}, longitude {lon.min():.3f} to {lon.max():.3f})",
            hint="use a DEM that covers the scene with a margin of 0.1 degrees",
        )


def _box(grid: Float) -> list[float]:
    lat, lon = grid[:2, 1:-1, 1:-1]
    return [float(v) for v in (lat.min(), lat.max(), lon.min(), lon.max())]


def wrapped_azimuth(azimuth_deg: Float) -> Float:
    """Return azimuths in ISCE2's interval from -270 (excluded) to 90 degrees."""
    return 90.0 - (90.0 - azimuth_deg) % 360.0


def _write(job: Job, swath: int, index: int, burst: BurstGeometry, grid: Float, dem: DemWindow) -> None:
    """Interpolate the grid to every pixel and write ISCE2's four files."""
    size = (burst.lines, burst.samples)
    line_weights, sample_weights = (
        node_grids.cubic_weights(node_grids.TOPS.line),
        node_grids.cubic_weights(node_grids.TOPS.sample),
    )
    los = IsceImage(geometry_file(job, swath, index, "los"), *size, 2, "FLOAT", "BIL", "bil")
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                line_writer(IsceImage(geometry_file(job, swath, index, name), *size, 1, "DOUBLE"), job.folder)
            )
            for name in ("lat", "lon", "hgt")
        ]
        los_writer = stack.enter_context(line_writer(los, job.folder))

        def write(block: range) -> None:
            planes = np.empty((len(grid), len(block), burst.samples))
            for plane, values in zip(planes, grid, strict=True):
                node_grids.upsample(values, block.start, line_weights, sample_weights, plane)
            node_grids.snap_to_dem(dem.heights_m, dem.origin, planes)
            for writer, plane in zip(writers, planes[:3], strict=True):
                writer.write(block.start, plane)
            azimuth = wrapped_azimuth(planes[node_grids.AZIMUTH])
            los_writer.write(block.start, planes[node_grids.INCIDENCE], azimuth)

        job.in_threads(write, blocks(burst.lines), f"IW{swath} burst {index + 1}")
