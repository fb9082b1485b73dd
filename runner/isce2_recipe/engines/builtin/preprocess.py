"""The steps ``startup``, ``preprocess`` and ``computeBaselines``: bursts in ISCE2's layout, and baselines."""

from __future__ import annotations

import numpy as np

from isce2_recipe.engines.builtin.config import SensorConfig
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.job import Job
from isce2_recipe.engines.builtin.rasters import MosaicPiece, materialize, unreadable, write_mosaic
from isce2_recipe.engines.builtin.swaths import Burst, SwathBursts, SwathPair
from isce2_recipe.engines.builtin.workplace import Catalog
from isce2_recipe.errors import InputError
from isce2_recipe.sentinel1.aux_cal import UNCORRECTED_IPF


def startup(job: Job) -> Catalog:
    """Log what will be processed; the settings have been checked before."""
    job.log.info(
        "builtin engine: swaths %s, looks %dx%d",
        job.config.swaths,
        job.config.range_looks,
        job.config.azimuth_looks,
    )
    return {"insarProc": {"ISCE_VERSION": "isce2-recipe builtin engine"}}


def preprocess(job: Job) -> Catalog:
    """Write ``reference/IWn`` and ``secondary/IWn`` of all swaths."""
    catalog: Catalog = {
        "common": {"Input list of swaths to process": list(job.config.swaths)},
        "reference": {},
        "secondary": {},
    }
    for number in set(job.config.swaths) - {pair.number for pair in job.pairs}:
        job.log.warning("IW%d is skipped: it is not in both dates, or they have no burst in common", number)
    for pair in job.pairs:
        for name, sensor, swath in (
            ("reference", job.config.reference, pair.reference),
            ("secondary", job.config.secondary, pair.secondary),
        ):
            if UNCORRECTED_IPF in swath.version:
                job.log.warning("IPF %s: the phase of the antenna pattern is not corrected", swath.version)
            _unpack(job, sensor, swath)
            first = swath.bursts[0].geometry
            catalog.setdefault(f"{name}.sensor", {}).update(_sensor(swath))
            catalog[name] |= {
                f"burstWidth_{swath.number}": first.samples,
                f"burstLength_{swath.number}": first.lines,
                f"numberOfBursts_{swath.number}": len(swath.bursts),
            }
    return catalog


def _sensor(swath: SwathBursts) -> dict[str, object]:
    first = swath.bursts[0].geometry
    return {
        "imagingmode": "TOPS",
        "spacecraftname": "Sentinel-1",
        "mission": first.platform,
        "processingfacility": swath.facility,
        "processingsystem": swath.software,
        "processingsoftwareversion": swath.version,
        "ascendingnodetime": first.ascending_node.replace(tzinfo=None),
        "numberofbursts": len(swath.bursts),
    }


def burst_image(job: Job, sensor: SensorConfig, swath: SwathBursts, index: int) -> IsceImage:
    """Return the header of an unpacked burst, such as ``reference/IW2/burst_01.slc``."""
    burst = swath.bursts[index].geometry
    path = job.folder / sensor.output / f"IW{swath.number}" / f"burst_{index + 1:02d}.slc"
    return IsceImage(path, burst.lines, burst.samples, 1, "CFLOAT", image_type="slc")


def _unpack(job: Job, sensor: SensorConfig, swath: SwathBursts) -> None:
    described = []
    for index, burst in enumerate(swath.bursts):
        image = burst_image(job, sensor, swath, index)
        _link(job, image, burst)
        if not job.config.use_virtual_files:
            materialize(image, job.folder)
        described.append((burst.geometry, image))
        job.log.info("%s: IW%d burst %d is from %s", sensor.output, swath.number, index + 1, burst.tiff)
    job.write_product(sensor.output, swath, described)


def _link(job: Job, image: IsceImage, burst: Burst) -> None:
    """Write a ``.vrt`` of the valid part of the measurement."""
    size = _measured_size(burst)
    g = burst.geometry
    window = (g.first_valid_sample, g.valid_lines, g.valid_samples)
    taken = (burst.first_line + g.first_valid_line, *window)
    write_mosaic(
        image, job.folder, [MosaicPiece(burst.tiff, size, taken, (g.first_valid_line, *window), "CInt16")]
    )


def _measured_size(burst: Burst) -> tuple[int, int]:
    """Check size and last line of a burst's measurement; return its lines and samples."""
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.windows import Window

    g = burst.geometry
    last = burst.first_line + g.first_valid_line + g.valid_lines - 1
    try:
        with rasterio.open(burst.tiff, driver="GTiff") as dataset:
            size = (dataset.height, dataset.width)
            if last >= size[0] or g.first_valid_sample + g.valid_samples > size[1]:
                raise InputError(
                    f"{burst.tiff} has {size[0]} lines x {size[1]} samples, fewer than its annotation states",
                    hint="annotation and measurement do not belong together; download the product again",
                )
            dataset.read(1, window=Window(0, last, size[1], 1))
    except RasterioError as exc:
        raise unreadable(burst.tiff, exc) from exc
    return size


def compute_baselines(job: Job) -> Catalog:
    """Compute baselines at mid-range of the first and last common burst of every swath, on the ellipsoid."""
    entries: dict[str, object] = {}
    for pair in job.pairs:
        last = pair.first + pair.count
        counts = {
            "Number of bursts in reference": len(pair.reference.bursts),
            "First common burst in reference": pair.first,
            "Last common burst in reference": last,
            "Number of bursts in secondary": len(pair.secondary.bursts),
            "First common burst in secondary": pair.first + pair.offset,
            "Last common burst in secondary": last + pair.offset,
            "Number of common bursts": pair.count,
        }
        entries |= {f"IW-{pair.number} {name}": value for name, value in counts.items()}
        for which, index in (("first", pair.first), ("last", last - 1)):
            parallel, perpendicular = baseline(pair, index)
            where = f"at midrange for {which} common burst"
            entries[f"IW-{pair.number} Bpar {where}"] = parallel
            entries[f"IW-{pair.number} Bperp {where}"] = perpendicular
            job.log.info("IW%d %s common burst: Bperp %.3f m", pair.number, which, perpendicular)
    return {"baseline": entries}


def baseline(pair: SwathPair, index: int) -> tuple[float, float]:
    """Return parallel and perpendicular baseline in metres at the middle of a common burst.

    See `isce2_recipe.sar.orbit.across_track_baseline_m` for the signs.
    """
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
    from isce2_recipe.sar.orbit import across_track_baseline_m
    from isce2_recipe.sar.zero_doppler import geo2rdr, rdr2geo

    burst = pair.reference.bursts[index].geometry
    middle_range = 0.5 * (burst.near_range_m + burst.far_range_m)
    t = pair.reference.orbit.seconds(burst.middle)
    flat = np.zeros((1, 1), np.float32)
    target = geodetic_to_ecef(
        *rdr2geo(pair.reference.polynomial(index), t, middle_range, flat, 0.0, 0.0, 1.0, 1.0)
    )
    other = pair.secondary
    guess = other.orbit.seconds(other.bursts[index + pair.offset].geometry.middle)
    time, other_range = geo2rdr(other.polynomial(index + pair.offset), *target, guess)
    position, _ = other.orbit.at(time)
    return across_track_baseline_m(pair.reference.orbit.at(t), position, target, middle_range, other_range)
