"""Burst products whose radar layers are known functions of time and range."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from isce2_recipe.types import BurstName

LINES, SAMPLES = 60, 90
LINE_S, SAMPLE_M = 4 * 2.0555563e-3, 20 * 2.329562
BURST_LINES = 4 * 45 + 2  # from burst to burst, in lines before multilooking: half a look is left over
FIRST = datetime(2020, 6, 4, 2, 23, 12, tzinfo=UTC)
NEAR_M = 845000.0


def phase(time_s: np.ndarray, range_m: np.ndarray) -> np.ndarray:
    """Return the phase of the whole scene, radians, smooth over some pixels; seconds after `FIRST`."""
    line, sample = time_s / LINE_S, (range_m - NEAR_M) / SAMPLE_M
    return 0.11 * line + 0.07 * sample + 2.0 * np.sin(line / 25.0) * np.cos(sample / 31.0)


def place(time_s: np.ndarray, range_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return latitude and longitude, degrees."""
    line, sample = time_s / LINE_S, (range_m - NEAR_M) / SAMPLE_M
    return 27.6 - 5.0e-4 * line - 1.0e-4 * sample, 53.4 - 1.2e-4 * line + 7.0e-4 * sample


def write_product(
    folder: Path,
    number: int = 136231,
    swath: int = 2,
    *,
    start: datetime = FIRST,
    days: int = 12,
    polarization: str = "VV",
    looks: str = "20x4",
    changes: dict[str, str | None] | None = None,
    suffix: str = "AB12",
) -> Path:
    """A product of one burst pair in ``folder``; ``changes`` are made to its parameter file."""
    begin = start + timedelta(seconds=(number - 136231) * BURST_LINES * LINE_S / 4)
    near = NEAR_M + (swath - 2) * 75.5 * SAMPLE_M
    rl, al = map(int, looks.split("x"))
    secondary = BurstName(
        (begin + timedelta(days=days)).replace(microsecond=0), number, swath, polarization, "5D11"
    )
    reference = BurstName(begin.replace(microsecond=0), number, swath, polarization, "7C85")
    dates = f"{reference.start:%Y%m%d}_{secondary.start:%Y%m%d}"
    name = f"S1_{number:06d}_IW{swath}_{dates}_{polarization}_INT80_{suffix}"
    (folder / name).mkdir(parents=True)
    stop = begin + timedelta(seconds=(LINES * al - 1) * LINE_S / al)
    parameters: dict[str, str | None] = {
        "Reference Granule": str(reference),
        "Secondary Granule": str(secondary),
        "Reference Pass Direction": "DESCENDING",
        "Reference Orbit Number": "32861",
        "Secondary Orbit Number": "33036",
        "Baseline": "98.5",
        "UTC time": "8592.0",
        "Heading": "-167.4",
        "Spacecraft height": "693000.0",
        "Earth radius at nadir": "6337286.638938101",
        "Slant range near": repr(near),
        "Slant range far": repr(near + SAMPLES * SAMPLE_M),
        "Range looks": str(rl),
        "Azimuth looks": str(al),
        "Radar n lines": str(LINES),
        "Radar n samples": str(SAMPLES),
        "Radar first valid line": "4",
        "Radar n valid lines": str(LINES - 8),
        "Radar first valid sample": "3",
        "Radar n valid samples": str(SAMPLES - 6),
        "Multilook azimuth time interval": repr(LINE_S),
        "Multilook range pixel size": repr(SAMPLE_M),
        "Radar sensing stop": f"{stop:%Y-%m-%dT%H:%M:%S.%f}",
        **(changes or {}),
    }
    text = "".join(f"{key}: {value}\n" for key, value in parameters.items() if value is not None)
    (folder / name / f"{name}.txt").write_text(text)
    _write_layers(folder / name / name, (begin - FIRST).total_seconds() if start == FIRST else 0.0, near)
    return folder / name


def _write_layers(prefix: Path, begin_s: float, near_m: float) -> None:
    time_s = (begin_s + np.arange(LINES) * LINE_S)[:, None]
    range_m = (near_m + np.arange(SAMPLES) * SAMPLE_M)[None, :]
    wrapped = np.zeros((LINES, SAMPLES), np.complex64)
    wrapped[4:-4, 3:-3] = 50.0 * np.exp(1j * phase(time_s, range_m))[4:-4, 3:-3]
    latitude, longitude = place(time_s, range_m)
    los = np.stack([np.full_like(latitude, 38.0), np.full_like(latitude, -100.0)]).astype(np.float32)
    layers = {"wrapped_phase": wrapped[None], "lat": latitude[None], "lon": longitude[None], "los": los}
    for layer, values in layers.items():
        write_raster(prefix.with_name(f"{prefix.name}_{layer}_rdr.tif"), values)


def write_raster(path: Path, values: np.ndarray) -> None:
    """A GeoTIFF without a place, of shape (bands, lines, samples)."""
    import rasterio

    bands, lines, samples = values.shape
    profile = {"driver": "GTiff", "dtype": values.dtype, "count": bands, "height": lines, "width": samples}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.write(values)
