"""The reference geometry of a stack: made once, for all bursts of all dates."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import (
    isceimage,
    node_grids,
    one_pass,
    postprocess,
    preprocess,
    topo,
    water_mask,
)
from isce2_recipe.engines.builtin.config import SensorConfig, TopsConfig
from isce2_recipe.engines.builtin.dem import read_dem_header
from isce2_recipe.engines.builtin.geocoding import GeocodeGrid, Locate, geocode_grid, zero_doppler
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.job import INTERFEROGRAMS, Job
from isce2_recipe.engines.builtin.rasters import blocks
from isce2_recipe.engines.builtin.workplace import STATE
from isce2_recipe.files import write_json
from isce2_recipe.progress import Progress
from isce2_recipe.stack.frame import Frame, make_frame
from isce2_recipe.types import Looks

LATITUDE, LONGITUDE, HEIGHT, LAND = "latitude.rdr", "longitude.rdr", "height.rdr", "land.rdr"
LOOKUP, MAP_GRID = "lookup.npy", "map.json"


@dataclass(frozen=True, slots=True)
class Pass:
    """The files of one date."""

    safes: tuple[Path, ...]  # SAFE folders of the pass
    orbit: Path
    polarization: str  # ``VV`` or ``HH``

    def sensor(self, output: str) -> SensorConfig:
        """Return the settings of the pass for the engine, which writes bursts to the folder ``output``."""
        return SensorConfig(self.safes, output, None, self.orbit, self.polarization.lower())


def tops_config(
    reference: Pass, secondary: Pass, swaths: tuple[int, ...], looks: Looks, dem: Path
) -> TopsConfig:
    """Return the engine's settings for two dates."""
    return TopsConfig(
        reference=reference.sensor("reference"), secondary=secondary.sensor("secondary"), swaths=swaths,
        range_looks=looks.range, azimuth_looks=looks.azimuth, dem=dem, geocode_dem=dem,
        region_of_interest=None, geocode_bounding_box=None, filter_strength=0.0, do_unwrap=False,
        unwrapper="", use_virtual_files=True, geocode_list=None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class StackTerrain:
    """Terrain and water of a stack."""

    # ISCE2 rasters, heights above the ellipsoid: for the geometry, and for the map.
    dem: Path
    geocode_dem: Path
    water_mask: Path  # GeoTIFF in degrees: 1 on land, 0 on water


def make_geometry(
    out: Path,
    reference: Pass,
    swaths: tuple[int, ...],
    looks: Looks,
    terrain: StackTerrain,
    *,
    log: logging.Logger,
    progress: Progress,
    cpus: int,
) -> Frame:
    """Write the geometry of all bursts of the reference date to a folder.

    It holds the frame, the grids of every burst for the offsets of other dates, and multilooked latitude,
    longitude, height, incidence and azimuth angle (``los.rdr``), land, and a lookup table from the nodes of
    the DEM to multilooked lines and samples.
    """
    work = out / ".work"
    work.mkdir(parents=True)
    config = tops_config(reference, reference, swaths, looks, terrain.dem)
    job = Job(work, config, log, progress, cpus, looks_only=True)
    preprocess.preprocess(job)
    topo.topo(job)
    bursts = [
        (pair.number, index, pair.reference.bursts[index].geometry)
        for pair in job.pairs
        for index in pair.indices()
    ]
    for pair in job.pairs:
        own = [burst for swath, _, burst in bursts if swath == pair.number]
        job.save_valid_windows(INTERFEROGRAMS, pair, own)
    frame = make_frame(one_pass.merge_geometry(job), bursts, looks)
    for swath, index, _ in bursts:
        grid = node_grids.grid_file(work / STATE, "geometry", swath, index + 1)
        grid.replace(out / grid.name)
    _write_looks(job, frame, out, terrain.water_mask)
    _write_lookup(job, frame, out, terrain.geocode_dem)
    frame.write(out)
    shutil.rmtree(work)
    return frame


def _write_looks(job: Job, frame: Frame, out: Path, mask: Path) -> None:
    """Write the multilooked rasters of the geometry."""
    merged = job.folder / paths.MERGED
    write_raster(out / paths.LINE_OF_SIGHT, np.asarray(read_raster(merged / paths.LINE_OF_SIGHT)), "bil")
    for source, name, kind in (
        (paths.LATITUDE, LATITUDE, np.float64),
        (paths.LONGITUDE, LONGITUDE, np.float64),
        (paths.HEIGHT, HEIGHT, np.float32),
    ):
        write_raster(out / name, np.asarray(read_raster(merged / source), kind))
    land = np.concatenate(list(water_mask.land_in_radar_geometry(job.folder, mask, frame.looks)))
    write_raster(out / LAND, land.astype(np.uint8)[None])


_NAMES = {"float32": "FLOAT", "float64": "DOUBLE", "complex64": "CFLOAT", "uint8": "BYTE", "int16": "SHORT"}


def write_raster(path: Path, bands: NDArray[np.generic], image_type: str = "") -> None:
    """Write an array of shape (bands, lines, samples) as ISCE2's raster."""
    count, lines, samples = bands.shape
    image = IsceImage(path, lines, samples, count, _NAMES[bands.dtype.name], "BIL", image_type)
    isceimage.create(image, path.parent)[:] = bands


def read_raster(path: Path) -> NDArray[np.generic]:
    """Return a raster of the stack as a memory map of shape (bands, lines, samples)."""
    return isceimage.open_array(isceimage.read_header(path))


def _write_lookup(job: Job, frame: Frame, out: Path, geocode_dem: Path) -> None:
    """Write the multilooked line and sample of every node of the map's DEM, -1 where there is none."""
    dem = read_dem_header(geocode_dem)
    grid = geocode_grid(dem, postprocess.map_bounds(job))
    locate = zero_doppler(postprocess.radar_grid(job), frame.shape[0], isceimage.open_array(dem)[0], grid)
    table = np.lib.format.open_memmap(out / LOOKUP, "w+", np.float32, (2, grid.rows, grid.cols))
    strips = blocks(grid.rows)

    def find(rows: range) -> None:
        table[:, rows.start : rows.stop] = locate(rows)

    job.in_threads(find, strips, "lookup table of the map")
    table.flush()
    place = {"row": grid.row, "col": grid.col, "rows": grid.rows, "cols": grid.cols}
    write_json(out / MAP_GRID, place)


def map_lookup(geometry: Path, geocode_dem: Path) -> tuple[GeocodeGrid, Locate]:
    """Return the part of the DEM's grid that shows the stack, and the radar coordinates of its nodes."""
    place = json.loads((geometry / MAP_GRID).read_text(encoding="utf-8"))
    nodes = read_dem_header(geocode_dem).require_map_grid()
    first = replace(
        nodes,
        first_longitude=nodes.first_longitude + place["col"] * nodes.delta_longitude,
        first_latitude=nodes.first_latitude + place["row"] * nodes.delta_latitude,
    )
    table = np.load(geometry / LOOKUP, mmap_mode="r")

    def locate(rows: range) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        line, sample = table[:, rows.start : rows.stop].astype(np.float64)
        return line, sample

    return GeocodeGrid(**place, nodes=first), locate
