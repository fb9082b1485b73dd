"""Stations with known velocity, such as GNSS, compared with the map of a stack."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isce2_recipe.errors import InputError
from isce2_recipe.types import longitude_near

_PLACE = ("name", "lon", "lat")
_TOWARDS, _ENU = ("velocity",), ("east", "north", "up")
_MOST_ROWS = 10_000
# Pixels to either side of a station whose median is compared.
_HALF = 1


@dataclass(frozen=True, slots=True)
class Station:
    """A station.

    Attributes
    ----------
    name : str
        Its name.
    longitude, latitude : float
        Place, degrees.
    towards_mm, enu_mm : float or None, tuple of float or None
        Velocity in mm a year: towards the satellite, or east, north and up.
    """

    name: str
    longitude: float
    latitude: float
    towards_mm: float | None
    enu_mm: tuple[float, float, float] | None


def read_stations(path: Path) -> list[Station]:
    """Read a CSV of stations: ``name,lon,lat`` with ``velocity`` or ``east,north,up`` in mm a year.

    Raises
    ------
    InputError
        If the file cannot be read or a row is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))[:_MOST_ROWS]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InputError(f"the table of stations {path} cannot be read: {exc}") from exc
    columns = [name.strip().lower() for name in (rows[0] if rows else {}) if name]
    kind = _TOWARDS if "velocity" in columns else _ENU
    missing = [name for name in (*_PLACE, *kind) if name not in columns]
    if missing:
        raise InputError(
            f"the table of stations {path} lacks the columns {', '.join(missing)}",
            hint="its first line must be name,lon,lat,velocity or name,lon,lat,east,north,up (mm a year)",
        )
    return [_station(path, number, row, kind) for number, row in enumerate(rows, 2)]


def _station(path: Path, number: int, row: Mapping[Any, Any], kind: Sequence[str]) -> Station:
    values = {str(key).strip().lower(): value for key, value in row.items()}
    try:
        lon, lat, *speeds = (float(values[name]) for name in ("lon", "lat", *kind))
    except (TypeError, ValueError):
        raise InputError(
            f"{path}:{number}: a number is missing or wrong", hint="write degrees and mm"
        ) from None
    if not all(map(math.isfinite, (lon, lat, *speeds))) or abs(lat) > 90 or abs(lon) > 360:
        raise InputError(f"{path}:{number}: {lon:g}, {lat:g} is not a longitude and a latitude")
    enu = None if kind == _TOWARDS else (speeds[0], speeds[1], speeds[2])
    return Station(str(values["name"]), lon, lat, None if enu else speeds[0], enu)


def station_rows(stations: Sequence[Station], product: Path) -> list[dict[str, Any]]:
    """Return the velocities of stations and of the map, mm a year, and their differences.

    The mean difference is removed, because the map is relative to its reference region.
    """
    import rasterio
    from rasterio.warp import transform

    if not stations:
        return []
    rows: list[dict[str, Any]] = []
    prefix = product / product.name
    layers = [prefix.with_name(f"{product.name}_{name}.tif") for name in ("velocity", "lv_theta", "lv_phi")]
    with rasterio.open(layers[0]) as dataset:
        places = [[s.longitude for s in stations], [s.latitude for s in stations]]
        xs, ys = transform("EPSG:4326", dataset.crs, *places)
        if dataset.crs.is_geographic:
            west, _, east, _ = dataset.bounds
            xs = [longitude_near(x, (west + east) / 2) for x in xs]
        for station, x, y in zip(stations, xs, ys, strict=True):
            row, col = dataset.index(x, y)
            velocity, theta, phi = (_median_near(file, row, col) for file in layers)
            rows.append(
                {
                    "name": station.name, "lon": station.longitude, "lat": station.latitude,
                    "given": _towards(station, theta, phi),
                    "found": None if math.isnan(velocity) else 1e3 * velocity, "rest": None, "map": (x, y),
                }
            )  # fmt: skip
    known = [row for row in rows if row["found"] is not None and not math.isnan(row["given"])]
    mean = float(np.mean([row["found"] - row["given"] for row in known])) if known else 0.0
    for row in known:
        row["rest"] = row["found"] - row["given"] - mean
    return rows


def _towards(station: Station, theta: float, phi: float) -> float:
    """Return a station's velocity along the look vector from the ground to the satellite."""
    if station.enu_mm is None:
        return float(station.towards_mm or 0.0)
    east, north, up = station.enu_mm
    level = east * math.cos(phi) + north * math.sin(phi)
    return level * math.cos(theta) + up * math.sin(theta)


def _median_near(path: Path, row: int, col: int) -> float:
    """Return the median of the pixels around one; NaN where there is no data."""
    import rasterio
    from rasterio.windows import Window

    with rasterio.open(path) as dataset:
        if not (_HALF <= row < dataset.height - _HALF and _HALF <= col < dataset.width - _HALF):
            return math.nan
        values = dataset.read(1, window=Window(col - _HALF, row - _HALF, 2 * _HALF + 1, 2 * _HALF + 1))
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan
