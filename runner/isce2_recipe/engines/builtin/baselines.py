"""The step ``computeBaselines``: which bursts are common and how far apart the satellite flew."""

from __future__ import annotations

import math

import numpy as np

from isce2_recipe.engines.builtin.job import Catalog, Job
from isce2_recipe.engines.builtin.swaths import SwathPair


def compute_baselines(job: Job) -> Catalog:
    """Baselines at mid range of the first and last common burst of every swath, on the ellipsoid."""
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
    """Parallel and perpendicular baseline in metres at the middle of a common burst.

    Both are of the secondary as seen from the reference, across track, with ISCE2's sign: the perpendicular
    one is positive where the secondary is below or away from the look side.
    """
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
    from isce2_recipe.sar.zero_doppler import geo2rdr, rdr2geo

    burst = pair.reference.bursts[index].geometry
    middle_range = 0.5 * (burst.near_range_m + burst.far_range_m)
    t = pair.reference.orbit.seconds(burst.middle)
    flat = np.zeros((1, 1), np.float32)
    target = geodetic_to_ecef(
        *rdr2geo(pair.reference.polynomial(index), t, middle_range, flat, 0.0, 0.0, 1.0, 1.0)
    )
    here, velocity = pair.reference.orbit.at(t)
    other = pair.secondary
    guess = other.orbit.seconds(other.bursts[index + pair.offset].geometry.middle)
    abeam, its_range = geo2rdr(other.polynomial(index + pair.offset), *target, guess)
    there, _ = other.orbit.at(abeam)
    along = velocity / np.linalg.norm(velocity)
    apart = there - here
    apart -= (apart @ along) * along
    length = float(np.linalg.norm(apart))
    if length == 0.0:
        return 0.0, 0.0
    cosine = (middle_range**2 + length**2 - its_range**2) / (2.0 * middle_range * length)
    cosine = min(max(cosine, -1.0), 1.0)
    side = np.sign(np.cross(np.array(target) - here, apart) @ velocity)
    return length * cosine, float(side) * length * math.sqrt(1.0 - cosine**2)
