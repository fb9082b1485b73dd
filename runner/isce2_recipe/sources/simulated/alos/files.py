"""The files of a scene in CEOS format: leader, signal data, volume directory, trailer and work report."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import IO

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.alos.ceos import Field, descriptor, record, spread
from isce2_recipe.alos.signal import HEADER, line_type
from isce2_recipe.sources.simulated.alos import palsar
from isce2_recipe.sources.simulated.alos.acquisition import Acquisition

# Lengths of records, bytes.
_DESCRIPTOR, _SUMMARY, _POSITION, _ATTITUDE, _CALIBRATION, _RECORD, _TRAILER = (
    720,
    4096,
    4680,
    8192,
    13212,
    360,
    720,
)
# ISCE2 reads exactly this number of state vectors.
_VECTORS, _VECTOR_STEP_S = 28, 60.0
_ATTITUDES = 22
_BEAM = 7
_BLOCK_LINES = 1024


def leader_file(scene: Acquisition) -> bytes:
    """Return the content of the leader file."""
    return b"".join(
        [
            _leader_descriptor(scene),
            _summary(scene),
            _positions(scene),
            _attitudes(scene),
            _calibration(scene),
        ]
    )


def _leader_descriptor(scene: Acquisition) -> bytes:
    counts = {
        180: (1, _SUMMARY),
        192: (0, 0),
        204: (1, _POSITION),
        216: (1, _ATTITUDE),
        336: (1, _CALIBRATION),
    }
    absent = dict.fromkeys(range(228, 336, 12), (0, 0)) | {348: (0, 0)}
    fields = descriptor("CEOS-SAR", 1, f"{str(scene.name)[:11]}SARL", counts | absent)
    return record(_DESCRIPTOR, (11, 192, 18, 18), fields, sequence=1)


def _summary(scene: Acquisition) -> bytes:
    fields = [*_place(scene), *_sensor(scene), *_pulse(), *_processing(scene)]
    return record(_SUMMARY, (18, 10, 18, 20), fields, sequence=2)


def _place(scene: Acquisition) -> list[Field]:
    """Return the fields of identity, centre and ellipsoid."""
    middle = scene.start + timedelta(seconds=0.5 * (scene.lines - 1) / palsar.PRF_HZ)
    lat, lon = scene.centre
    bins = scene.samples - palsar.PULSE_SAMPLES
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
        (356, "F16.7", bins * palsar.RANGE_SPACING_M / math.sin(scene.incidence_rad) / 1000.0),
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
        (492, "F8.3", palsar.FREQUENCY_HZ / 1e9),
        (500, "F16.7", palsar.WAVELENGTH_M),
        (516, "A2", "00"),
        (518, "A16", "LINEAR FM CHIRP"),
        (1534, "A8", "INCREASE"),
        (1542, "A8", direction),
        (1838, "F16.7", math.degrees(palsar.OFF_NADIR_RAD)),
        (1854, "I4", _BEAM),
    ]


def _pulse() -> list[Field]:
    """Return the fields of pulse, sampling and antenna."""
    return [
        *spread(534, [("E16.7", 0.0), ("E16.7", -palsar.CHIRP_RATE_HZ_S), ("E16.7", 0.0)]),
        (710, "F16.7", palsar.SAMPLING_HZ / 1e6),
        (742, "F16.7", palsar.PULSE_S * 1e6),
        (762, "A4", "NO"),
        (798, "I8", 5),
        (806, "A12", "UNIFORM I,Q"),
        *spread(818, [("F16.7", palsar.BIAS), ("F16.7", palsar.BIAS), ("F16.7", 1.0)]),
        (914, "F16.7", math.degrees(palsar.OFF_NADIR_RAD)),
        (934, "F16.7", palsar.PRF_HZ * 1000.0),
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
        (1238, "F16.7", palsar.PRF_HZ),
        (1254, "F16.7", palsar.BANDWIDTH_HZ / 1e3),
        (1686, "F16.7", scene.ground_speed_m_s / palsar.PRF_HZ),
        (1702, "F16.7", palsar.RANGE_SPACING_M),
    ]


def _positions(scene: Acquisition) -> bytes:
    """Return the record of state vectors, on whole minutes around the scene."""
    first = scene.start.replace(second=0, microsecond=0) - timedelta(
        seconds=(_VECTORS // 2 - 1) * _VECTOR_STEP_S
    )
    midnight = first.replace(hour=0, minute=0)
    since_node = (first - scene.flight.node) / timedelta(seconds=1) + np.arange(_VECTORS) * _VECTOR_STEP_S
    position, velocity = scene.flight.states(since_node)
    state = np.concatenate([position, velocity], axis=1)
    fields: list[Field] = [
        (12, "A32", "2"),
        *spread(44, [("F16.7", value) for value in (*position[0] / 1e3, *velocity[0] / 1e3)]),
        *spread(140, [("I4", _VECTORS), ("I4", first.year), ("I4", first.month), ("I4", first.day)]),
        (156, "I4", first.timetuple().tm_yday),
        (160, "F22.12", (first - midnight) / timedelta(seconds=1)),
        (182, "F22.12", _VECTOR_STEP_S),
        (204, "A64", "ECR"),
        (268, "F22.12", 0.0),
        *spread(386, [("F22.9", value) for value in state.ravel()]),
    ]
    return record(_POSITION, (18, 30, 18, 20), fields, sequence=3)


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
    return record(_ATTITUDE, (18, 40, 18, 20), fields, sequence=4)


def _calibration(scene: Acquisition) -> bytes:
    when = f"{scene.start:%Y%m%d%H%M%S}{scene.start.microsecond // 1000:03d}"
    fields: list[Field] = [
        (12, "I4", 1),
        (16, "I4", 0),
        (20, "A17", when),
        (37, "A17", when),
        (60, "I4", round(palsar.PULSE_S * 1e6)),
        (64, "I4", round(palsar.BANDWIDTH_HZ / 1e6)),
        (68, "I4", round(palsar.SAMPLING_HZ / 1e6)),
        (72, "I4", 5),
    ]
    return record(_CALIBRATION, (18, 50, 18, 20), fields, sequence=5)


def write_signal(stream: IO[bytes], scene: Acquisition, signal: NDArray[np.uint8]) -> None:
    """Write the signal data file (``IMG-HH-...``) with I and Q of each pulse, shape (lines, 2 * samples)."""
    stream.write(_signal_descriptor(scene))
    for first in range(0, scene.lines, _BLOCK_LINES):
        stream.write(_records(scene, first, signal[first : first + _BLOCK_LINES]))


def _signal_descriptor(scene: Acquisition) -> bytes:
    length = HEADER + 2 * scene.samples
    fields: list[Field] = [
        *descriptor("CEOS-SAR", 2, f"{str(scene.name)[:11]}IMOP", {180: (scene.lines, length)}),
        *spread(216, [("I4", 8), ("I4", 2), ("I4", 2), ("A4", ""), ("I4", 1), ("I8", scene.lines)]),
        *spread(244, [("I4", 0), ("I8", scene.samples), ("I4", 0), ("I4", 0), ("I4", 0), ("A4", "BSQ")]),
        *spread(272, [("I2", 1), ("I2", 1), ("I4", HEADER), ("I8", 2 * scene.samples), ("I4", 0)]),
        *spread(296, [("A8", "  13 4PB"), ("A8", "  49 2PB"), ("A8", "  37 8PB")]),
        *spread(320, [("A8", "  21 4PB"), ("A8", "  29 4PB")]),
        *spread(400, [("A28", "COMPLEX UNSIGNED INTEGER*1"), ("A4", "CIB2")]),
        *spread(432, [("I4", 0), ("I4", 3), ("I8", 31)]),
    ]
    return record(_DESCRIPTOR, (50, 192, 18, 18), fields, sequence=1)


def _records(scene: Acquisition, first: int, signal: NDArray[np.uint8]) -> bytes:
    """Return the records of the pulses from ``first`` on."""
    count = signal.shape[0]
    records = np.zeros(count, dtype=line_type(scene.samples))
    number = first + np.arange(count)
    position, velocity = scene.flight.states(scene.start_s + 0.5 * scene.lines / palsar.PRF_HZ)
    lat, lon = scene.nadir
    midnight = scene.start.replace(hour=0, minute=0, second=0, microsecond=0)
    start_ms = (scene.start - midnight) / timedelta(milliseconds=1)
    since_midnight = np.floor(start_ms + 1000.0 * number / palsar.PRF_HZ + 1e-6).astype(np.int64)
    day = midnight.timetuple().tm_yday + since_midnight // 86400000
    values = {
        "sequence": number + 2, "code": (50, 10, 18, 20), "length": HEADER + 2 * scene.samples,
        "line": number + 1, "record": 1, "data_pixels": scene.samples, "updated": number == 0,
        "year": midnight.year, "day_of_year": day, "milliseconds": since_midnight % 86400000, "channel": 1,
        "prf_millihertz": round(palsar.PRF_HZ * 1000.0), "chirp_nanoseconds": round(palsar.PULSE_S * 1e9),
        "electronic_nadir_angle": round(math.degrees(palsar.OFF_NADIR_RAD) * 1e6),
        "slant_range_m": round(scene.near_range_m), "latitude": round(lat * 1e6),
        "longitude": round(lon * 1e6), "altitude_m": round(float(np.linalg.norm(position)) - 6371000.0),
        "speed": round(float(np.linalg.norm(velocity)) * 100.0), "frame_counter": number + 1,
        "signal": signal,
    }  # fmt: skip
    for name, value in values.items():
        records[name] = value
    return records.tobytes()


def volume_file(scene: Acquisition) -> bytes:
    """Return the volume directory (``VOL-...``), which lists the files and their records."""
    made = f"{scene.start:%Y%m%d}"
    fields: list[Field] = [
        (12, "A2", "A"),
        (16, "A12", "CEOS-SAR-CCT"),
        (28, "A2", "A"),
        (30, "A2", "A"),
        (32, "A12", "1.0"),
        (44, "A16", "SIMULATED"),
        (60, "A16", str(scene.name)),
        (76, "A16", str(scene.name)),
        *[(offset, "I2", 1) for offset in (92, 94, 96, 98)],
        (100, "I4", 1),
        (108, "I4", 1),
        (112, "A8", made),
        (120, "A8", f"{scene.start:%H%M%S}"),
        (128, "A12", "SIMULATED"),
        (160, "I4", 3),
        (164, "I4", 5),
    ]
    length = HEADER + 2 * scene.samples
    files = (
        ("SARL", "SARLEADER FILE", 5, _DESCRIPTOR, _CALIBRATION),
        ("IMOP", "IMAGERY OPTIONS FILE", scene.lines + 1, _DESCRIPTOR, length),
        ("SART", "SARTRAILER FILE", 1, _TRAILER, _TRAILER),
    )
    pointers = [_pointer(scene, k + 1, *entry) for k, entry in enumerate(files)]
    text: list[Field] = [
        (12, "A2", "A"),
        (16, "A40", "PRODUCT:ALOS PALSAR LEVEL 1.0"),
        (56, "A60", "PROCESS:SIMULATED"),
        (156, "A40", f"SCENE:{scene.name}"),
    ]
    head = record(_RECORD, (192, 192, 18, 18), fields, sequence=1)
    tail = record(_RECORD, (18, 63, 18, 18), text, sequence=5)
    return b"".join([head, *pointers, tail])


def _pointer(
    scene: Acquisition, number: int, kind: str, title: str, count: int, first: int, most: int
) -> bytes:
    fields: list[Field] = [
        (12, "A2", "A"),
        (16, "I4", number),
        (20, "A16", f"{str(scene.name)[:11]}{kind}"),
        (36, "A28", title),
        (64, "A4", kind),
        (68, "A28", "MIXED BINARY AND ASCII"),
        (96, "A4", "MBAA"),
        (100, "I8", count),
        (108, "I8", first),
        (116, "I8", most),
        (124, "A12", "VARIABLE LEN"),
        (136, "A4", "VARE"),
        (140, "I2", 1),
        (142, "I2", 1),
        (144, "I8", 1),
        (152, "I8", count),
    ]
    return record(_RECORD, (219, 192, 18, 18), fields, sequence=number + 1)


def trailer_file(scene: Acquisition) -> bytes:
    """Return the trailer (``TRL-...``), which has no further records."""
    fields = descriptor("CEOS-SAR", 3, f"{str(scene.name)[:11]}SART", {})
    return record(_TRAILER, (63, 192, 18, 18), fields, sequence=1)


def work_report(scene: Acquisition) -> str:
    """Return the work report, a summary of the scene as text."""
    centre = scene.centre
    lines = {
        "Scs_SceneID": scene.name,
        "Pds_ProductID": "H1.0__A" if scene.ascending else "H1.0__D",
        "Lbi_ProcessLevel": "1.0",
        "Lbi_Satellite": "ALOS",
        "Lbi_Sensor": "PALSAR",
        "Lbi_ObservationDate": f"{scene.start:%Y%m%d}",
        "Img_SceneStartDateTime": f"{scene.start:%Y%m%d %H:%M:%S.%f}"[:-3],
        "Img_SceneEndDateTime": f"{scene.stop:%Y%m%d %H:%M:%S.%f}"[:-3],
        "Img_ImageSceneCenterLatitude": f"{centre[0]:.3f}",
        "Img_ImageSceneCenterLongitude": f"{centre[1]:.3f}",
        "Img_OffNadirAngle": f"{math.degrees(palsar.OFF_NADIR_RAD):.1f}",
        "Img_PRF": f"{palsar.PRF_HZ:.3f}",
        "Img_RangeSpacing": f"{palsar.RANGE_SPACING_M:.6f}",
        "Pdi_NoOfLines": scene.lines,
        "Pdi_NoOfPixels": scene.samples,
        "Rad_PracticeResultCode": "SIMULATED",
    }
    return "".join(f'{key}="{value}"\n' for key, value in lines.items())
