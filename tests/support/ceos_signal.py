"""Signal files of ALOS scenes with any headers, for tests of reading them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isce2_recipe.alos.signal import DESCRIPTOR, line_type

NEAR_M = 850_000
PRF_MHZ = 2_159_827


def records(signal: np.ndarray, **headers: object) -> np.ndarray:
    """Return the records of pulses, (lines, samples) of complex values around 0 and at most 15.

    Without headers the pulses follow each other at `PRF_MHZ`, from one second of the 60th day of 2009 on.
    """
    lines, samples = signal.shape
    out = np.zeros(lines, line_type(samples))
    prf = np.asarray(headers.get("prf_millihertz", PRF_MHZ))
    values = {
        "sequence": 2 + np.arange(lines), "length": out.itemsize, "data_pixels": samples,
        "year": 2009, "day_of_year": 60,
        "milliseconds": np.floor(1000.0 + np.arange(lines) * 1e6 / prf + 1e-6).astype(int),
        "prf_millihertz": prf, "slant_range_m": NEAR_M,
    } | headers  # fmt: skip
    for name, value in values.items():
        out[name] = value
    out["signal"] = np.clip(np.floor(signal.astype(np.complex64).view(np.float32) + 16.0), 0, 31)
    return out


def write_records(path: Path, *parts: np.ndarray) -> Path:
    """Write records after a descriptor that says nothing."""
    path.write_bytes(b" " * DESCRIPTOR + b"".join(part.tobytes() for part in parts))
    return path
