"""The steps ``filter``, ``unwrap`` and ``geocode``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from isce2_recipe import paths
from isce2_recipe.engines.builtin import filtering, isceimage, unwrapping
from isce2_recipe.engines.builtin.dem import read_dem_header
from isce2_recipe.engines.builtin.geocoding import GeocodeGrid, RadarGrid, geocode_grid
from isce2_recipe.engines.builtin.geocoding import geocode as geocode_files
from isce2_recipe.engines.builtin.job import Job
from isce2_recipe.engines.builtin.swaths import bounding_box
from isce2_recipe.engines.builtin.workplace import Catalog, Workplace
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
    crop = Path(paths.MERGED, paths.DEM_CROP)
    looks, dem = _looks(job), job.config.geocode_dem
    return geocode_existing(job, names, looks, radar_grid(job), map_bounds(job), dem, crop)


def geocode_existing(
    job: Workplace,
    names: Sequence[str],
    looks: Looks,
    radar: RadarGrid,
    bounds: Bounds,
    dem_file: Path,
    dem_crop: Path,
) -> Catalog:
    """Geocode those files that exist, and return the entries of the application's record.

    Parameters
    ----------
    names : sequence of str
        Files relative to the work folder.
    looks, radar, bounds : Looks, RadarGrid and Bounds
        Looks and pixels of the images, and area of the map, degrees.
    dem_file, dem_crop : Path
        Elevation model with the grid, and where its part is written, relative to the work folder.
    """
    files = [path for path in (job.folder / name for name in names) if path.is_file()]
    if not files:
        job.log.warning("none of the files to geocode exists: %s", ", ".join(names))
        return {}
    dem = read_dem_header(dem_file)
    grid = geocode_grid(dem, bounds)
    geocode_files(
        files,
        radar,
        grid,
        dem,
        dem_crop=job.folder / dem_crop,
        folder=job.folder,
        progress=job.progress,
        workers=job.cpus,
    )
    return _catalog(looks, files[-1], dem.path, grid)


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


def _catalog(looks: Looks, last: Path, dem: Path, grid: GeocodeGrid) -> Catalog:
    """Return the entries of the application's record; like ISCE2, those of the last file."""
    image = isceimage.read_header(last)
    nodes = grid.nodes
    return {
        "geocode": {
            "Dem Used": dem,
            "Width": image.samples,
            "Length": image.lines,
            "Range looks": looks.range,
            "Azimuth looks": looks.azimuth,
            "South": nodes.first_latitude + grid.rows * nodes.delta_latitude,
            "North": nodes.first_latitude,
            "West": nodes.first_longitude,
            "East": nodes.first_longitude + grid.cols * nodes.delta_longitude,
        }
    }
