"""The steps ``startup`` and ``preprocess``: the scenes of both dates, their pulses and whether they fit."""

from __future__ import annotations

from itertools import pairwise, product

from isce2_recipe.alos.pairs import check_doppler, check_scenes, common_ground
from isce2_recipe.alos.scene import AlosScene
from isce2_recipe.alos.signal import RawSignal
from isce2_recipe.engines.builtin.stripmap.formslc import mean_height_m
from isce2_recipe.engines.builtin.stripmap.job import DATES, Date, StripmapJob
from isce2_recipe.engines.builtin.stripmap.sampling import range_grids
from isce2_recipe.engines.builtin.workplace import Catalog
from isce2_recipe.errors import InputError


def startup(job: StripmapJob) -> Catalog:
    """Log what will be processed; the settings have been checked before."""
    for date in DATES:
        job.log.info("builtin engine: %s %s", date, ", ".join(path.name for path in job.alos(date).images))
    return {"insarProc": {"ISCE_VERSION": "isce2-recipe builtin engine"}}


def preprocess(job: StripmapJob) -> Catalog:
    """Find the pulses of both dates, and check everything that later steps need."""
    catalog: Catalog = {}
    dopplers = {}
    for date in DATES:
        _check_frames(job.scenes[date])
    # Of several frames, two that show the same ground.
    frames = list(product(job.scenes["reference"], job.scenes["secondary"]))
    baseline = check_scenes(*next((pair for pair in frames if common_ground(*pair)), frames[0]))
    job.log.info("perpendicular baseline %.1f m", baseline)
    range_grids(job)
    mean_height_m(job)
    for k, date in enumerate(DATES):
        scene = job.scenes[date][0]
        signal = job.signal(date)
        dopplers[date] = signal.doppler_hz()
        _log(job, date, scene, signal, dopplers[date])
        catalog |= _entries(date, scene, signal, dopplers[date])
        job.progress((k + 1) / 2, "")
    check_doppler(dopplers["reference"], dopplers["secondary"], job.signal("reference").prf_hz)
    return catalog


def _check_frames(frames: tuple[AlosScene, ...]) -> None:
    """Raise an error if the frames of a date are not of one pass and mode."""
    for one, other in pairwise(frames):
        for what, first, second in (
            ("orbits", one.name.orbit, other.name.orbit),
            ("modes", one.mode, other.mode),
            ("beams", one.beam, other.beam),
        ):
            if first != second:
                raise InputError(
                    f"{one.name} and {other.name} have different {what}, {first} and {second}",
                    hint="join frames of one pass",
                )


def _log(job: StripmapJob, date: Date, scene: AlosScene, signal: RawSignal, doppler_hz: float) -> None:
    job.log.info(
        "%s: %s %s, %d lines of %d samples, PRF %.3f Hz, Doppler centroid %.1f Hz",
        date, scene.mode, signal.polarization, signal.lines, signal.samples, signal.prf_hz, doppler_hz,
    )  # fmt: skip
    if signal.missing:
        job.log.warning("%s: %d lines are missing, and filled with zeros", date, signal.missing)
    if signal.interpolated:
        rates = sorted({run.prf_hz for run in signal.runs})
        job.log.warning(
            "%s: %d lines are interpolated, because the PRF changes (%s Hz)",
            date, signal.interpolated, ", ".join(f"{rate:.3f}" for rate in rates),
        )  # fmt: skip
    shifts = sorted({run.shift for run in signal.runs})
    if len(shifts) > 1:
        job.log.warning("%s: the range window moves by %s samples", date, ", ".join(map(str, shifts[1:])))


def _entries(date: Date, scene: AlosScene, signal: RawSignal, doppler_hz: float) -> Catalog:
    return {
        date: {
            "width": signal.samples,
            "iBias": signal.bias.real,
            "qBias": signal.bias.imag,
            "range_sampling_rate": scene.sampling_hz,
            "prf": signal.prf_hz,
            "pri": 1.0 / signal.prf_hz,
            "pulse_length": scene.pulse_s,
            "chirp_slope": scene.chirp_rate_hz_s,
            "wavelength": scene.wavelength_m,
            "lookSide": -1,
        },
        f"{date}.frame": {
            "SENSING_START": signal.start.replace(tzinfo=None),
            "STARTING_RANGE": signal.near_range_m,
            "NUMBER_OF_LINES": signal.lines,
            "NUMBER_OF_SAMPLES": signal.samples,
            "POLARIZATION": signal.polarization,
            "ORBIT_NUMBER": scene.name.orbit,
            "FRAME_NUMBER": scene.name.frame,
            "doppler_centroid": doppler_hz,
        },
    }
