"""The signal data file (``IMG-HH-...``): a header and the samples of every pulse."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import IO

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.alos.ceos import Field, descriptor, record, spread
from isce2_recipe.sources.simulated.alos.acquisition import PRF_HZ, PULSE_S, Acquisition
from isce2_recipe.sources.simulated.alos.passes import OFF_NADIR_RAD

DESCRIPTOR, HEADER = 720, 412
_BLOCK_LINES = 1024

# Big-endian fields of a pulse's header: type and offset.
_FIELDS = {
    "sequence": (">i4", 0), "code": ("4u1", 4), "length": (">i4", 8), "line": (">i4", 12),
    "record": (">i4", 16), "left_fill": (">i4", 20), "data_pixels": (">i4", 24), "right_fill": (">i4", 28),
    "updated": (">i4", 32), "year": (">i4", 36), "day_of_year": (">i4", 40), "milliseconds": (">i4", 44),
    "channel": (">i2", 48), "channel_code": (">i2", 50), "transmitted": (">i2", 52), "received": (">i2", 54),
    "prf_millihertz": (">i4", 56), "scan": (">i4", 60), "compressed": (">i2", 64), "chirp_kind": (">i2", 66),
    "chirp_nanoseconds": (">i4", 68), "electronic_nadir_angle": (">i4", 100), "slant_range_m": (">i4", 116),
    "latitude": (">i4", 132), "longitude": (">i4", 136), "altitude_m": (">i4", 140), "speed": (">i4", 144),
    "frame_counter": (">i4", 284),
}  # fmt: skip


def line_type(samples: int) -> np.dtype[np.void]:
    """Return the type of a pulse's record: header fields by name, and ``signal`` with I and Q alternating."""
    names = [*_FIELDS, "signal"]
    return np.dtype(
        {
            "names": names,
            "formats": [form for form, _ in _FIELDS.values()] + [f"{2 * samples}u1"],
            "offsets": [offset for _, offset in _FIELDS.values()] + [HEADER],
            "itemsize": HEADER + 2 * samples,
        }
    )


def write_signal(stream: IO[bytes], scene: Acquisition, signal: NDArray[np.uint8]) -> None:
    """Write the file of one polarization.

    Parameters
    ----------
    stream : binary file
        File to write to.
    scene : Acquisition
        Acquisition of the scene.
    signal : ndarray of uint8, shape (lines, 2 * samples)
        I and Q of each pulse.
    """
    stream.write(_descriptor(scene))
    for first in range(0, scene.lines, _BLOCK_LINES):
        stream.write(_records(scene, first, signal[first : first + _BLOCK_LINES]))


def _descriptor(scene: Acquisition) -> bytes:
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
    return record(DESCRIPTOR, (50, 192, 18, 18), fields, sequence=1)


def _records(scene: Acquisition, first: int, signal: NDArray[np.uint8]) -> bytes:
    """Return the records of the pulses from ``first`` on."""
    count = signal.shape[0]
    records = np.zeros(count, dtype=line_type(scene.samples))
    number = first + np.arange(count)
    position, velocity = scene.flight.states(scene.start_s + 0.5 * scene.lines / PRF_HZ)
    lat, lon = scene.nadir
    midnight = scene.start.replace(hour=0, minute=0, second=0, microsecond=0)
    start_ms = (scene.start - midnight) / timedelta(milliseconds=1)
    since_midnight = np.floor(start_ms + 1000.0 * number / PRF_HZ + 1e-6).astype(np.int64)
    day = midnight.timetuple().tm_yday + since_midnight // 86400000
    values = {
        "sequence": number + 2, "code": (50, 10, 18, 20), "length": HEADER + 2 * scene.samples,
        "line": number + 1, "record": 1, "data_pixels": scene.samples, "updated": number == 0,
        "year": midnight.year, "day_of_year": day, "milliseconds": since_midnight % 86400000, "channel": 1,
        "prf_millihertz": round(PRF_HZ * 1000.0), "chirp_nanoseconds": round(PULSE_S * 1e9),
        "electronic_nadir_angle": round(math.degrees(OFF_NADIR_RAD) * 1e6),
        "slant_range_m": round(scene.near_range_m), "latitude": round(lat * 1e6),
        "longitude": round(lon * 1e6), "altitude_m": round(float(np.linalg.norm(position)) - 6371000.0),
        "speed": round(float(np.linalg.norm(velocity)) * 100.0), "frame_counter": number + 1,
        "signal": signal,
    }  # fmt: skip
    for name, value in values.items():
        records[name] = value
    return records.tobytes()
