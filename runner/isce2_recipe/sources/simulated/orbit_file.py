"""Precise orbit files in ESA's Earth Explorer format."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from isce2_recipe.sar.burst_grid import ORBIT_S
from isce2_recipe.sources.simulated.metadata_xml import environment
from isce2_recipe.sources.simulated.orbits import Sentinel1Pass

# International atomic time minus UTC since 2017. It was a second less before, but no reader uses this field.
_TAI_MINUS_UTC = timedelta(seconds=37)


def orbit_file(flight: Sentinel1Pass, when: datetime) -> tuple[str, str]:
    """Return name and content of the precise orbit file of the day of ``when``, on which a pass is.

    Like ESA's files it has a state vector every 10 s, from an hour before the day to an hour after it. The
    orbits before and after the pass continue its track.
    """
    day = when.replace(hour=0, minute=0, second=0, microsecond=0)
    start = day - timedelta(seconds=3618)
    stop = day + timedelta(days=1, seconds=3582)
    # ESA publishes precise orbits three weeks later. A fixed time gives the same bytes for the same name.
    created = (day + timedelta(days=20)).replace(hour=12, minute=7)
    stamps = f"V{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}"
    name = f"{flight.platform}_OPER_AUX_POEORB_OPOD_{created:%Y%m%dT%H%M%S}_{stamps}"
    vectors = _vectors(flight, start, stop)
    times = {"start": start, "stop": stop, "created": created}
    text = (
        environment()
        .get_template("simulated/orbit.xml.j2")
        .render(
            name=name,
            platform=flight.platform,
            count=len(vectors),
            vectors="".join(vectors),
            **{key: f"{time:%Y-%m-%dT%H:%M:%S}" for key, time in times.items()},
        )
    )
    return f"{name}.EOF", f"{text}\n"


def _vectors(flight: Sentinel1Pass, start: datetime, stop: datetime) -> list[str]:
    times = [start + timedelta(seconds=10 * k) for k in range(int((stop - start).total_seconds()) // 10 + 1)]
    since = np.array([(time - flight.node).total_seconds() for time in times])
    position, velocity = flight.announced.states(since)
    states = np.hstack([position, velocity]).tolist()
    orbits = (flight.absolute_orbit + np.floor(since / ORBIT_S).astype(int)).tolist()
    return [
        _vector(time.replace(tzinfo=None), orbit, state)
        for time, orbit, state in zip(times, orbits, states, strict=True)
    ]


def _vector(time: datetime, orbit: int, state: list[float]) -> str:
    utc = time.isoformat(timespec="microseconds")
    tai = (time + _TAI_MINUS_UTC).isoformat(timespec="microseconds")
    x, y, z, vx, vy, vz = state
    return (
        f"      <OSV>\n        <TAI>TAI={tai}</TAI>\n        <UTC>UTC={utc}</UTC>\n"
        f"        <UT1>UT1={utc}</UT1>\n"
        f"        <Absolute_Orbit>{orbit:+06d}</Absolute_Orbit>\n"
        f'        <X unit="m">{x:.6f}</X>\n        <Y unit="m">{y:.6f}</Y>\n        <Z unit="m">{z:.6f}</Z>\n'
        f'        <VX unit="m/s">{vx:.6f}</VX>\n        <VY unit="m/s">{vy:.6f}</VY>\n'
        f'        <VZ unit="m/s">{vz:.6f}</VZ>\n        <Quality>NOMINAL</Quality>\n      </OSV>\n'
    )
