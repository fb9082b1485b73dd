"""The common range sampling of scenes of one (FBS, 28 MHz) and two polarizations (FBD, 14 MHz)."""

from __future__ import annotations

from dataclasses import dataclass

from isce2_recipe.engines.builtin.stripmap.job import DATES, Date, StripmapJob
from isce2_recipe.errors import InputError

_FACTORS = {"": 1.0, "single2dual": 0.5, "dual2single": 2.0}
_MODES = {"single2dual": "FBS", "dual2single": "FBD"}


@dataclass(frozen=True, slots=True)
class Sampling:
    """Samples of the image for each of the raw data, and the band that both dates have."""

    factor: float
    bandwidth_hz: float


def range_grids(job: StripmapJob) -> dict[Date, Sampling]:
    """Return the range sampling of both images.

    ``RESAMPLE_FLAG`` decides. Without it, the coarser of two different ones becomes like the finer.

    Raises
    ------
    InputError
        If a flag does not fit its scene, or the images would have different samplings.
    """
    scenes = {date: job.scenes[date][0] for date in DATES}
    flags = {date: job.alos(date).resampling for date in DATES}
    rates = {date: scenes[date].sampling_hz for date in DATES}
    for date in DATES:
        wanted = _MODES.get(flags[date], scenes[date].mode)
        if wanted != scenes[date].mode:
            raise InputError(
                f"RESAMPLE_FLAG of the {date} is {flags[date]}, but {scenes[date].name} is "
                f"{scenes[date].mode}",
                hint=f"remove it, because it is for {wanted} scenes",
            )
    factors = {date: _FACTORS[flags[date]] for date in DATES}
    if not any(flags.values()):
        factors = {date: _nearest(max(rates.values()) / rates[date]) for date in DATES}
    first, second = (rates[date] * factors[date] for date in DATES)
    if abs(first - second) > 1.0:
        raise InputError(
            f"the images would have {first / 1e6:g} and {second / 1e6:g} million range samples per second",
            hint="remove RESAMPLE_FLAG, so that the coarser scene is resampled like the finer one",
        )
    bandwidth = min(scene.bandwidth_hz for scene in scenes.values())
    return {date: Sampling(factors[date], bandwidth) for date in DATES}


def _nearest(factor: float) -> float:
    return min(_FACTORS.values(), key=lambda known: abs(known - factor))
