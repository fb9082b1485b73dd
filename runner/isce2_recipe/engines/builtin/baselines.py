"""The step ``computeBaselines``: common bursts and baselines."""

from __future__ import annotations

import numpy as np

from isce2_recipe.engines.builtin.job import Catalog, Job
from isce2_recipe.engines.builtin.swaths import SwathPair


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

    See `isce2_recipe.sar.baseline.across_track_baseline_m` for the signs.
    """
    from isce2_recipe.sar.baseline import across_track_baseline_m
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
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
