"""The step ``verifyDEM``, and reading the part of a DEM around a burst."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.job import Job
from isce2_recipe.engines.builtin.workplace import Catalog
from isce2_recipe.errors import InputError
from isce2_recipe.types import Bounds

# Lower heights are replaced by this one, as in ISCE2.
_LOWEST_M = -500.0
# Margin around the bounding box of a burst, degrees.
_MARGIN_DEG = 0.02


@dataclass(frozen=True, slots=True)
class DemWindow:
    """Part of a DEM: heights above the ellipsoid, shape (rows, cols), on a geographic grid.

    ``north_rad`` and ``west_rad`` are the centre of the first pixel; the step between rows is negative.
    """

    heights_m: NDArray[np.float32]
    north_rad: float
    west_rad: float
    step_lat_rad: float
    step_lon_rad: float

    @property
    def origin(self) -> tuple[float, float, float, float]:
        """Return latitude and longitude of the first pixel and the steps, radians, for kernels."""
        return self.north_rad, self.west_rad, self.step_lat_rad, self.step_lon_rad

    def outside(self, lat_deg: NDArray[np.float64], lon_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return a mask of the points that are more than a pixel outside the DEM."""
        row = (np.radians(lat_deg) - self.north_rad) / self.step_lat_rad
        col = (np.radians(lon_deg) - self.west_rad) / self.step_lon_rad
        rows, cols = self.heights_m.shape
        outside: NDArray[np.bool_] = (row < -1) | (row > rows) | (col < -1) | (col > cols)
        return outside


def verify_dem(job: Job) -> Catalog:
    """Check that the DEMs can be used; nothing is downloaded."""
    for path in {job.config.dem, job.config.geocode_dem}:
        read_dem_header(path)
    return {}


def read_dem_header(path: Path) -> isceimage.IsceImage:
    """Read the header of a DEM; raise `InputError` unless it has map and ellipsoidal coordinates."""
    header = isceimage.read_header(path)
    header.require_map_grid()
    if (header.reference or "EGM96").upper() != "WGS84":
        raise InputError(
            f"{path} has heights above the geoid ({header.reference or 'EGM96'}), not the WGS84 ellipsoid",
            hint="use a DEM with ellipsoidal heights and 'reference' WGS84 in its .xml",
        )
    return header


def read_dem_window(path: Path, box: tuple[float, float, float, float]) -> DemWindow:
    """Read the part of a DEM around a box (south, north, west, east in degrees), which it may cover in part.

    Raises
    ------
    InputError
        If the file cannot be used or does not reach the box.
    """
    header = read_dem_header(path)
    grid = header.require_map_grid()
    heights = isceimage.open_array(header)[0]
    rows, cols = heights.shape
    south, north, west, east = box
    west, south, east, north = Bounds(west, south, east, north).near(header.node_bounds)
    top, bottom = (
        int((lat - grid.first_latitude) / grid.delta_latitude)
        for lat in (north + _MARGIN_DEG, south - _MARGIN_DEG)
    )
    left, right = (
        int((lon - grid.first_longitude) / grid.delta_longitude)
        for lon in (west - _MARGIN_DEG, east + _MARGIN_DEG)
    )
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, rows), min(right, cols)
    if top + 4 > bottom or left + 4 > right:
        raise InputError(
            f"the DEM {path} does not cover the scene (latitude {south:.3f} to {north:.3f}, "
            f"longitude {west:.3f} to {east:.3f})",
            hint="use a DEM that covers the scene with a margin of 0.1 degrees",
        )
    part = np.nan_to_num(heights[top:bottom, left:right].astype(np.float32), nan=0.0)
    return DemWindow(
        np.maximum(part, np.float32(_LOWEST_M)),
        float(np.radians(grid.first_latitude + top * grid.delta_latitude)),
        float(np.radians(grid.first_longitude + left * grid.delta_longitude)),
        float(np.radians(grid.delta_latitude)),
        float(np.radians(grid.delta_longitude)),
    )
