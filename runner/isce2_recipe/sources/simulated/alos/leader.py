"""The leader file (``LED-...``): scene, orbit, attitude and pulse, as a processor needs them."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np

from isce2_recipe.alos.ceos import Field, descriptor, record, spread
from isce2_recipe.sources.simulated.alos.acquisition import (
    BANDWIDTH_HZ,
    FREQUENCY_HZ,
    PRF_HZ,
    PULSE_S,
    PULSE_SAMPLES,
    RANGE_SPACING_M,
    SAMPLING_HZ,
    WAVELENGTH_M,
    Acquisition,
)
from isce2_recipe.sources.simulated.alos.passes import OFF_NADIR_RAD
from isce2_recipe.sources.simulated.alos.raw import BIAS, CHIRP_RATE_HZ_S

DESCRIPTOR, SUMMARY, POSITION, ATTITUDE, CALIBRATION = 720, 4096, 4680, 8192, 13212
LENGTH = DESCRIPTOR + SUMMARY + POSITION + ATTITUDE + CALIBRATION

# ISCE2 reads exactly this number of state vectors.
VECTORS, VECTOR_STEP_S = 28, 60.0
_ATTITUDES = 22
_BEAM = 7


def leader_file(scene: Acquisition) -> bytes:
    """Return the content of the leader file."""
    return b"".join(
        [_descriptor(scene), _summary(scene), _positions(scene), _attitudes(scene), _calibration(scene)]
    )


def _descriptor(scene: Acquisition) -> bytes:
    counts = {180: (1, SUMMARY), 192: (0, 0), 204: (1, POSITION), 216: (1, ATTITUDE), 336: (1, CALIBRATION)}
    absent = dict.fromkeys(range(228, 336, 12), (0, 0)) | {348: (0, 0)}
    fields = descriptor("CEOS-SAR", 1, f"{str(scene.name)[:11]}SARL", counts | absent)
    return record(DESCRIPTOR, (11, 192, 18, 18), fields, sequence=1)


def _summary(scene: Acquisition) -> bytes:
    fields = [*_place(scene), *_sensor(scene), *_pulse(), *_processing(scene)]
    return record(SUMMARY, (18, 10, 18, 20), fields, sequence=2)


def _place(scene: Acquisition) -> list[Field]:
    """Return the fields of identity, centre and ellipsoid."""
    middle = scene.start + timedelta(seconds=0.5 * (scene.lines - 1) / PRF_HZ)
    lat, lon = scene.centre
    bins = scene.samples - PULSE_SAMPLES
    return [
        (12, "I4", 1),
        (16, "I4", 1),
        (20, "A32", str(scene.name)),
        (52, "A16", f"{scene.name.frame:04d}"),
        (68, "A32", f"{middle:%Y%m%d%H%M%S}{middle.microsecond // 1000:03d}"),
        *spread(116, [("F16.7", lat), ("F16.7", lon), ("F16.7", scene.heading_deg), ("A16", "GRS80")]),
        *spread(180, [("F16.7", 6378.137), ("F16.7", 6356.7523141), ("F16.7", 5.974)]),
        *spread(228, [("F16.7", 6.673), ("F16.7", 1082.63), ("F16.7", -2.533), ("F16.7", -1.62)]),
        *spread(324, [("I8", scene.lines // 2), ("I8", bins // 2)]),
        (340, "F16.7", scene.length_km),
        (356, "F16.7", bins * RANGE_SPACING_M / math.sin(scene.incidence_rad) / 1000.0),
        (388, "I4", 1),
    ]


def _sensor(scene: Acquisition) -> list[Field]:
    """Return the fields of satellite, mode and viewing geometry."""
    direction = "ASCEND" if scene.ascending else "DESCEND"
    lat, lon = scene.nadir
    return [
        (396, "A16", "ALOS"),
        # Position 13 is the mode; 0 means high resolution.
        (412, "A32", "ALOS  -L -H0-HH"),
        (444, "A8", f"{scene.name.orbit:05d}"),
        *spread(452, [("F8.3", lat), ("F8.3", lon), ("F8.3", scene.heading_deg), ("F8.3", 90.0)]),
        (484, "F8.3", math.degrees(scene.incidence_rad)),
        (492, "F8.3", FREQUENCY_HZ / 1e9),
        (500, "F16.7", WAVELENGTH_M),
        (516, "A2", "00"),
        (518, "A16", "LINEAR FM CHIRP"),
        (1534, "A8", "INCREASE"),
        (1542, "A8", direction),
        (1838, "F16.7", math.degrees(OFF_NADIR_RAD)),
        (1854, "I4", _BEAM),
    ]


def _pulse() -> list[Field]:
    """Return the fields of pulse, sampling and antenna."""
    return [
        *spread(534, [("E16.7", 0.0), ("E16.7", -CHIRP_RATE_HZ_S), ("E16.7", 0.0)]),
        (710, "F16.7", SAMPLING_HZ / 1e6),
        (742, "F16.7", PULSE_S * 1e6),
        (762, "A4", "NO"),
        (798, "I8", 5),
        (806, "A12", "UNIFORM I,Q"),
        *spread(818, [("F16.7", BIAS), ("F16.7", BIAS), ("F16.7", 1.0)]),
        (914, "F16.7", math.degrees(OFF_NADIR_RAD)),
        (934, "F16.7", PRF_HZ * 1000.0),
    ]


def _processing(scene: Acquisition) -> list[Field]:
    """Return the fields of facility and processing."""
    return [
        (1046, "A16", "EOC"),
        (1062, "A8", "ALOS"),
        (1070, "A8", "1.0"),
        (1094, "A16", "1.0"),
        (1110, "A32", "SIGNAL DATA"),
        (1142, "A32", "SIMULATED"),
        *spread(1174, [("F16.7", 1.0), ("F16.7", 1.0)]),
        (1238, "F16.7", PRF_HZ),
        (1254, "F16.7", BANDWIDTH_HZ / 1e3),
        (1686, "F16.7", scene.ground_speed_m_s / PRF_HZ),
        (1702, "F16.7", RANGE_SPACING_M),
    ]


def _positions(scene: Acquisition) -> bytes:
    """Return the record of state vectors, on whole minutes around the scene."""
    first = scene.start.replace(second=0, microsecond=0) - timedelta(
        seconds=(VECTORS // 2 - 1) * VECTOR_STEP_S
    )
    midnight = first.replace(hour=0, minute=0)
    since_node = (first - scene.flight.node) / timedelta(seconds=1) + np.arange(VECTORS) * VECTOR_STEP_S
    position, velocity = scene.flight.states(since_node)
    state = np.concatenate([position, velocity], axis=1)
    fields: list[Field] = [
        (12, "A32", "2"),
        *spread(44, [("F16.7", value) for value in (*position[0] / 1e3, *velocity[0] / 1e3)]),
        *spread(140, [("I4", VECTORS), ("I4", first.year), ("I4", first.month), ("I4", first.day)]),
        (156, "I4", first.timetuple().tm_yday),
        (160, "F22.12", (first - midnight) / timedelta(seconds=1)),
        (182, "F22.12", VECTOR_STEP_S),
        (204, "A64", "ECR"),
        (268, "F22.12", 0.0),
        *spread(386, [("F22.9", value) for value in state.ravel()]),
    ]
    return record(POSITION, (18, 30, 18, 20), fields, sequence=3)


def _attitudes(scene: Acquisition) -> bytes:
    """Return the record of attitudes: all are zero, because the antenna is yaw-steered to zero Doppler."""
    fields: list[Field] = [(12, "I4", _ATTITUDES)]
    for k in range(_ATTITUDES):
        when = scene.start.replace(microsecond=0) + timedelta(seconds=k - _ATTITUDES // 2)
        midnight = when.replace(hour=0, minute=0, second=0)
        quiet = [("I4", 0)] * 3 + [("F14.6", 0.0)] * 3
        fields += spread(
            16 + 120 * k,
            [
                ("I4", when.timetuple().tm_yday),
                ("I8", int((when - midnight) / timedelta(milliseconds=1))),
                *quiet,
                *quiet,
            ],
        )
    return record(ATTITUDE, (18, 40, 18, 20), fields, sequence=4)


def _calibration(scene: Acquisition) -> bytes:
    when = f"{scene.start:%Y%m%d%H%M%S}{scene.start.microsecond // 1000:03d}"
    fields: list[Field] = [
        (12, "I4", 1),
        (16, "I4", 0),
        (20, "A17", when),
        (37, "A17", when),
        (60, "I4", round(PULSE_S * 1e6)),
        (64, "I4", round(BANDWIDTH_HZ / 1e6)),
        (68, "I4", round(SAMPLING_HZ / 1e6)),
        (72, "I4", 5),
    ]
    return record(CALIBRATION, (18, 50, 18, 20), fields, sequence=5)
