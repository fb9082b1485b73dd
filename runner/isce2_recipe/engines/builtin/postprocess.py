"""The steps ``filter``, ``unwrap`` and ``geocode``."""

from __future__ import annotations

from pathlib import Path

from isce2_recipe import paths
from isce2_recipe.engines.builtin import filtering, isceimage, unwrapping
from isce2_recipe.engines.builtin.dem import read_dem_header
from isce2_recipe.engines.builtin.geocoding import GeocodeGrid, RadarGrid, geocode_grid
from isce2_recipe.engines.builtin.geocoding import geocode as geocode_files
from isce2_recipe.engines.builtin.job import Catalog, Job
from isce2_recipe.engines.builtin.swaths import bounding_box
from isce2_recipe.types import Bounds, Looks

# Files that are geocoded if the XML has no list (ISCE2 2.6.5, TopsProc.py).
_GEOCODED = (
    "phsig.cor",
    "topophase.cor",
    "filt_topophase.unw",
    "los.rdr",
    "topophase.flat",
    "filt_topophase.flat",
)


def filter_interferogram(job: Job) -> None:
    """Filter the interferogram and estimate its coherence."""
    filtering.filter_interferogram(job.folder, job.config.filter_strength, job.cpus)


def unwrap(job: Job) -> None:
    """Unwrap the filtered interferogram if ``do unwrap`` is set."""
    if job.config.do_unwrap:
        unwrapping.unwrap(job.folder, _looks(job), job.config.unwrapper, log=job.log, progress=job.progress)


def geocode(job: Job) -> Catalog:
    """Geocode the files of the ``geocode list`` that exist."""
    names = job.config.geocode_list or tuple(f"{paths.MERGED}/{name}" for name in _GEOCODED)
    files = [path for path in (job.folder / name for name in names) if path.is_file()]
    if not files:
        job.log.warning("none of the files to geocode exists: %s", ", ".join(names))
        return {}
    dem = read_dem_header(job.config.geocode_dem)
    grid = geocode_grid(dem, map_bounds(job))
    geocode_files(
        files,
        radar_grid(job),
        grid,
        dem,
        dem_crop=job.folder / paths.MERGED / paths.DEM_CROP,
        folder=job.folder,
        progress=job.progress,
        workers=job.cpus,
    )
    return _catalog(job, files[-1], dem.path, grid)


def _looks(job: Job) -> Looks:
    return Looks(job.config.range_looks, job.config.azimuth_looks)


def radar_grid(job: Job) -> RadarGrid:
    """Return the geometry of the merged image, which begins with the earliest line and the nearest sample."""
    references = [pair.reference.bursts[pair.first].geometry for pair in job.pairs]
    orbit = job.pairs[0].reference.orbit
    first = references[0]
    return RadarGrid.multilooked(
        orbit,
        _looks(job),
        start_s=orbit.seconds(min(burst.start for burst in references)),
        azimuth_interval_s=first.azimuth_interval_s,
        near_range_m=min(burst.near_range_m for burst in references),
        range_spacing_m=first.range_spacing_m,
    )


def map_bounds(job: Job) -> Bounds:
    """Return the ``geocode bounding box``, else the box around all ground that the swaths can image."""
    if job.config.geocode_bounding_box is not None:
        south, north, west, east = job.config.geocode_bounding_box
        return Bounds(west, south, east, north)
    places = []
    for pair in job.pairs:
        bursts = [pair.reference.bursts[index].geometry for index in pair.indices()]
        south, north, west, east = bounding_box(bursts[0], pair.reference.orbit, bursts[-1].stop)
        places += [(west, south), (east, north)]
    return Bounds.around(places)


def _catalog(job: Job, last: Path, dem: Path, grid: GeocodeGrid) -> Catalog:
    """Return the entries of ``topsProc.xml``; like ISCE2, those of the last file."""
    image = isceimage.read_header(last)
    nodes = grid.nodes
    return {
        "geocode": {
            "Dem Used": dem,
            "Width": image.samples,
            "Length": image.lines,
            "Range looks": job.config.range_looks,
            "Azimuth looks": job.config.azimuth_looks,
            "South": nodes.first_latitude + grid.rows * nodes.delta_latitude,
            "North": nodes.first_latitude,
            "West": nodes.first_longitude,
            "East": nodes.first_longitude + grid.cols * nodes.delta_longitude,
        }
    }
